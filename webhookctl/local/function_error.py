"""What the caller of a function sees when it did not answer."""


class FunctionError(Exception):
    """The error type and message that Lambda reports to the caller, as in the body of a failed Invoke."""

    def __init__(self, error_type: str, error_message: str) -> None:
        super().__init__(f"{error_type}: {error_message}")
        self.error_type = error_type
        self.error_message = error_message
