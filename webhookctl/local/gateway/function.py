"""A Lambda function behind an integration of type AWS.

API Gateway Developer Guide, "Set up Lambda custom integrations in API Gateway" and "Handle Lambda errors in API
Gateway": the request template makes the event, and an error of the function is an answer like any other. API Reference,
"IntegrationResponse": selection patterns are matched with a function's error; with nothing when there is none (recorded
in localstack/localstack pull request 12580).
"""

import json

from webhookctl.local.function_error import FunctionError
from webhookctl.local.gateway.authorizer import Invoke
from webhookctl.local.gateway.errors import Refused
from webhookctl.local.gateway.model import Function

# Lambda's own refusals, before any code of the function has run. No selection pattern ever sees them
# (stackoverflow.com/questions/36363280).
REFUSED_BY_LAMBDA = frozenset({"TooManyRequestsException", "ResourceNotFoundException", "ResourceNotReadyException"})
TOO_LARGE = "RequestTooLargeException"


async def call_function(
    function: Function, request: bytes, trace_header: str | None, invoke: Invoke
) -> tuple[str, bytes]:
    """What selection patterns are matched with, and the answer. Raises Refused where Lambda runs nothing.

    An event above Lambda's 6 MB is a 413 (DataBiosphere/azul issue 8258, of a proxy integration), and one that is not
    JSON a 400 with Lambda's message (aws-quickstart/quickstart-git2s3 pull request 6).
    """
    try:
        event = json.loads(request)
    except ValueError as error:
        raise Refused("DEFAULT_4XX", f"Could not parse request body into json: {error}") from error
    try:
        answer = await invoke(function.arn, event, trace_header)
    except FunctionError as error:
        if error.error_type == TOO_LARGE:
            raise Refused("REQUEST_TOO_LARGE", "Request Too Long") from error
        if error.error_type in REFUSED_BY_LAMBDA:
            raise Refused("INTEGRATION_FAILURE", "Internal server error") from error
        described = {"errorMessage": error.error_message, "errorType": error.error_type}
        return error.error_message, _json(described)
    return "", _json(answer)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
