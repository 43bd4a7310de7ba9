"""What senders ask of an endpoint beside taking their webhooks, and what the edge can refuse by itself."""

import base64
import json
import time
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.e2e.client import BODY, Client
from tests.e2e.conftest import StartStack, changed, items_of
from webhookctl.local.state import State

VERIFY_TOKEN = "a-verify-token-for-development"  # of envs/dev


async def test_a_forged_message_signature_is_refused_at_the_edge_and_never_kept(client: Client) -> None:
    genuine = client.headers("orders")
    forged = {**genuine, "Content-Digest": client.headers("orders", b"other")["Content-Digest"]}
    unsigned = {name: value for name, value in genuine.items() if name != "Signature-Input"}
    uncovered = {**genuine, "Signature-Input": genuine["Signature-Input"].replace(' "content-digest"', "")}
    moved = {**genuine, "Signature-Input": genuine["Signature-Input"].replace("created=1", "created=2")}
    for headers, status, reason in (
        (forged, 403, "signature_mismatch"),
        (unsigned, 401, "missing_signature"),
        (uncovered, 403, "uncovered_component"),
        (moved, 403, "future_timestamp"),
    ):
        got, answer, _ = await client.post("orders", headers=headers)
        assert (got, answer["reason"]) == (status, reason)
    await client.stack.idle()
    assert await items_of(client.stack) == []


async def test_a_body_that_is_not_its_digest_s_is_quarantined(client: Client) -> None:
    status, _, _ = await client.post("orders", b"another body", client.headers("orders"))
    assert status == 200
    await client.stack.idle()
    (item,) = await items_of(client.stack)
    assert (item["outcome"]["S"], item["reason"]["S"]) == ("quarantined", "digest_mismatch")


async def test_a_digest_in_the_signed_url_is_verified_at_the_edge_and_a_form_in_the_processor(client: Client) -> None:
    signed = client.signed("sms")
    headers = {"Content-Type": "application/json", **signed.headers}
    other = "bodySHA256=" + "0" * 64
    status, answer, _ = await client.post("sms", headers=headers, query=other)
    assert (status, answer["reason"]) == (403, "signature_mismatch")

    form = b"MessageSid=SM1&From=%2B14155550100&Body=hello+%C3%A9"
    headers = client.headers("sms", form, "sms-1") | {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("sms", form, headers))[0] == 200
    assert (await client.post("sms", form + b"&Body=more", headers))[0] == 200
    await client.stack.idle()
    outcomes = {item["outcome"]["S"]: item for item in await items_of(client.stack)}
    assert outcomes.keys() == {"stored", "quarantined"}
    assert outcomes["stored"]["event_id"]["S"] == "sms-1"
    assert outcomes["quarantined"]["reason"]["S"] == "signature_mismatch"


async def challenge(client: Client, source: str, **params: str) -> tuple[int, str, str]:
    async with client.session.get(client.url(source), params=params) as response:
        return response.status, response.headers["Content-Type"], await response.text()


async def test_meta_s_challenge_is_answered_to_who_knows_the_verify_token(client: Client) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY_TOKEN}
    assert await challenge(client, "whatsapp", **asked) == (200, "text/plain", "1158201444")
    for wrong in (
        {"hub.verify_token": "guess"},
        {"hub.verify_token": ""},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": ""},
        {"hub.challenge": "<script>"},
    ):
        status, content_type, text = await challenge(client, "whatsapp", **{**asked, **wrong})
        assert (status, content_type) == (403, "application/json")
        assert json.loads(text).keys() == {"error", "reason", "request_id"}
    assert client.stack.functions.function("webhook-dev-authorizer").peak_busy == 0


async def test_zoom_s_challenge_is_answered_only_when_zoom_signed_it_and_the_rest_goes_to_the_queue(
    client: Client,
) -> None:
    asked = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}})
    status, answer = await client.deliver("meetings", asked.encode())
    assert status == 200
    assert answer["plainToken"] == "qgg8vlvZRS6UYooatFL8Aw"
    assert len(answer["encryptedToken"]) == 64

    forged = client.headers("meetings", b"something else")
    status, answer, _ = await client.post("meetings", asked.encode(), forged)
    assert (status, answer["reason"]) == (403, "signature_mismatch")

    event = b'{"event": "meeting.started", "event_ts": 1}'
    receipts = {(await client.deliver("meetings", event))[1]["id"]}
    time.sleep(1)  # noqa: ASYNC251 - signed at another second, as a retry is
    receipts |= {(await client.deliver("meetings", event))[1]["id"]}
    assert len(receipts) == 2
    await client.stack.idle()
    (item,) = await items_of(client.stack)  # the retry is known by its body
    assert (item["outcome"]["S"], item["event_type"]["S"]) == ("stored", "meeting.started")
    assert item["request_id"]["S"] in receipts


SCHEME = "standard-webhooks-v1a"


def of_a_private_key(values: dict[str, Any]) -> None:
    variables = values["environment"][0]["variables"] if values["environment"] else {}
    if variables.get("SOURCE") == "billing":
        variables["SCHEME"] = json.dumps(SCHEME)
        values["filename"] = values["filename"].replace("processor.zip", "processor-cryptography.zip")


async def test_a_sender_with_a_private_key_is_verified_from_the_zip_that_can(
    state: State, start_stack: StartStack
) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    changed_state = changed(state, "aws_lambda_function", of_a_private_key)
    async with start_stack(changed_state, secrets={"billing": public}) as stack, aiohttp.ClientSession() as session:
        client = Client(stack, session)
        at = str(int(time.time()))
        signature = base64.b64encode(private.sign(f"evt-1.{at}.".encode() + BODY)).decode()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": "evt-1",
            "webhook-timestamp": at,
            # The authorizer still has the scheme of envs/dev, which looks for v1.
            "webhook-signature": f"v1a,{signature} v1,{base64.b64encode(bytes(32)).decode()}",
        }
        assert (await client.post("billing", headers=headers))[0] == 202
        assert (await client.post("billing", b"forged", {**headers, "webhook-id": "evt-2"}))[0] == 202
        await stack.idle()
        outcomes = {item["outcome"]["S"]: item for item in await items_of(stack)}
        assert outcomes.keys() == {"stored", "quarantined"}
        assert outcomes["stored"]["event_id"]["S"] == "evt-1"
        assert outcomes["quarantined"]["reason"]["S"] == "signature_mismatch"


def by_both(values: dict[str, Any]) -> None:
    variables = values["environment"][0]["variables"] if values["environment"] else {}
    if variables.get("SOURCE") == "github":
        variables["DEDUPLICATE_BY"] = "both"


@pytest.mark.parametrize("both", [False, True])
async def test_a_body_that_is_replayed_under_a_new_id_is_one_event_where_the_source_asks_for_it(
    state: State, start_stack: StartStack, both: bool
) -> None:
    chosen = changed(state, "aws_lambda_function", by_both) if both else state
    async with start_stack(chosen) as stack, aiohttp.ClientSession() as session:
        client = Client(stack, session)
        for event_id in ("genuine", "replayed"):
            assert (await client.deliver("github", event_id=event_id))[0] == 200
            await stack.idle()
        ids = {item["event_id"]["S"] for item in await items_of(stack)}
        assert ids == ({"genuine"} if both else {"genuine", "replayed"})
