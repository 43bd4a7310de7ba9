"""The key that a source's sender signs with, from Secrets Manager."""

from webhookctl.environment import Environment, Source
from webhookctl.failure import Failure


def read_secret(environment: Environment, source: Source) -> str:
    """The current text of the source's secret; empty for an unsigned source. Raises Failure, and what boto3 raises."""
    if source.secret_name is None:
        return ""
    client = environment.secrets_manager()
    try:
        text = client.get_secret_value(SecretId=source.secret_name).get("SecretString")
    except client.exceptions.ResourceNotFoundException:
        raise Failure(
            f"The secret {source.secret_name} has no value in {environment.region}. Put the sender's one there: "
            f"aws secretsmanager put-secret-value --secret-id {source.secret_name} --secret-string file://FILE"
        ) from None
    if text is None:
        raise Failure(f"The secret {source.secret_name} is binary: put it there as text.")
    return text
