"""The secret with which a lane connects to its PostgreSQL, in the form of AWS's own secrets for RDS.

    {"host": "...", "port": 5432, "dbname": "...", "username": "...", "password": "..."}

`sslmode` may be "verify-full", which is the default, or "disable"; `ca_certificate` holds the certificates (PEM) that
the server's is verified with, in place of the system's: RDS has its own. What else a secret holds is not looked at.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processor.effects import wire

DEFAULT_PORT = 5432


class InvalidLogin(ValueError):
    """The secret's text is no connection document: a fault of ours. Says which part is wrong, never what is in it."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where to connect and as whom. An empty `ca_certificate` stands for the system's certificates."""

    host: str
    port: int
    dbname: str
    username: str
    password: str = field(repr=False)
    is_encrypted: bool = True
    ca_certificate: str = ""

    def tls(self) -> ssl.SSLContext | None:
        """None for a connection in plain text. Raises InvalidLogin."""
        if not self.is_encrypted:
            return None
        try:
            return wire.tls_context(self.ca_certificate)
        except (ssl.SSLError, ValueError):
            raise InvalidLogin("the secret's ca_certificate is no certificate") from None


def read_login(document: str) -> Login:
    """Raises InvalidLogin, and nothing else."""
    try:
        fields = json.loads(document)
    except (ValueError, RecursionError):
        raise InvalidLogin("the secret is not JSON") from None
    if not isinstance(fields, dict):
        raise InvalidLogin("the secret is not a JSON object")
    sslmode = fields.get("sslmode") or "verify-full"
    if sslmode not in ("verify-full", "disable"):
        raise InvalidLogin("the secret's sslmode is neither verify-full nor disable")
    return Login(
        host=_text(fields, "host"),
        port=_port(fields.get("port", DEFAULT_PORT)),
        dbname=_text(fields, "dbname"),
        username=_text(fields, "username"),
        password=_text(fields, "password"),
        is_encrypted=sslmode != "disable",
        ca_certificate=_text({"ca_certificate": ""} | fields, "ca_certificate", may_be_empty=True),
    )


def _text(fields: Mapping[str, Any], name: str, *, may_be_empty: bool = False) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or "\0" in value or not (value or may_be_empty):
        raise InvalidLogin(f"the secret's {name} is missing or no text")
    return value


def _port(value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value
    if type(number) is not int or not 0 < number < 65536:
        raise InvalidLogin("the secret's port is no port")
    return number
