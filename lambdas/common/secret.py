"""A secret's live versions, through a client of boto3's that the caller made."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def live_versions(client: "SecretsManagerClient", name: str) -> list[str]:
    """The texts of AWSCURRENT and, when there is one, AWSPREVIOUS. Raises botocore's ClientError, and KeyError.

    A binary previous version is an empty text: it is no key, and must not stop the current one.
    """
    current = client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]
    try:
        previous = client.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
    except client.exceptions.ResourceNotFoundException:
        return [current]
    return [current, previous.get("SecretString", "")]
