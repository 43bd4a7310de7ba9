"""One call that inserts: what each answer of DynamoDB means for each item."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError

from processor.event import Event, Outcome
from processor.insert import MAX_STATEMENTS, There, _set_aside, insert, serialise_whole
from processor.store import EventStore, Item
from tests.unit.processor.conftest import NOW, TABLE, Bench

Call = Callable[..., Any]


def event(number: int = 1, body: bytes = b"{}", **fields: str) -> Event:
    made = Event(
        source="github",
        id=f"evt-{number}",
        type="push",
        key_id="key",
        content_type="application/json",
        received_at_ms=int(NOW * 1000),
        request_id=f"request-{number}",
        message_id=f"message-{number}",
        body=body,
    )
    return made._replace(**fields)  # type: ignore[arg-type]


def items_of(store: EventStore, *events: Event) -> list[Item]:
    items = [store.event_item(one, NOW) for one in events]
    return [item for item in items if item is not None]


def answering(insert_call: Call, read_call: Call | None = None) -> EventStore:
    """A store whose client does as told."""
    client: Any = SimpleNamespace(batch_execute_statement=insert_call, batch_get_item=read_call)
    return EventStore(client, TABLE, 30)


def raising(error: Exception) -> Call:
    def call(**_: Any) -> Any:
        raise error

    return call


def refusing(code: str) -> Call:
    return raising(ClientError({"Error": {"Code": code, "Message": "body was: s3cret"}}, "BatchExecuteStatement"))


def codes(*errors: str) -> Call:
    return lambda **_: {"Responses": [{"Error": {"Code": code}} if code else {"TableName": TABLE} for code in errors]}


def reading(*items: Item, left: Sequence[Item] = ()) -> Call:
    keys = [{name: item[name] for name in ("pk", "sk")} for item in left]
    return lambda **_: {"Responses": {TABLE: list(items)}, "UnprocessedKeys": {TABLE: {"Keys": keys}} if keys else {}}


def test_new_items_are_written_as_the_store_writes_them(bench: Bench) -> None:
    store = bench.lane().store
    events = [event(1), event(2, b"\x00\xff" * 500), event(3, b"a" * 5000, content_type="", type="x")]
    items = items_of(store, *events)

    assert insert(items, store, NOW) == [There(item, new=True) for item in items]

    inserted = sorted(bench.items(), key=str)
    for one in events:
        bench.client.delete_item(TableName=TABLE, Key={"pk": {"S": f"event#github#{one.id}"}, "sk": {"S": "event"}})
        assert store.put_event(one, NOW) is Outcome.STORED
    assert sorted(bench.items(), key=str) == inserted


def test_what_is_there_is_read_where_the_key_is_taken_and_nowhere_else(bench: Bench) -> None:
    store = bench.lane().store
    store.put_event(event(2, b"first", request_id="first"), NOW)
    requests: list[str] = []
    bench.client.meta.events.register("before-call.dynamodb", lambda model, **_: requests.append(model.name))

    one, taken, other = insert(items_of(store, event(1), event(2), event(3)), store, NOW)

    assert isinstance(taken, There)
    assert (taken.new, taken.item["request_id"]["S"], "body" in taken.item) == (False, "first", False)
    assert isinstance(one, There)
    assert isinstance(other, There)
    assert (one.new, other.new) == (True, True)
    assert requests == ["BatchExecuteStatement", "BatchGetItem"]


@pytest.mark.parametrize(("seconds", "decided"), [(-1, False), (0, True), (1, True)])
def test_what_is_past_its_time_is_left_to_put_item(bench: Bench, seconds: int, decided: bool) -> None:
    store = bench.lane().store
    (item,) = items_of(store, event())
    bench.client.put_item(TableName=TABLE, Item=item | {"expires_at": {"N": str(int(NOW) + seconds)}})

    (answer,) = insert([item], store, NOW)

    assert (answer is not None) == decided


def test_what_has_no_time_is_there(bench: Bench) -> None:
    store = bench.lane().store
    (item,) = items_of(store, event())
    bench.client.put_item(TableName=TABLE, Item={name: item[name] for name in item if name != "expires_at"})

    (answer,) = insert([item], store, NOW)

    assert isinstance(answer, There)
    assert not answer.new


@pytest.mark.parametrize(
    "error",
    [*({"Code": code} for code in ("ThrottlingError", "InternalServerError", "ValidationError", "AccessDenied")), {}],
    ids=str,
)
def test_any_other_error_leaves_its_item_alone_to_put_item_and_is_logged(
    error: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    store = answering(lambda **_: {"Responses": [{}, {"Error": error | {"Message": "body was: s3cret"}}, {}]})
    items = items_of(store, event(1), event(2), event(3))

    assert insert(items, store, NOW) == [There(items[0], new=True), None, There(items[2], new=True)]
    (line,) = [vars(entry) for entry in caplog.records]
    assert (line["message"], line["left"], line["aws_code"]) == ("put one by one", 1, error.get("Code", "none"))
    assert "s3cret" not in str(line)


@pytest.mark.parametrize(
    "code", ["ValidationException", "SerializationException", "RequestEntityTooLarge", "AccessDeniedException"]
)
def test_a_call_that_is_refused_for_what_it_is_or_holds_is_left_to_put_item(code: str) -> None:
    store = answering(refusing(code))

    assert insert(items_of(store, event(1), event(2)), store, NOW) == [None, None]


@pytest.mark.parametrize(
    "call",
    [
        refusing("ThrottlingException"),
        refusing("ResourceNotFoundException"),
        refusing("InternalServerError"),
        raising(ConnectTimeoutError(endpoint_url="https://dynamodb")),
        codes(""),
        codes("", "", ""),
    ],
    ids=["throttled", "no table", "internal", "silent", "too few answers", "too many answers"],
)
def test_any_other_refusal_of_a_call_fails_all_its_items(call: Call) -> None:
    store = answering(call)

    answers = insert(items_of(store, event(1), event(2)), store, NOW)

    assert [isinstance(answer, Exception) for answer in answers] == [True, True]


def test_what_was_not_read_is_left_to_put_item() -> None:
    store = answering(codes(*["DuplicateItem"] * 3))
    items = items_of(store, event(1), event(2), event(3))
    store = answering(codes(*["DuplicateItem"] * 3), reading(items[0], left=[items[1]]))

    assert insert(items, store, NOW) == [There(items[0], new=False), None, None]


def test_what_is_there_is_read_as_it_is_by_then() -> None:
    requests: list[Any] = []

    def note(**request: Any) -> Any:
        requests.append(request)
        return reading()()

    store = answering(codes("DuplicateItem"), note)
    insert(items_of(store, event()), store, NOW)

    (request,) = requests
    assert request["RequestItems"][TABLE]["ConsistentRead"]


def test_a_read_that_fails_fails_those_that_it_was_for_alone() -> None:
    error = ConnectTimeoutError(endpoint_url="https://dynamodb")
    store = answering(codes("DuplicateItem", "", "ThrottlingError"), raising(error))
    items = items_of(store, event(1), event(2), event(3))

    taken, written, failed = insert(items, store, NOW)

    assert taken is error
    assert written == There(items[1], new=True)
    assert failed is None


def test_a_statement_has_no_value_in_its_text_and_is_short_enough_with_everything_in_it() -> None:
    calls: list[Any] = []

    def note(**request: Any) -> Any:
        calls.append(request)
        return codes("")()

    client: Any = SimpleNamespace(batch_execute_statement=note)
    store = EventStore(client, "t" * 255, 30)
    largest = event(1, b"x" * 300_000, type="t" * 255, content_type="c" * 2000, sender_id="s" * 255)
    insert(items_of(store, largest), store, NOW)

    ((statement,),) = [call["Statements"] for call in calls]
    assert len(statement["Statement"]) <= 8192
    assert statement["Statement"].count("?") == len(statement["Parameters"])
    assert "evt-1" not in statement["Statement"]


def test_as_many_statements_as_a_call_takes_are_inserted(bench: Bench) -> None:
    store = bench.lane().store
    items = items_of(store, *(event(number) for number in range(MAX_STATEMENTS)))

    assert [answer for answer in insert(items, store, NOW) if not isinstance(answer, There)] == []
    assert len(bench.items()) == MAX_STATEMENTS


def test_a_call_that_is_serialised_whole_is_the_one_that_botocore_makes(aws: None) -> None:
    bodies: list[bytes] = []

    def answer(params: dict[str, Any], **_: object) -> Any:
        bodies.append(params["body"])
        return SimpleNamespace(status_code=200), {"Responses": [{}, {}]}

    for prepare in (serialise_whole, lambda _: None):
        client = boto3.client("dynamodb", config=Config(parameter_validation=False))
        prepare(client)
        client.meta.events.register_last("before-call.dynamodb.BatchExecuteStatement", answer)
        store = EventStore(client, TABLE, 30)
        events = event(1, b"\x00\xff" * 400), event(2, b"{}", content_type='a"\\b\u2028\U0001f600\x7f\n')
        assert len(insert(items_of(store, *events), store, NOW)) == 2

    whole, by_botocore = bodies
    assert whole == by_botocore
    assert b'{"B": "' in whole


def test_with_a_botocore_that_does_not_ask_what_to_serialise_its_own_bytes_are_sent(aws: None) -> None:
    bodies: list[bytes] = []

    def answer(params: dict[str, Any], **_: Any) -> Any:
        bodies.append(params["body"])
        return SimpleNamespace(status_code=200), {"Responses": [{}]}

    client = boto3.client("dynamodb", config=Config(parameter_validation=False))
    serialise_whole(client)
    not_asked: Any = _set_aside
    client.meta.events.unregister("provide-client-params.dynamodb.BatchExecuteStatement", not_asked)
    client.meta.events.register_last("before-call.dynamodb.BatchExecuteStatement", answer)
    store = EventStore(client, TABLE, 30)

    assert len(insert(items_of(store, event(1))[:1], store, NOW)) == 1

    assert b"INSERT INTO" in bodies[0]
