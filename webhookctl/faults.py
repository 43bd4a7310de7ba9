"""AWS's faults in the words of somebody who has to do something about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from webhookctl.environment import NOT_RUNNING, Environment
from webhookctl.failure import Failure, WrongUsage

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_NOT_PERMITTED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_NOT_KNOWN = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnrecognizedClientException",
}
_LOG_IN = "Log in again (aws sso login, or aws configure), or choose another with --profile."


@contextmanager
def explained_faults(environment: Environment) -> Iterator[None]:
    """Turns what boto3 raises inside into a Failure of one sentence."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise Failure(_answered(error, environment)) from error
    except BotoCoreError as error:
        raise _not_answered(error, environment) from error


def _answered(error: "ClientError", environment: Environment) -> str:
    code = error.response.get("Error", {}).get("Code", "no code")
    message = error.response.get("Error", {}).get("Message", "").rstrip(".")
    if code in _NOT_PERMITTED:
        return f"AWS denies {error.operation_name}: {message}. Have it permitted, or choose another --profile."
    if code in _NOT_KNOWN:
        return f"AWS does not accept the credentials ({code}). {_LOG_IN}"
    if code == "ResourceNotFoundException" and error.operation_name in {"Query", "GetItem", "PutItem"}:
        return (
            f"There is no table {environment.table_name} with the index by_time in {environment.region}: "
            f"look at --env, --profile and --region, and whether {environment.label} is applied."
        )
    return f"AWS answered {error.operation_name} with {code}: {message}."


def _not_answered(error: "BotoCoreError", environment: Environment) -> Failure:
    from botocore import exceptions

    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return Failure("There are no AWS credentials: choose a profile with --profile, or log in with aws configure.")
    if isinstance(error, exceptions.ProfileNotFound):
        return WrongUsage(f"There is no AWS profile {environment.profile!r}; aws configure list-profiles shows them.")
    if isinstance(error, exceptions.SSOError | exceptions.TokenRetrievalError):
        return Failure(f"The AWS session has ended ({error}). {_LOG_IN}")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        if environment.is_local:
            return Failure(f"The local stack does not answer at {environment.aws_endpoint_url}. {NOT_RUNNING}")
        return Failure(f"AWS can't be reached ({error}): look at the network, and at --region {environment.region}.")
    return Failure(f"AWS can't be asked: {error}.")
