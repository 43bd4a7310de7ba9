"""The usual authorizer: boto3 for Secrets Manager, and HMAC over a header that stands for the body."""

import contextlib
import hashlib
import hmac
import os
from typing import Any

import boto3

secrets_manager = boto3.client("secretsmanager")
keys: list[bytes] = []


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Allows what is signed with the secret's current or its previous value."""
    headers = {name.lower(): values[0] for name, values in event["multiValueHeaders"].items()}
    if not keys:
        keys.extend(read_keys(os.environ["SECRET_NAME"]))
    signed, given = headers["content-digest"].encode(), headers["x-signature"]
    genuine = any(hmac.compare_digest(hmac.new(key, signed, hashlib.sha256).hexdigest(), given) for key in keys)
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if genuine else "Deny",
        "Resource": event["methodArn"],
    }
    return {"principalId": "sender", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def read_keys(name: str) -> list[bytes]:
    """Both live values: a rotation would refuse what was signed before it."""
    found = [secrets_manager.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]]
    with contextlib.suppress(secrets_manager.exceptions.ResourceNotFoundException):
        found.append(secrets_manager.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"])
    return [text.encode() for text in found]
