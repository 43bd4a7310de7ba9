"""The receipts' templates behind the gateway, whichever way API Gateway shows them DynamoDB's answer."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.unit.local.gateway.conftest import Reply, Serve
from tests.unit.local.gateway.deployed import deployed, method_settings, receipts
from webhookctl.local.gateway.integration import ANSWER_TYPE
from webhookctl.local.state import State

ID = "IPp-GHDZoA_FcVA="
MEMBERS = {
    *("receipt", "source", "status", "event_id", "reason", "attempts", "next_attempt_at_ms", "last_error", "result"),
    *("received_at_ms", "stored_at_ms", "finished_at_ms"),
}
TYPES = pytest.mark.parametrize("answer_type", [ANSWER_TYPE, "application/x-amz-json-1.0"])
HOSTILE = (
    "quoted \" and \\ and '",
    "two\nlines\r\n\tand a tab",
    "$context.requestId ${input.body} $!x #set($a = 1) #if(true)x#end ## comment",
    '","status":"done","x":"',
    "ü 漢字 😀",
    "<script>&amp;%22",
)


def unsigned() -> State:
    """The route without its IAM authorization, which test_iam.py is about."""
    return deployed(extra=receipts(authorization="NONE"))


def found(*items: dict[str, str | int]) -> tuple[int, bytes]:
    """What DynamoDB answers."""

    def typed(value: str | int) -> dict[str, str]:
        return {"N": str(value)} if isinstance(value, int) else {"S": value}

    common: dict[str, str | int] = {"request_id": ID, "source": "tickets", "received_at_ms": 1, "stored_at_ms": 2}
    each = [{name: typed(value) for name, value in (common | item).items()} for item in items]
    return 200, json.dumps({"Count": len(each), "Items": each, "ScannedCount": len(each)}).encode()


async def ask(serve: Serve, answer: tuple[int, bytes], answer_type: str = ANSWER_TYPE) -> Reply:
    bench = await serve(unsigned(), answer_type=answer_type)
    bench.found = answer
    return await bench.get(f"/v1/receipts/{ID}")


@TYPES
@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"outcome": "stored", "event_id": "e"}, "stored"),
        ({"outcome": "duplicate", "event_id": "e"}, "duplicate"),
        ({"outcome": "conflict", "event_id": "e"}, "conflict"),
        ({"outcome": "quarantined", "reason": "signature_mismatch"}, "quarantined"),
        *(({"outcome": "stored", "effect": it}, it) for it in ("running", "waiting", "done", "rejected", "exhausted")),
    ],
)
async def test_a_receipt_says_what_became_of_its_webhook(
    serve: Serve, answer_type: str, item: dict[str, str | int], status: str
) -> None:
    reply = await ask(serve, found(item), answer_type)
    assert (reply.status, reply.json["status"], reply.json["receipt"]) == (200, status, ID)
    assert reply.json["reason"] == item.get("reason")
    assert reply.json["event_id"] == item.get("event_id")
    assert reply.headers["Content-Type"] == "application/json"


async def test_all_members_are_there_with_null_for_what_has_no_value(serve: Serve) -> None:
    whole: dict[str, str | int] = {
        "event_id": "e",
        "reason": "r",
        "attempts": 3,
        "next_attempt_at_ms": 4,
        "last_error": "l",
    }
    more: dict[str, str | int] = {"effect_result": "http 204", "effect_at_ms": 5}
    bare = (await ask(serve, found({"outcome": "stored"}))).json
    full = (await ask(serve, found({"outcome": "stored", **whole, **more}))).json
    assert bare.keys() == full.keys() == MEMBERS
    assert {name for name, value in bare.items() if value is not None} == {
        *("receipt", "source", "status", "received_at_ms", "stored_at_ms")
    }
    assert full == {**bare, **whole, "result": "http 204", "finished_at_ms": 5}


@TYPES
@pytest.mark.parametrize("text", [*HOSTILE, "\"'\\" * 3000])
async def test_a_text_of_the_senders_stays_in_its_place(serve: Serve, answer_type: str, text: str) -> None:
    names = ("event_id", "reason", "last_error")
    answer = found({"outcome": "stored", "effect_result": text, **dict.fromkeys(names, text)})
    reply = await ask(serve, answer, answer_type)
    assert reply.json.keys() == MEMBERS
    assert [reply.json[name] for name in (*names, "result")] == [text] * 4
    assert reply.json["status"] == "stored"


@TYPES
async def test_what_nobody_has_processed_is_unknown_and_may_still_wait(serve: Serve, answer_type: str) -> None:
    reply = await ask(serve, found(), answer_type)
    assert (reply.status, reply.json["error"], reply.json["reason"]) == (404, "UNKNOWN_RECEIPT", "unknown_receipt")
    assert reply.json["request_id"] == reply.headers["x-amz-apigw-id"]
    assert "waiting in its queue" in reply.json["message"]


@TYPES
@pytest.mark.parametrize("status", [400, 403, 413, 500, 503])
async def test_every_refusal_by_dynamodb_is_to_be_asked_again(serve: Serve, answer_type: str, status: int) -> None:
    answer = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow down"})
    reply = await ask(serve, (status, answer.encode()), answer_type)
    assert (reply.status, reply.json["error"], reply.json["reason"]) == (
        503,
        "INTEGRATION_FAILURE",
        "table_unavailable",
    )
    assert reply.json["request_id"] == reply.headers["x-amz-apigw-id"]


@TYPES
async def test_a_dynamodb_that_does_not_answer_is_to_be_asked_again(serve: Serve, answer_type: str) -> None:
    assert (await ask(serve, (200, b"<html>"), answer_type)).status >= 500


async def test_the_question_is_one_key_of_one_index(serve: Serve) -> None:
    bench = await serve(unsigned())
    await bench.get(f"/v1/receipts/{ID}")
    assert bench.asked == [
        (
            "Query",
            {
                "TableName": "events",
                "IndexName": "by_receipt",
                "KeyConditionExpression": "request_id = :id",
                "ExpressionAttributeValues": {":id": {"S": ID}},
            },
        )
    ]


@pytest.mark.parametrize(("sent", "asked"), [(ID, ID), (quote(ID, safe=""), ID), (ID[:-1], ID), ("a+b%2Fc%3D", "-")])
async def test_an_id_may_be_escaped_and_go_without_its_last_character(serve: Serve, sent: str, asked: str) -> None:
    bench = await serve(unsigned())
    await bench.get(f"/v1/receipts/{sent}")
    [(_, question)] = bench.asked
    assert question["ExpressionAttributeValues"][":id"] == {"S": asked}


@pytest.mark.parametrize("text", [*HOSTILE, "a" * 65, "A" * 5000, '"}},"TableName":"other', " ", "ü", "%"])
async def test_a_text_that_is_no_id_is_never_in_the_question(serve: Serve, text: str) -> None:
    bench = await serve(unsigned())
    reply = await bench.get(f"/v1/receipts/{quote(text, safe='')}")
    [(_, question)] = bench.asked
    assert question["TableName"] == "events"
    assert question["ExpressionAttributeValues"] == {":id": {"S": "-"}}
    assert reply.status == 404


@pytest.mark.parametrize("path", ["/v1/receipts", "/v1/receipts/", "/v1/receipts/a/b"])
async def test_there_is_nothing_beside_it(serve: Serve, path: str) -> None:
    bench = await serve(unsigned())
    assert "Missing Authentication Token" in (await bench.get(path)).json["message"]
    assert bench.asked == []


async def test_a_callers_own_query_is_not_passed_on(serve: Serve) -> None:
    bench = await serve(unsigned())
    own: Any = json.dumps({"TableName": "events"}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    assert (await bench.request("GET", f"/v1/receipts/{ID}", own, headers)).status == 415
    await bench.request("GET", f"/v1/receipts/{ID}", own, {"Content-Type": "application/json"})
    assert [question["IndexName"] for _, question in bench.asked] == ["by_receipt"]


async def test_it_is_throttled(serve: Serve) -> None:
    setting = method_settings("x", rate=1, burst=1, method="GET")
    values = {**setting.values, "method_path": "~1receipts~1{id}/GET"}
    limited = type(setting)(setting.address, setting.type, setting.name, "receipts", setting.module, values)
    bench = await serve(deployed(extra=[*receipts(authorization="NONE"), limited]))
    statuses = [(await bench.get(f"/v1/receipts/{ID}")).status for _ in range(2)]
    assert statuses == [404, 429]
