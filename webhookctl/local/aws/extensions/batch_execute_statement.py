"""A batch of PartiQL INSERTs: each writes a new item or fails alone.

Amazon DynamoDB API Reference, "BatchExecuteStatement" and "BatchStatementError", and Developer Guide, "PartiQL insert
statements": 1-25 statements of up to 8,192 characters; an answer for each, in their order; `DuplicateItem` for the
statement alone whose key is taken. Not documented, from nubo-db/dynoxide's tests, which cite calls of the service: the
code comes without the item; reads beside writes or one key twice refuse the whole call, and nothing is written; a
statement that is not well formed fails alone with `ValidationError`, as does one whose item PutItem would not take.

moto raises TypeError for `?`, lets an INSERT overwrite, takes any number of statements and one key twice, and copies
all tables for each statement. Here a value is a `?` and a name is quoted: PartiQL's other ways are refused by name.
Batches of other statements are moto's. No behaviour of AWS: a batch is read, kept and answered here, past moto's
descriptions of requests and answers, and an item of texts, numbers and binaries alone past its general way to put one.
That takes less than half of the time, and it is what a lane under load waits for.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
from moto.dynamodb.models.dynamo_type import Item as TableItem
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import (
    DynamoHandler,
    validate_put_has_empty_attrs,
    validate_put_has_empty_keys,
    validate_put_has_gsi_keys_set_to_none,
)

from webhookctl.local import quick_json
from webhookctl.local.aws.extensions import query_candidates
from webhookctl.local.aws.extensions.item_size import MAX_BYTES
from webhookctl.local.aws.extensions.patch import patched

MAX_STATEMENTS = 25
MAX_CHARACTERS = 8192
MAX_PLAIN_KEY_CHARACTERS = 256  # a fourth of the bytes that a range key may have

_INSERT = re.compile(r'\s*INSERT\s+INTO\s+"([a-zA-Z0-9_.-]+)"\s+VALUE\s+\{(.*)\}\s*', re.IGNORECASE | re.DOTALL)
_INTEGER = re.compile(r"-?[0-9]{1,37}")
_MEMBER = re.compile(r"\s*'((?:[^']|'')+)'\s*:\s*\?\s*")

Item = dict[str, Any]


@contextmanager
def applied() -> Iterator[None]:
    """Run batches of INSERTs while the block runs."""
    batch_execute_statement: Any = DynamoHandler.batch_execute_statement
    parse_as_moto = DynamoHandler.parse_parameters

    def parse_parameters(self: DynamoHandler, request: Any) -> None:
        if self._get_action() != "BatchExecuteStatement":
            parse_as_moto(self, request)
            return
        batch = quick_json.decoded(request.data)
        if all(_verb(statement) == "INSERT" for statement in batch.get("Statements", [])):
            self.params = batch
        else:
            parse_as_moto(self, request)

    def insert(self: DynamoHandler) -> Any:
        statements = self.body.get("Statements", [])
        if not any(_verb(statement) == "INSERT" for statement in statements):
            return batch_execute_statement(self)
        return quick_json.encoded({"Responses": _insert(statements, self.dynamodb_backend)}).decode()

    with (
        patched(DynamoHandler, "parse_parameters", parse_parameters),
        patched(DynamoHandler, "batch_execute_statement", insert),
    ):
        yield


class _DuplicateItem(Exception):
    """The key is taken."""


def _insert(statements: Sequence[Item], backend: DynamoDBBackend) -> list[Item]:
    if len(statements) > MAX_STATEMENTS:
        raise MockValidationException("Too many statements in BatchExecuteStatement; limit is 25")
    if any(len(statement["Statement"]) > MAX_CHARACTERS for statement in statements):
        raise MockValidationException(
            "1 validation error detected: Value at 'statements.1.member.statement' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_CHARACTERS}"
        )
    if any(_verb(statement) == "SELECT" for statement in statements):
        raise MockValidationException("Read and write requests together in the same batch is not supported.")
    prepared = [_prepared(statement, backend) for statement in statements]
    targets = [_target(*insert) for insert in prepared if not isinstance(insert, JsonRESTError)]
    known = [target for target in targets if target is not None]
    if len(known) != len(set(known)):
        raise MockValidationException("Provided list of item keys contains duplicates")
    return [_answer(insert) for insert in prepared]


def _prepared(statement: Item, backend: DynamoDBBackend) -> tuple[Table, Item] | JsonRESTError:
    try:
        table_name, names = _parsed(statement["Statement"])
        table = backend.get_table(table_name)
        values = statement.get("Parameters", [])
        if len(values) != len(names):
            raise MockValidationException("Number of parameters in request and statement don't match.")
    except JsonRESTError as error:
        return error
    return table, dict(zip(names, values, strict=True))


@lru_cache(maxsize=256)
def _parsed(statement: str) -> tuple[str, Sequence[str]]:
    """The table and the attributes' names, one per `?`."""
    found = _INSERT.fullmatch(statement)
    if not found:
        raise MockValidationException('The local stack runs no batch but of INSERT INTO "table" VALUE {...}.')
    members = [_MEMBER.fullmatch(member) for member in found[2].split(",")]
    names = [member[1].replace("''", "'") for member in members if member]
    if len(names) != len(members):
        raise MockValidationException("The local stack takes no member of an item but 'name': ?.")
    if len(names) != len(set(names)):
        raise MockValidationException("Statement wasn't well formed, can't be processed: Duplicate attribute name")
    return found[1], names


def _target(table: Table, item: Item) -> tuple[str, ...] | None:
    """What the statement is about, as far as it says."""
    keys = [item.get(name) for name in table.table_key_attrs]
    return None if None in keys else (table.name, *map(str, keys))


def _answer(insert: tuple[Table, Item] | JsonRESTError) -> Item:
    if isinstance(insert, JsonRESTError):
        return _error(insert.relative_error_type, insert.message)
    table, item = insert
    try:
        _put_new(table, item)
    except _DuplicateItem:
        message = "Duplicate primary key exists in table"
        return _error("DuplicateItem", message) | {"TableName": table.name}
    except JsonRESTError as error:
        return _error(error.relative_error_type, error.message) | {"TableName": table.name}
    return {"TableName": table.name}


def _put_new(table: Table, item: Item) -> None:
    kept = _plain(table, item)
    if kept is None:
        _put_new_as_moto(table, _with_bytes(item))
        return
    collection = table.items[kept.hash_key]
    if kept.range_key in collection:
        raise _DuplicateItem
    collection[kept.range_key] = kept
    query_candidates.note(table, kept)


def _plain(table: Table, item: Item) -> TableItem | None:
    """What moto would keep without a word: nothing is empty, nested, too long or odd. Else None."""
    attributes, size_bytes = LimitedSizeDict(), 0
    for name, value in item.items():
        kind, content = next(iter(value.items())) if len(value) == 1 else ("", "")
        if type(content) is not str or not content:
            return None
        if kind == "B":
            content = base64.b64decode(content)
            size_bytes += len(content)
        elif kind == "S":
            size_bytes += len(content) if content.isascii() else len(content.encode())
        elif kind == "N" and _INTEGER.fullmatch(content):
            size_bytes += len(content)
        else:
            return None
        size_bytes += len(name.encode())
        typed = DynamoType.__new__(DynamoType)
        typed.type, typed.value = kind, content
        dict.__setitem__(attributes, name, typed)
    hash_key, range_key = attributes.get(table.hash_key_attr), attributes.get(table.range_key_attr or "")
    if hash_key is None or range_key is None or table.stream_shard is not None or size_bytes > MAX_BYTES:
        return None
    keys = (attributes.get(name) for name in (*table.hash_key_names, *table.range_key_names))
    if any(key is not None and len(key.value) > MAX_PLAIN_KEY_CHARACTERS for key in keys):
        return None
    if (hash_key.type, range_key.type) != (table.hash_key_type, table.range_key_type):
        return None
    kept = object.__new__(TableItem)
    kept.hash_key, kept.range_key, kept.attrs = hash_key, range_key, attributes
    return kept


def _put_new_as_moto(table: Table, item: Item) -> None:
    keys = [DynamoType(item[name]) for name in table.table_key_attrs if name in item]
    # Where the key is not whole, moto says what is missing.
    if len(keys) == len(table.table_key_attrs) and table.get_item(keys[0], keys[1] if keys[1:] else None) is not None:
        raise _DuplicateItem
    validate_put_has_empty_keys(item, table)
    validate_put_has_empty_attrs(item, table)
    validate_put_has_gsi_keys_set_to_none(item, table)
    table.put_item(item, overwrite=True)


def _with_bytes(value: Any) -> Any:
    """Attribute values with their binaries decoded, as a table keeps them."""
    if isinstance(value, list):
        return [_with_bytes(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {name: base64.b64decode(member) if name == "B" else _with_bytes(member) for name, member in value.items()}


def _error(code: str, message: str) -> Item:
    """In the short words of this API: ValidationError for ValidationException, ResourceNotFound for the like."""
    short = "ValidationError" if code == "ValidationException" else code.removesuffix("Exception")
    return {"Error": {"Code": short, "Message": message}}


def _verb(statement: Item) -> str:
    return _first_word(statement["Statement"])


@lru_cache(maxsize=256)
def _first_word(statement: str) -> str:
    return statement.split(None, 1)[0].upper() if statement.strip() else ""
