"""What the AWS API of the local stack refuses, and how.

AwsError
└── SqsError
"""


class AwsError(Exception):
    """A refusal as AWS words it: `code` and `message` as documented, `status` the HTTP status it comes with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class SqsError(AwsError):
    """Amazon SQS refuses a call. Codes are those of the query protocol, e.g. InvalidParameterValue."""
