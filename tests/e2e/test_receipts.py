"""What has become of a webhook, for who has the id that its sender was answered with."""

import asyncio
import json
import shutil
import subprocess
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from tests.e2e.client import BODY, Client
from tests.e2e.test_deployed import ACCOUNT, REGION
from webhookctl.local.state import State

ENDED = {"stored", "done"}  # by lanes that only store, and by lanes with an effect


async def ask(client: Client, receipt: str, secret: str = "local") -> tuple[int, dict[str, Any]]:  # noqa: S107
    """Asks as a caller of this account does."""
    url = f"{client.stack.endpoint}/receipts/{receipt}"
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials("local", secret), "execute-api", client.stack.region).add_auth(request)
    # As it is, or what is signed would not be what is sent.
    async with client.session.get(URL(url, encoded=True), headers=dict(request.headers.items())) as response:
        return response.status, await response.json()


async def delivered(client: Client, source: str, event_id: str = "evt-1", body: bytes = BODY) -> str:
    """The receipt of a genuine delivery."""
    status, answer = await client.deliver(source, body, event_id)
    assert status in (200, 202)
    return str(answer["id"])


async def test_a_processed_webhook_is_found_by_what_its_sender_was_answered(client: Client) -> None:
    receipt = await delivered(client, "github")
    await client.stack.idle()
    status, answer = await ask(client, receipt)
    assert (status, answer["receipt"], answer["source"], answer["event_id"]) == (200, receipt, "github", "evt-1")
    assert answer["status"] in ENDED
    assert answer["received_at_ms"] <= answer["stored_at_ms"]


async def test_a_second_delivery_has_a_receipt_of_its_own(client: Client) -> None:
    first = await delivered(client, "github")
    await client.stack.idle()
    second = await delivered(client, "github")
    await client.stack.idle()
    answers = [(await ask(client, receipt))[1] for receipt in (first, second)]
    assert answers[0]["status"] in ENDED
    assert (answers[1]["status"], answers[1]["event_id"]) == ("duplicate", "evt-1")


async def test_another_body_under_the_same_id_is_a_conflict(client: Client) -> None:
    await delivered(client, "github")
    await client.stack.idle()
    receipt = await delivered(client, "github", body=b'{"id": "other"}')
    await client.stack.idle()
    assert (await ask(client, receipt))[1]["status"] == "conflict"


async def test_a_forgery_is_quarantined_with_its_reason(client: Client) -> None:
    forged = client.headers("github") | {"X-Hub-Signature-256": "sha256=" + "0" * 64}
    status, answer, _ = await client.post("github", headers=forged)
    assert status == 200
    await client.stack.idle()
    _, receipt = await ask(client, answer["id"])
    assert (receipt["status"], receipt["reason"]) == ("quarantined", "signature_mismatch")


async def test_an_unknown_receipt_may_still_wait_in_its_queue(client: Client) -> None:
    for unknown in ("IPp-GHDZoA_FcVA=", "IPp-GHDZoA_FcVA%3D", "x", quote('"}},"TableName":"x', safe="")):
        status, answer = await ask(client, unknown)
        assert (status, answer["error"]) == (404, "UNKNOWN_RECEIPT")
        assert "waiting in its queue" in answer["message"]


async def test_without_a_signature_there_is_no_such_route_and_with_another_no_entry(client: Client) -> None:
    receipt = await delivered(client, "github")
    await client.stack.idle()
    async with client.session.get(f"{client.stack.endpoint}/receipts/{receipt}") as response:
        assert (response.status, (await response.json())["reason"]) == (404, "unknown_route")
    status, answer = await ask(client, receipt, secret="guessed")
    assert (status, answer["error"], answer["reason"]) == (403, "INVALID_SIGNATURE", "invalid_request_signature")
    assert answer.keys() == {"error", "reason", "request_id"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_curl_asks_as_the_readme_says(client: Client) -> None:
    receipt = await delivered(client, "github")
    await client.stack.idle()
    command = ["curl", "--silent", "--aws-sigv4", f"aws:amz:{client.stack.region}:execute-api", "--user", "local:local"]
    command.append(f"{client.stack.endpoint}/receipts/{receipt.removesuffix('=')}")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert json.loads(done.stdout)["receipt"] == receipt


def test_the_resource_policy_lets_everybody_in_to_webhooks_alone(state: State) -> None:
    [policy] = state.resources("aws_api_gateway_rest_api_policy")
    [api] = state.resources("aws_api_gateway_rest_api")
    allowed = [
        statement for statement in json.loads(policy.values["policy"])["Statement"] if statement["Effect"] == "Allow"
    ]
    assert [statement["Resource"] for statement in allowed] == [
        [f"{api.values['execution_arn']}/v1/{method}/webhooks/*" for method in ("GET", "HEAD", "POST")]
    ]


def test_the_role_of_receipts_may_query_one_index_and_nothing_else(state: State) -> None:
    roles = [role for role in state.resources("aws_iam_role_policy") if role.values["role"] == "webhook-dev-receipts"]
    [statement] = [each for role in roles for each in json.loads(role.values["policy"])["Statement"]]
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/webhook-dev-events"
    assert statement == {
        "Effect": "Allow",
        "Action": ["dynamodb:Query"],
        "Resource": [f"{table}/index/by_receipt"],
    }


async def test_of_a_queue_in_order_a_delivery_signed_alike_is_dropped_and_a_forgery_is_not(client: Client) -> None:
    genuine = client.headers("tickets")
    forged = genuine | {"webhook-signature": "v1," + "A" * 43 + "="}
    posted = [await client.post("tickets", headers=headers) for headers in (forged, genuine, genuine)]
    await client.stack.idle()
    found = [await ask(client, answer["id"]) for _, answer, _ in posted]
    assert [status for status, _ in found] == [200, 200, 404]
    assert [receipt["status"] for _, receipt in found[:2]] == ["quarantined", "stored"]
