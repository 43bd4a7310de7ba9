"""The keys that a source's sender signs with, from Secrets Manager."""

from typing import TYPE_CHECKING

from common.secret import live_versions
from webhookctl.environment import Environment, Source
from webhookctl.failure import Failure

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def read_secret(environment: Environment, source: Source) -> str:
    """The current text of the source's secret; empty for an unsigned source. Raises Failure, and what boto3 raises."""
    if source.secret_name is None:
        return ""
    return _current(environment.secrets_manager(), source.secret_name)


def read_live_versions(environment: Environment, source: Source) -> list[str]:
    """The texts of the secret's live versions, the current one first; none for an unsigned source. Raises likewise."""
    if source.secret_name is None:
        return []
    client = environment.secrets_manager()
    _current(client, source.secret_name)  # which says what to do where there is none
    return live_versions(client, source.secret_name)


def _current(client: "SecretsManagerClient", name: str) -> str:
    try:
        text = client.get_secret_value(SecretId=name).get("SecretString")
    except client.exceptions.ResourceNotFoundException:
        raise Failure(
            f"The secret {name} has no value in {client.meta.region_name}. Put the sender's one there: "
            f"aws secretsmanager put-secret-value --secret-id {name} --secret-string file://FILE"
        ) from None
    if text is None:
        raise Failure(f"The secret {name} is binary: put it there as text.")
    return text
