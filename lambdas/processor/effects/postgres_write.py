"""The one statement that writes an event's row, and the values in it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from processor.effects.fields import check_names, text
from processor.effects.postgres_marker import MARKER_TABLE
from processor.handling import AttemptFailed, HandlerEvent, Reject

_MAX_IDENTIFIER_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts off the rest, and with it what makes two names differ
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")  # of an array, in a JSON pointer: RFC 6901, section 4

_FIELDS: Mapping[str, Callable[[HandlerEvent], str | bytes]] = {
    "{id}": lambda event: event.id,
    "{type}": lambda event: event.type,
    "{source}": lambda event: event.source,
    "{received_at}": lambda event: event.received_at.isoformat(),
    "{body}": lambda event: event.body,
}

COLUMNS_OF_TABLE = """
SELECT attname::text, format_type(CASE WHEN typbasetype = 0 THEN atttypid ELSE typbasetype END, -1)
FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped
"""
"""Of a domain the type below it, since the domain's own checks are made when the value is assigned. Without its length:
cast to a type with one, a text that is too long would be cut off instead of refused."""


@dataclass(frozen=True, slots=True)
class Write:
    """A row by event. `columns` tells where each value is from: a field of the event, or a JSON pointer into its body.

    A row whose `key` is there already is left as it is, or with `updates` gets the new values. Without a key there is
    no such row.
    """

    table: tuple[str, ...]
    columns: Mapping[str, str]
    key: tuple[str, ...] = ()
    updates: bool = False

    @property
    def name(self) -> str:
        """The table's name in SQL: what is in the configuration is the exact name, capitals included."""
        return ".".join(map(quoted, self.table))

    @property
    def needs_json(self) -> bool:
        """Whether a value comes from within the body."""
        return any(template.startswith("/") for template in self.columns.values())


def read_write(fields: Mapping[str, Any]) -> Write:
    """Raises ValueError, naming what is wrong."""
    check_names(fields, ("kind", "secret_name", "table", "columns"), ("key", "on_conflict"))
    table = tuple(text(fields, "table").split("."))
    columns = fields["columns"]
    if not isinstance(columns, Mapping) or not columns:
        raise ValueError("the effect's columns are no object, or empty")
    for column, template in columns.items():
        if not isinstance(template, str) or not (template in _FIELDS or template.startswith("/")):
            known = ", ".join(_FIELDS)
            raise ValueError(f"the effect's column {column} is neither a JSON pointer nor one of {known}: {template!r}")
    key = _key(fields.get("key"), columns)
    on_conflict = fields.get("on_conflict") or "nothing"
    if on_conflict not in ("nothing", "update"):
        raise ValueError(f"the effect's on_conflict is {on_conflict!r}; known are nothing, update")
    if on_conflict == "update" and not (key and set(key) < set(columns)):
        raise ValueError("the effect's on_conflict = update needs a key, and a column beside it")
    if len(table) > 2:
        raise ValueError("the effect's table is neither a table nor a schema and a table")
    for name in (*table, *columns):
        _check_identifier(name)
    return Write(table, columns, key, updates=on_conflict == "update")


def statement(write: Write, types: Mapping[str, str]) -> str:
    """The marker and the row, or neither; its one row says how many there were of each. Raises AttemptFailed.

    Whoever comes second with the same marker waits for the first one's commit, and then writes nothing.
    """
    table = ".".join(write.table)
    if not types:
        raise AttemptFailed(f"postgres: there is no table {table}")
    for column in write.columns:
        if column not in types:
            raise AttemptFailed(f"postgres: the table {table} has no column {column}")
    names = ", ".join(map(quoted, write.columns))
    values = ", ".join(f"CAST(:v{index} AS {types[column]})" for index, column in enumerate(write.columns))
    return f"""
WITH marker AS (
    INSERT INTO {quoted(MARKER_TABLE)} (idempotency_key) VALUES (:idempotency_key)
    ON CONFLICT (idempotency_key) DO NOTHING RETURNING 1
), written AS (
    INSERT INTO {write.name} ({names}) SELECT {values} FROM marker
    {_on_conflict(write)} RETURNING 1
)
SELECT (SELECT count(*) FROM marker), (SELECT count(*) FROM written)
"""  # noqa: S608 - every name in it is quoted, every value a parameter


def parameters(write: Write, types: Mapping[str, str], event: HandlerEvent, document: Any) -> dict[str, str | None]:
    """The statement's values, as texts that PostgreSQL reads as its columns' types. Raises Reject."""
    values = {
        f"v{index}": _value(template, types[column], event, document)
        for index, (column, template) in enumerate(write.columns.items())
    }
    return {"idempotency_key": event.idempotency_key, **values}


def read_document(body: bytes) -> Any:
    """The body's JSON, with its numbers as they are written. Raises Reject."""
    try:
        return json.loads(body, parse_float=_Number, parse_int=_Number, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Reject("the body is not JSON, which a column's JSON pointer needs") from None


def quoted(name: str) -> str:
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


class _Number(str):
    """A number as JSON writes it: a float can't tell 0.10 from 0.1, or 2**53 + 1 from 2**53."""


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _key(value: Any, columns: Mapping[str, Any]) -> tuple[str, ...]:
    key = value or []
    if not isinstance(key, list) or not all(isinstance(column, str) for column in key):
        raise ValueError("the effect's key is no list of columns")
    for column in key:
        if column not in columns:
            raise ValueError(f"the effect's key has {column}, which is none of its columns")
    return tuple(key)


def _check_identifier(name: str) -> None:
    if not name or "\0" in name or len(name.encode("utf-8", "surrogatepass")) > _MAX_IDENTIFIER_BYTES:
        raise ValueError(f"the effect's table or column {name!r} is no name: empty, or longer than 63 bytes")


def _on_conflict(write: Write) -> str:
    if not write.key:
        return ""
    key = ", ".join(map(quoted, write.key))
    if not write.updates:
        return f"ON CONFLICT ({key}) DO NOTHING"
    others = [quoted(column) for column in write.columns if column not in write.key]
    return f"ON CONFLICT ({key}) DO UPDATE SET " + ", ".join(f"{name} = EXCLUDED.{name}" for name in others)


def _value(template: str, column_type: str, event: HandlerEvent, document: Any) -> str | None:
    """None stands for NULL."""
    value = _pointed(document, template) if template.startswith("/") else _FIELDS[template](event)
    if value is None:
        return None
    try:
        return _as_text(value, column_type)
    except UnicodeError:
        raise Reject("a value is not Unicode text, which PostgreSQL has no place for") from None
    except RecursionError:
        raise Reject("a value is nested too deeply") from None


def _as_text(value: Any, column_type: str) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex() if column_type == "bytea" else value.decode("utf-8")
    is_json = column_type in ("json", "jsonb")
    plain = isinstance(value, str) and not isinstance(value, _Number) and not is_json
    text = value if plain else _as_json(value)
    encoded = text.encode("utf-8")
    return "\\x" + encoded.hex() if column_type == "bytea" else text


def _as_json(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_as_json(name)}:{_as_json(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_as_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _pointed(document: Any, pointer: str) -> Any:
    """What is at a JSON pointer (RFC 6901); None where there is nothing."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and _INDEX.fullmatch(name) and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document
