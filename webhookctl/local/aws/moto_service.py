"""DynamoDB and Secrets Manager by moto, in this process, without its server, its routing and its global registries.

moto keeps what it stores in registries of the process. Here each service object has a store of its own, so that two
local stacks in one process know nothing of each other. moto is not safe under threads (conditional writes had two
winners), and its extensions patch classes of the process: one lock therefore holds for all calls of all stacks.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler
from moto.secretsmanager.models import SecretsManagerBackend
from moto.secretsmanager.responses import SecretsManagerResponse

from webhookctl.local.aws import extensions

_MOTO = threading.RLock()
_JSON_TYPE = {"DynamoDB_20120810": "application/x-amz-json-1.0", "secretsmanager": "application/x-amz-json-1.1"}
_URL = "https://localhost/"


@dataclass(frozen=True)
class MotoAnswer:
    """An HTTP answer of moto."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _DynamoDb(DynamoHandler):
    def __init__(self, store: DynamoDBBackend) -> None:
        super().__init__()
        self._store = store

    @property
    def dynamodb_backend(self) -> DynamoDBBackend:
        return self._store


class _SecretsManager(SecretsManagerResponse):
    def __init__(self, store: SecretsManagerBackend) -> None:
        super().__init__()
        self._store = store

    @property
    def backend(self) -> SecretsManagerBackend:
        return self._store


class MotoServices:
    """A DynamoDB and a Secrets Manager of one account and region, empty at first."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id = account_id
        self._region = region
        self.tables = DynamoDBBackend(region, account_id)
        self.secrets = SecretsManagerBackend(region, account_id)

    def serves(self, target: str) -> bool:
        """Whether the service of an X-Amz-Target header is one of these."""
        return target.partition(".")[0] in _JSON_TYPE

    def call(self, target: str, body: bytes) -> MotoAnswer:
        """Carry out what `target` names, e.g. "DynamoDB_20120810.PutItem", from any thread. `body` is AWS's JSON."""
        service, _, operation = target.partition(".")
        with _MOTO, extensions.applied(extensions.FOR_DATA):
            handler = _DynamoDb(self.tables) if service.startswith("DynamoDB") else _SecretsManager(self.secrets)
            if not hasattr(handler, _snake_case(operation)):
                message = f'{{"__type": "UnknownOperationException", "message": "The local stack has no {operation}."}}'
                return MotoAnswer(400, {"Content-Type": _JSON_TYPE[service]}, message.encode())
            self._prepare(handler, target, body, _JSON_TYPE[service])
            status, headers, answer = handler.call_action()
        encoded = answer if isinstance(answer, bytes) else str(answer).encode()
        kept = {name: str(value) for name, value in headers.items() if name.lower() not in {"status", "content-length"}}
        return MotoAnswer(int(status), {"Content-Type": _JSON_TYPE[service]} | kept, encoded)

    def _prepare(self, handler: Any, target: str, body: bytes, content_type: str) -> None:
        """Do what moto's `setup_class` does, but for parsing HTTP and noting the caller in moto's global IAM."""
        headers = {"X-Amz-Target": target, "Content-Type": content_type}
        handler.body = body
        handler.headers = headers
        handler.response_headers = {}
        handler.querystring = handler.data = OrderedDict()
        handler.method, handler.uri, handler.path, handler.raw_path = "POST", _URL, "/", "/"
        handler.parsed_url = urlparse(_URL)
        handler.region, handler.partition = self._region, "aws"
        handler.current_account, handler.access_key = self._account_id, "local"
        handler.uri_match = {}
        if handler.automated_parameter_parsing:
            handler.parse_parameters(
                SimpleNamespace(
                    method="POST", values={}, headers=headers, data=body, path="/", content_type=content_type
                )
            )


def _snake_case(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
