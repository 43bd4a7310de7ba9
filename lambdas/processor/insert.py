"""One call that inserts new items, by PartiQL: first writer wins, as in a conditional PutItem, and each fails alone.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
"""

import json
import logging
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from processor.store import EventStore, Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)

MAX_STATEMENTS = 25

LEFT_TO_PUT_ITEM = frozenset(
    {"ValidationException", "SerializationException", "RequestEntityTooLarge", "AccessDeniedException"}
)
"""Codes that refuse a whole call for what is in it, or because it is this call: one item that is not valid must not
fail its neighbours."""

Existing = Mapping[str, Any]
Key = tuple[str, str]


class There(NamedTuple):
    """What is under an item's key after the call: if `new` the item itself, else what was there before."""

    item: Existing
    new: bool


Answer = There | Exception | None
"""None where the call does not decide, and a conditional PutItem does."""


def serialise_whole(client: "DynamoDBClient") -> None:
    """Has this client write the call in one piece, in the very bytes that botocore makes of it value by value.

    To go through the values takes more than a third of what a call with 25 items costs. The client must not validate
    parameters, since it is shown none.
    """
    events = client.meta.events
    # Its stubs know of no handler that answers.
    events.register("provide-client-params.dynamodb.BatchExecuteStatement", _set_aside)  # type: ignore[arg-type]
    events.register("before-call.dynamodb.BatchExecuteStatement", _serialise)


def insert(items: Sequence[Item], store: EventStore, now: float) -> Sequence[Answer]:
    """Inserts at most MAX_STATEMENTS items, each of another key. Never raises: an answer for each, in their order."""
    try:
        codes = _insert(items, store)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is these items' alone
        if not isinstance(error, ClientError) or error.response["Error"]["Code"] not in LEFT_TO_PUT_ITEM:
            return [error] * len(items)
        codes = [error.response["Error"]["Code"]] * len(items)
    refused = [code for code in codes if code not in ("", "DuplicateItem")]
    if refused:
        logger.warning("put one by one", extra={"aws_code": ", ".join(sorted(set(refused))), "left": len(refused)})
    found = _read([item for item, code in zip(items, codes, strict=True) if code == "DuplicateItem"], store)
    return [_answer(item, code, found, now) for item, code in zip(items, codes, strict=True)]


def _insert(items: Sequence[Item], store: EventStore) -> Sequence[str]:
    """Each statement's error code, empty for none: the status of the call says nothing of them."""
    statements: Any = [_statement(item, store.table_name) for item in items]
    answers = store.client.batch_execute_statement(Statements=statements)["Responses"]
    if len(answers) != len(items):
        raise ValueError("not an answer for each statement")
    return [answer["Error"].get("Code") or "none" if "Error" in answer else "" for answer in answers]


def _statement(item: Item, table_name: str) -> Mapping[str, Any]:
    return {"Statement": _text(table_name, tuple(item)), "Parameters": list(item.values())}


@lru_cache(maxsize=64)  # items have the same few sets of names
def _text(table_name: str, names: tuple[str, ...]) -> str:
    members = ", ".join([f"'{name}': ?" for name in names])
    return f'INSERT INTO "{table_name}" VALUE {{{members}}}'


def _set_aside(params: dict[str, Any], context: dict[str, Any], **_: object) -> dict[str, Any]:
    """What botocore is to serialise instead of a call's parameters: nothing."""
    context[__name__] = params
    return {}


def _serialise(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    if __name__ in context:  # else this botocore has not asked what to serialise, and has done it itself
        params["body"] = _encode(context[__name__]).encode()


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode()


_encode = json.JSONEncoder(check_circular=False, default=_base64).encode


def _read(items: Sequence[Item], store: EventStore) -> Mapping[Key, Existing] | Exception:
    """What is under the items' keys, as far as it was read: DuplicateItem brings no item back."""
    if not items:
        return {}
    request: Any = {
        "Keys": [{name: item[name] for name in ("pk", "sk")} for item in items],
        "ProjectionExpression": "pk, sk, body_sha256, request_id, expires_at",
        "ConsistentRead": True,
    }
    try:
        answer = store.client.batch_get_item(RequestItems={store.table_name: request})
    except Exception as error:  # noqa: BLE001 - the other items are written
        return error
    return {_key(item): item for item in answer["Responses"].get(store.table_name, [])}


def _answer(item: Item, code: str, found: Mapping[Key, Existing] | Exception, now: float) -> Answer:
    if not code:
        return There(item, new=True)
    if code != "DuplicateItem":
        return None  # the client tries PutItem twice where DynamoDB has no room, and no statement
    if isinstance(found, Exception):
        return found
    existing = found.get(_key(item))
    if existing is None or _is_over(existing, now):
        return None
    return There(existing, new=False)


def _is_over(existing: Existing, now: float) -> bool:
    """Whether the item is past its time, so that its place counts as free. One without a time is kept."""
    return float(existing.get("expires_at", {}).get("N", now)) < int(now)


def _key(item: Existing) -> Key:
    return item["pk"]["S"], item["sk"]["S"]
