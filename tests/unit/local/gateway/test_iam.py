"""A method with IAM authorization: Signature Version 4, as botocore and as curl write it."""

import asyncio
import json
import shutil
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.unit.local.gateway.conftest import NOW, Bench, Reply, Serve
from tests.unit.local.gateway.deployed import (
    ACCOUNT,
    EXECUTION_ARN,
    REGION,
    deployed,
    gateway_response,
    integration_response,
    mocked,
    receipts,
    resource,
)
from webhookctl.local.gateway.iam import MAX_SKEW_SECONDS
from webhookctl.local.state import State

PATH = "/v1/receipts/JKJaXmP_-="
USER = f"arn:aws:iam::{ACCOUNT}:user/local"
SIGNED_AT = "20231114T221320Z"  # NOW


def with_policy(*statements: Mapping[str, Any]) -> State:
    """The environment with receipts under a resource policy."""
    policy = {"policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}
    return deployed(extra=[*receipts(), resource("aws_api_gateway_rest_api_policy", "this", policy)])


def statement(effect: str, path: str) -> dict[str, Any]:
    return {"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": EXECUTION_ARN + path}


def signed(
    bench: Bench,
    path: str = PATH,
    *,
    key: str = "local",
    secret: str = "local",  # noqa: S107
    region: str = REGION,
    service: str = "execute-api",
    at: str = SIGNED_AT,
    **headers: str,
) -> dict[str, str]:
    """The headers of a GET that is signed as SDKs sign."""
    request = AWSRequest("GET", bench.url + path, {"Host": bench.url.removeprefix("http://"), **headers})
    request.context["timestamp"] = request.headers["X-Amz-Date"] = at
    signer = SigV4Auth(Credentials(key, secret), service, region)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"
    )
    return {name: value for name, value in request.headers.items() if name != "Host"}


async def get(bench: Bench, path: str = PATH, **how: str) -> Reply:
    return await bench.request("GET", path, None, signed(bench, path, **how))


async def test_who_signs_as_a_caller_of_this_account_comes_in(serve: Serve) -> None:
    bench = await serve(deployed(extra=receipts()))
    assert (await get(bench)).json["error"] == "UNKNOWN_RECEIPT"
    assert len(bench.asked) == 1


async def test_the_caller_is_in_the_context(serve: Serve) -> None:
    template = '{"statusCode": 200}'
    echo = '{"arn":"$context.identity.userArn","account":"$context.identity.accountId"}'
    mock = mocked("github", template, *integration_response("github", "200", None, echo, method="GET"))
    bench = await serve(deployed(extra=[r if r.type != "aws_api_gateway_method" else _with_iam(r) for r in mock]))
    reply = await get(bench, "/v1/webhooks/github")
    assert reply.json == {"arn": USER, "account": ACCOUNT}


def _with_iam(method: Any) -> Any:
    return resource(method.type, method.name, {**method.values, "authorization": "AWS_IAM"}, method.index)


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}])
async def test_without_a_signature_a_token_is_missing(serve: Serve, headers: dict[str, str]) -> None:
    bench = await serve(deployed(extra=receipts()))
    reply = await bench.request("GET", PATH, None, headers)
    assert (reply.status, reply.json) == (403, {"message": "Missing Authentication Token"})
    assert reply.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert bench.asked == []


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"secret": "other"}, "The request signature we calculated does not match the signature you provided."),
        ({"key": "other"}, "The security token included in the request is invalid."),
        ({"X-Amz-Security-Token": "other"}, "The security token included in the request is invalid."),
        ({"region": "us-east-1"}, "Credential should be scoped"),
        ({"service": "lambda"}, "Credential should be scoped"),
    ],
)
async def test_another_signature_is_refused(serve: Serve, how: dict[str, str], says: str) -> None:
    bench = await serve(deployed(extra=receipts()))
    reply = await get(bench, **how)
    assert reply.status == 403
    assert reply.json["message"].startswith(says)
    assert reply.headers["x-amzn-ErrorType"] == "InvalidSignatureException"
    assert bench.asked == []


@pytest.mark.parametrize("given", ["Bearer x", "AWS4-HMAC-SHA256 Credential=local", "Basic bG9jYWw6bG9jYWw="])
async def test_an_authorization_of_another_form_is_refused(serve: Serve, given: str) -> None:
    bench = await serve(deployed(extra=receipts()))
    reply = await bench.request("GET", PATH, None, {"Authorization": given, "X-Amz-Date": SIGNED_AT})
    assert reply.status == 403
    assert reply.json["message"].startswith("Authorization header requires")


@pytest.mark.parametrize("change", ["path", "query", "header", "body"])
async def test_a_signature_is_good_for_what_was_signed_alone(serve: Serve, change: str) -> None:
    bench = await serve(deployed(extra=receipts()))
    headers = signed(
        bench,
        **{"X-Extra": "1", "X-Amz-Content-Sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    )
    path, body = PATH, b""
    assert (await bench.request("GET", path, body or None, headers)).status == 404
    match change:
        case "path":
            path = PATH.replace("J", "K")
        case "query":
            path = f"{PATH}?a=b"
        case "header":
            headers["X-Extra"] = "2"
        case "body":
            body = b"{}"
    reply = await bench.request("GET", path, body or None, headers)
    assert (reply.status, len(bench.asked)) == (403, 1)


@pytest.mark.parametrize(("seconds", "status"), [(0, 404), (MAX_SKEW_SECONDS, 404), (MAX_SKEW_SECONDS + 1, 403)])
@pytest.mark.parametrize("sign", [1, -1])
async def test_a_signature_is_good_for_five_minutes(serve: Serve, seconds: int, sign: int, status: int) -> None:
    bench = await serve(deployed(extra=receipts()))
    bench.now = int(NOW) + sign * seconds
    assert (await get(bench)).status == status


async def test_an_id_with_escapes_and_a_query_are_signed_as_they_are_sent(serve: Serve) -> None:
    bench = await serve(deployed(extra=receipts()))
    for path in (f"/v1/receipts/{quote('a+b/c=', safe='')}", f"{PATH}?b=2&a=1&a=0"):
        assert (await get(bench, path)).status == 404


async def test_an_allow_for_other_routes_is_not_needed_and_a_deny_counts(serve: Serve) -> None:
    allowed = await serve(with_policy(statement("Allow", "/v1/POST/webhooks/*")))
    assert (await get(allowed)).status == 404
    denied = await serve(with_policy(statement("Allow", "/*"), statement("Deny", "/*/GET/receipts/*")))
    reply = await get(denied)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert reply.json["Message"].startswith(f"User: {USER} is not authorized to perform: execute-api:Invoke")


async def test_the_policys_allow_lets_nobody_in_without_a_signature(serve: Serve) -> None:
    bench = await serve(with_policy(statement("Allow", "/*")))
    assert (await bench.request("GET", PATH, None, {})).status == 403


async def test_its_refusals_can_be_customised(serve: Serve) -> None:
    template = {"error": "$context.error.responseType"}
    bench = await serve(deployed(extra=[*receipts(), gateway_response("INVALID_SIGNATURE", "403", template)]))
    assert (await get(bench, secret="other")).json == {"error": "INVALID_SIGNATURE"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_curl_signs_alike_where_the_id_goes_without_its_last_character(serve: Serve) -> None:
    # The README's way. Of the paths with a = in them, curl 7.88 makes another canonical form than AWS's.
    bench = await serve(deployed(extra=receipts()))
    bench.now = time.time()
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--aws-sigv4", f"aws:amz:{REGION}:execute-api", "--user", "local:local"),
        bench.url + "/v1/receipts/IPp-GHDZoA_FcVA",
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    assert json.loads(answer)["error"] == "UNKNOWN_RECEIPT"
    assert bench.asked[0][1]["ExpressionAttributeValues"] == {":id": {"S": "IPp-GHDZoA_FcVA="}}
