"""Tables that refuse and count as DynamoDB does. Pure: from an operation's name and its input to an answer.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.fake.expression import Item, holds, updated
from tests.bench.fake.units import item_bytes, read_units, write_units

MAX_STATEMENTS = 25
MAX_WRITES = 25
MAX_TRANSACTED = 100
MAX_READ = 100

_INSERT = re.compile(r"""\s*INSERT\s+INTO\s+"(?P<table>[^"]+)"\s+VALUE\s+\{(?P<members>[^{}]*)\}\s*""", re.IGNORECASE)
_MEMBER = re.compile(r"\s*'([^']+)'\s*:\s*\?\s*")
_SELECT = re.compile(
    r"""\s*SELECT\s+(?P<names>.+?)\s+FROM\s+"(?P<table>[^"]+)"\s+WHERE\s+(?P<where>.+)""", re.IGNORECASE
)
_EQUAL = re.compile(r"""\s*"?(\w+)"?\s*=\s*\?\s*""")

Key = tuple[str, ...]
Answer = dict[str, Any]


class Refused(Exception):
    """The whole request is refused; `fields` come beside the message in the answer."""

    def __init__(self, code: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.fields = fields


@dataclass
class Table:
    """Items by key, and what the requests to it consumed."""

    key_names: Sequence[str]
    items: dict[Key, Item] = field(default_factory=dict)
    write_units: float = 0
    read_units: float = 0

    def key(self, attributes: Mapping[str, Any]) -> Key:
        try:
            return tuple(next(iter(attributes[name].values())) for name in self.key_names)
        except KeyError as error:
            raise Refused("ValidationException", f"The key {error} is missing") from None

    def put(self, item: Item, request: Mapping[str, Any], times: int = 1) -> Item:
        """Writes unless the condition fails; the item that was there. A refused write consumes as one that is not."""
        key = self.key(item)
        old = self.items.get(key, {})
        self.write_units += times * write_units(max(item_bytes(item), item_bytes(old)))
        _check(old, request)
        self.items[key] = item
        return old

    def update(self, request: Mapping[str, Any]) -> Item:
        key = self.key(request["Key"])
        old = self.items.get(key, {})
        names, values = _placeholders(request)
        new = updated(request["UpdateExpression"], old or dict(request["Key"]), names, values)
        self.write_units += write_units(max(item_bytes(old), item_bytes(new)))
        _check(old, request)
        self.items[key] = new
        return new

    def delete(self, request: Mapping[str, Any]) -> None:
        key = self.key(request["Key"])
        old = self.items.get(key, {})
        self.write_units += write_units(item_bytes(old))
        _check(old, request)
        self.items.pop(key, None)

    def get(self, key: Mapping[str, Any], *, consistent: bool) -> Item:
        item = self.items.get(self.key(key), {})
        self.read_units += read_units(item_bytes(item), consistent=consistent)
        return item

    def insert(self, item: Item) -> Answer:
        """PartiQL's INSERT: the answer of one statement."""
        key = self.key(item)
        there = self.items.get(key)
        self.write_units += write_units(max(item_bytes(item), item_bytes(there or {})))
        if there is not None:
            return {"Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}}
        self.items[key] = item
        return {}


@dataclass
class Database:
    """Tables by name. Names and answers are the API's."""

    tables: dict[str, Table] = field(default_factory=dict)

    def create(self, name: str, key_names: Sequence[str]) -> None:
        """An empty table, in the place of one of that name."""
        self.tables[name] = Table(tuple(key_names))

    def table(self, name: str) -> Table:
        if name not in self.tables:
            raise Refused("ResourceNotFoundException", "Requested resource not found")
        return self.tables[name]

    def answer(self, operation: str, request: Mapping[str, Any]) -> Answer:
        """Raises Refused, and nothing was written then."""
        operations: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
            "BatchExecuteStatement": self._batch_execute_statement,
            "BatchGetItem": self._batch_get_item,
            "BatchWriteItem": self._batch_write_item,
            "DeleteItem": self._delete_item,
            "GetItem": self._get_item,
            "PutItem": self._put_item,
            "TransactWriteItems": self._transact_write_items,
            "UpdateItem": self._update_item,
        }
        if operation not in operations:
            raise Refused("UnknownOperationException", operation)
        return operations[operation](request)

    def _put_item(self, request: Mapping[str, Any]) -> Answer:
        self.table(request["TableName"]).put(request["Item"], request)
        return {}

    def _update_item(self, request: Mapping[str, Any]) -> Answer:
        self.table(request["TableName"]).update(request)
        return {}

    def _delete_item(self, request: Mapping[str, Any]) -> Answer:
        self.table(request["TableName"]).delete(request)
        return {}

    def _get_item(self, request: Mapping[str, Any]) -> Answer:
        found = self.table(request["TableName"]).get(
            request["Key"], consistent=bool(request.get("ConsistentRead", False))
        )
        return {"Item": found} if found else {}

    def _batch_get_item(self, request: Mapping[str, Any]) -> Answer:
        asked = request["RequestItems"]
        _refuse_many(sum(len(wanted["Keys"]) for wanted in asked.values()), MAX_READ)
        found = {}
        for name, wanted in asked.items():
            table = self.table(name)
            consistent = bool(wanted.get("ConsistentRead", False))
            _refuse_repeated([table.key(key) for key in wanted["Keys"]])
            items = [table.get(key, consistent=consistent) for key in wanted["Keys"]]
            found[name] = [_projected(item, wanted) for item in items if item]
        return {"Responses": found, "UnprocessedKeys": {}}

    def _batch_write_item(self, request: Mapping[str, Any]) -> Answer:
        writes = [
            (self.table(name), each["PutRequest"]["Item"])
            for name, puts in request["RequestItems"].items()
            for each in puts
        ]
        _refuse_many(len(writes), MAX_WRITES)
        _refuse_repeated([(id(table), table.key(item)) for table, item in writes])
        for table, item in writes:
            table.put(item, {})
        return {"UnprocessedItems": {}}

    def _transact_write_items(self, request: Mapping[str, Any]) -> Answer:
        puts = [each["Put"] for each in request["TransactItems"]]
        _refuse_many(len(puts), MAX_TRANSACTED)
        _refuse_repeated([(put["TableName"], self.table(put["TableName"]).key(put["Item"])) for put in puts])
        reasons = [self._reason(put) for put in puts]
        if any(reason["Code"] != "None" for reason in reasons):
            raise Refused("TransactionCanceledException", "Transaction cancelled", CancellationReasons=reasons)
        for put in puts:
            self.table(put["TableName"]).put(put["Item"], put, times=2)
        return {}

    def _reason(self, put: Mapping[str, Any]) -> Answer:
        table = self.table(put["TableName"])
        try:
            _check(table.items.get(table.key(put["Item"]), {}), put)
        except Refused:
            table.write_units += 2 * write_units(item_bytes(put["Item"]))
            return {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
        return {"Code": "None"}

    def _batch_execute_statement(self, request: Mapping[str, Any]) -> Answer:
        statements = request["Statements"]
        _refuse_many(len(statements), MAX_STATEMENTS)
        read = [self._statement(each["Statement"], each.get("Parameters", [])) for each in statements]
        _refuse_repeated([(name, self.table(name).key(attributes)) for _, name, attributes, _ in read])
        if len({inserts for inserts, *_ in read}) > 1:
            raise Refused("ValidationException", "Reads and writes can't be in one batch")
        return {
            "Responses": [self._executed(each, statement) for each, statement in zip(read, statements, strict=True)]
        }

    def _statement(self, text: str, parameters: Sequence[Mapping[str, Any]]) -> tuple[bool, str, Item, str]:
        """Whether it inserts, the table, the item or its key, and the names that are selected."""
        if match := _INSERT.fullmatch(text):
            names = [_name(_MEMBER, member) for member in match["members"].split(",")]
            selected = ""
        elif match := _SELECT.fullmatch(text):
            names = [_name(_EQUAL, part) for part in re.split(r"\s+AND\s+", match["where"], flags=re.IGNORECASE)]
            selected = match["names"]
        else:
            raise Refused("ValidationException", "Statement wasn't well formed, can't be processed")
        if len(names) != len(parameters):
            raise Refused("ValidationException", "Number of parameters in request and statement don't match.")
        return (
            not selected,
            match["table"],
            {name: dict(each) for name, each in zip(names, parameters, strict=True)},
            selected,
        )

    def _executed(self, read: tuple[bool, str, Item, str], statement: Mapping[str, Any]) -> Answer:
        inserts, name, attributes, selected = read
        if inserts:
            return {"TableName": name, **self.table(name).insert(attributes)}
        found = self.table(name).get(attributes, consistent=bool(statement.get("ConsistentRead", False)))
        names = [part.strip().strip('"') for part in selected.split(",")]
        item = {each: value for each, value in found.items() if selected.strip() == "*" or each in names}
        return {"TableName": name, **({"Item": item} if found else {})}


def _name(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.fullmatch(text)
    if match is None:
        raise Refused("ValidationException", "Statement wasn't well formed, can't be processed")
    return match[1]


def _check(old: Item, request: Mapping[str, Any]) -> None:
    condition = request.get("ConditionExpression")
    if condition is None or holds(condition, old, *_placeholders(request)):
        return
    shown = {"Item": old} if old and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {}
    raise Refused("ConditionalCheckFailedException", "The conditional request failed", **shown)


def _placeholders(request: Mapping[str, Any]) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    return request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})


def _projected(item: Item, wanted: Mapping[str, Any]) -> Item:
    if "ProjectionExpression" not in wanted:
        return item
    given = wanted.get("ExpressionAttributeNames", {})
    names = {given.get(name.strip(), name.strip()) for name in wanted["ProjectionExpression"].split(",")}
    return {name: value for name, value in item.items() if name in names}


def _refuse_many(count: int, most: int) -> None:
    if not 0 < count <= most:
        raise Refused("ValidationException", f"Member must have length from 1 to {most}")


def _refuse_repeated(keys: Sequence[object]) -> None:
    if len(set(keys)) < len(keys):
        raise Refused("ValidationException", "Provided list of item keys contains duplicates")
