import asyncio
import base64
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest

from common.keys import read_keys
from processor.circuit import CircuitState
from processor.store import EventStore
from tests.unit.local.gateway.deployed import ACCOUNT, FUNCTION_ARN, REGION, deployed, handshaken, resource
from webhookctl.environment import from_outputs
from webhookctl.local.aws.errors import AwsError
from webhookctl.local.lane import Lane
from webhookctl.local.running import find_running
from webhookctl.local.stack import MAX_LOG_BYTES, LocalStack, PortInUse
from webhookctl.local.state import State

ACCESS_LOG = json.dumps(
    {
        "route": "$context.resourcePath",
        "status": "$context.status",
        "error": "$context.error.responseType",
        "reason": "$context.authorizer.reason",
        "received_at_ms": "$context.requestTimeEpoch",
    }
)

# Allows what is signed "good". The processor takes a message's body as an instruction: which metric to log, or to fail.
CODE = """
import base64, json, os, time
import boto3

def authorize(event, context):
    good = event["headers"]["X-Hub-Signature-256"] == "good"
    effect = {"Effect": "Allow" if good else "Deny", "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
    values = {"head": "e30"} if good else {"reason": "bad_signature"}
    return {"principalId": "s", "policyDocument": {"Version": "2012-10-17", "Statement": [effect]}, "context": values}

def shake(event, context):
    envelope = event["envelope"]
    challenge = json.loads(base64.b64decode(envelope["body"])).get("challenge")
    if challenge:
        return {"status": 200, "body": json.dumps(challenge)}
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(envelope))
    return {"status": 202, "body": "{}"}

def process(event, context):
    failures = []
    for record in event["Records"]:
        body = json.loads(base64.b64decode(json.loads(record["body"])["body"]))
        if body.get("fail"):
            failures.append({"itemIdentifier": record["messageId"]})
        if body.get("sleep"):
            time.sleep(body["sleep"])
        if body.get("secret"):
            client = boto3.client("secretsmanager")
            print("secret", client.get_secret_value(SecretId=os.environ["SECRET_NAME"])["SecretString"])
        for name, reason in body.get("metrics", []):
            metrics = [{"Namespace": "n", "Dimensions": [["source"]], "Metrics": [{"Name": name, "Unit": "Count"}]}]
            line = {"_aws": {"Timestamp": 0, "CloudWatchMetrics": metrics}, "source": os.environ["SOURCE"], name: 1}
            print(json.dumps({**line, "reason": reason}))
    return {"batchItemFailures": failures}
"""


@pytest.fixture
def build_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "build"
    folder.mkdir()
    with zipfile.ZipFile(folder / "app.zip", "w") as archive:
        archive.writestr("app.py", CODE)
    return folder


def a_stack(build_dir: Path, **changes: Any) -> LocalStack:
    ordinary: dict[str, Any] = {"build_dir": build_dir, "cache_dir": build_dir.parent / "cache"}
    state = changes.pop("state", None) or a_state()
    return LocalStack(state, **{**ordinary, **changes})


def a_state(schemes: Mapping[str, Any] | None = None, *, enabled: bool = True, visibility_seconds: int = 120) -> State:
    """An environment whose sources have these schemes: a preset's name, or a custom scheme's data."""
    schemes = schemes or {"github": "github"}
    extra = [
        _function("authorizer", "app.authorize"),
        *(each for name in schemes for each in _lane(name, enabled, visibility_seconds)),
    ]
    state = deployed(schemes, changes={"stage": {"access_log_settings": [{"format": ACCESS_LOG}]}}, extra=extra)
    outputs = {
        "endpoint": f"https://a1b2c3d4e5.execute-api.{REGION}.amazonaws.com/v1",
        "region": REGION,
        "name": "webhook-dev",
        "table_name": "webhook-dev-events",
        "sources": {name: _output(name, scheme) for name, scheme in schemes.items()},
    }
    return State(outputs, state.managed)


def _output(name: str, scheme: Any) -> dict[str, Any]:
    queue = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/webhook-dev-{name}"
    return {
        "url": f"https://a1b2c3d4e5.execute-api.{REGION}.amazonaws.com/v1/webhooks/{name}",
        "scheme": scheme if isinstance(scheme, str) else None,
        "custom_scheme_json": None if isinstance(scheme, str) else json.dumps(scheme),
        "secret_name": None if scheme == "unsigned" else f"webhook-dev/{name}",
        "queue_url": queue,
        "dead_letter_queue_url": f"{queue}-dead-letter",
    }


def _lane(name: str, enabled: bool, visibility_seconds: int) -> list[Any]:
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:webhook-dev-{name}"
    redrive = {"deadLetterTargetArn": f"{arn}-dead-letter", "maxReceiveCount": 2}
    queue = {"name": f"webhook-dev-{name}", "arn": arn, "redrive_policy": json.dumps(redrive)}
    secret_arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:webhook-dev/{name}-a1b2c3"
    mapping = {
        "event_source_arn": arn,
        "function_arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:webhook-dev-{name}",
        "batch_size": 10,
        "maximum_batching_window_in_seconds": 0,
        "scaling_config": [{"maximum_concurrency": 2}],
        "function_response_types": ["ReportBatchItemFailures"],
        "enabled": enabled,
    }
    return [
        resource("aws_sqs_queue", "this", {**queue, "visibility_timeout_seconds": visibility_seconds}, name),
        resource(
            "aws_sqs_queue", "dead_letter", {"name": f"{queue['name']}-dead-letter", "arn": f"{arn}-dead-letter"}, name
        ),
        resource("aws_secretsmanager_secret", "this", {"name": f"webhook-dev/{name}", "arn": secret_arn}, name),
        _function(name, "app.process", SOURCE=name, SECRET_NAME=f"webhook-dev/{name}"),
        resource("aws_lambda_event_source_mapping", "this", mapping, name),
    ]


def _function(name: str, handler: str, **variables: str) -> Any:
    values = {
        "function_name": f"webhook-dev-{name}",
        "arn": FUNCTION_ARN.replace("authorizer", name),
        "handler": handler,
        "runtime": "python3.13",
        "timeout": 20,
        "memory_size": 128,
        "filename": "../../build/app.zip",
        "environment": [{"variables": variables}] if variables else [],
    }
    return resource("aws_lambda_function", "this", values, name)


async def post(stack: LocalStack, body: Any = None, source: str = "github", signature: str = "good") -> int:
    url = f"{stack.endpoint}/webhooks/{source}"
    headers = {"X-Hub-Signature-256": signature} if signature else {}
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data=json.dumps(body or {}), headers={**headers, "Content-Type": "application/json"}) as answer,
    ):
        await answer.read()
        return answer.status


def with_handshake(state: State) -> State:
    """The same environment, its source's POST answered by a function that knows the source's queue."""
    replaced = {"aws_api_gateway_integration", "aws_api_gateway_integration_response"}
    queue_url = state.outputs["sources"]["github"]["queue_url"]
    return State(
        state.outputs,
        (
            *(each for each in state.managed if each.type not in replaced),
            *(each for each in handshaken().managed if each.type in replaced),
            _function("github-handshake", "app.shake", QUEUE_URL=queue_url),
        ),
    )


async def idle(stack: LocalStack) -> Lane:
    async with asyncio.timeout(20):
        await stack.idle()
    return stack.lanes()[0]


def metrics(*pairs: tuple[str, str | None]) -> dict[str, Any]:
    return {"metrics": pairs}


def log(stack: LocalStack) -> str:
    return (stack.log_dir / "webhook-dev-github.log").read_text()


async def test_the_outputs_have_the_addresses_of_this_machine(build_dir: Path) -> None:
    async with a_stack(build_dir) as stack:
        port = stack.endpoint.split(":")[2].removesuffix("/v1")
        assert stack.endpoint == f"http://127.0.0.1:{port}/v1"
        source = stack.outputs["sources"]["github"]
        assert source["url"] == f"{stack.endpoint}/webhooks/github"
        assert source["queue_url"] == f"{stack.aws_endpoint_url}/{ACCOUNT}/webhook-dev-github"
        assert source["dead_letter_queue_url"] == f"{source['queue_url']}-dead-letter"
        assert source["secret_name"] == "webhook-dev/github"
        assert stack.outputs["table_name"] == "webhook-dev-events"


async def test_a_webhook_goes_through_its_lane_and_is_counted(build_dir: Path) -> None:
    async with a_stack(build_dir) as stack:
        outcomes = [("Stored", None), ("Duplicate", None), ("Conflict", None), ("Failed", None)]
        assert await post(stack, metrics(*outcomes, ("Quarantined", "signature_mismatch"))) == 200
        lane = await idle(stack)
    assert (lane.accepted, lane.waiting, lane.in_flight, lane.maximum, lane.peak) == (1, 0, 0, 2, 1)
    assert (lane.stored, lane.duplicate, lane.conflict, lane.failed) == (1, 1, 1, 1)
    assert lane.quarantined == {"signature_mismatch": 1}


async def test_a_source_may_be_answered_by_a_function_that_writes_to_its_queue(build_dir: Path) -> None:
    async with a_stack(build_dir, state=with_handshake(a_state())) as stack:
        assert await post(stack, {"challenge": "c"}) == 200
        assert await post(stack, metrics(("Stored", None))) == 202
        assert await post(stack, signature="forged") == 403
        lane = await idle(stack)
    assert (lane.stored, lane.refused) == (1, {"bad_signature": 1})


async def test_refused_requests_are_counted_by_reason(build_dir: Path) -> None:
    async with a_stack(build_dir) as stack:
        assert await post(stack, signature="forged") == 403
        assert await post(stack, signature="") == 401
        assert await post(stack, source="nobody") == 403
        [lane] = stack.lanes()
        assert lane.refused == {"bad_signature": 1, "unauthorized": 1}
        assert stack.refused_elsewhere == {"missing_authentication_token": 1}
    assert (lane.accepted, lane.refusals) == (0, 2)


async def test_what_keeps_failing_waits_and_is_dead_lettered(build_dir: Path) -> None:
    async with a_stack(build_dir, state=a_state(visibility_seconds=1)) as stack:
        await post(stack, {"fail": True})
        lane = await idle(stack)
    assert (lane.dead_lettered, lane.waiting) == (1, 0)


async def test_a_paused_lane_accepts_and_keeps(build_dir: Path) -> None:
    async with a_stack(build_dir, state=a_state(enabled=False)) as stack:
        assert await post(stack) == 200
        [lane] = stack.lanes()
    assert (lane.paused, lane.waiting, lane.in_flight, lane.peak) == (True, 1, 0, 0)


async def test_a_function_reads_its_secret_from_the_local_stack(build_dir: Path) -> None:
    async with a_stack(build_dir, secrets={"github": "It's a Secret to Everybody"}) as stack:
        assert stack.secrets == {"github": "It's a Secret to Everybody"}
        await post(stack, {"secret": True})
        await idle(stack)
        assert "secret It's a Secret to Everybody" in log(stack)


POSTGRES = {"host": "127.0.0.1", "port": 5432, "dbname": "d", "username": "u", "password": "p", "sslmode": "disable"}


def with_effect(state: State, kind: str, **names: str) -> State:
    """The same environment, its source with an effect whose secrets have these names."""
    github = {**state.outputs["sources"]["github"], "effect": kind, **names}
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
    secrets = [
        resource("aws_secretsmanager_secret", f"effect_{number}", {"name": name, "arn": f"{arn}{name}-x"}, "github")
        for number, name in enumerate(names.values())
    ]
    return State({**state.outputs, "sources": {"github": github}}, (*state.managed, *secrets))


def value_of(stack: LocalStack, secret: str) -> str:
    return str(stack.backend.call("secretsmanager.GetSecretValue", {"SecretId": secret})["SecretString"])


async def test_a_lane_that_delivers_has_a_secret_to_sign_with(build_dir: Path) -> None:
    state = with_effect(a_state(), "http", delivery_secret_name="webhook-dev/github/delivery")
    async with a_stack(build_dir, state=state) as stack:
        assert value_of(stack, "webhook-dev/github/delivery") == stack.delivery_secrets["github"]
        assert len(read_keys([stack.delivery_secrets["github"]], "base64-after-whsec_")) == 1
        assert stack.secrets.keys() == {"github"}
        assert not stack.without_postgres


async def test_a_lane_that_writes_to_postgresql_logs_on_as_it_is_told(build_dir: Path) -> None:
    state = with_effect(a_state(), "postgres", postgres_secret_name="webhook-dev/github/postgres")
    async with a_stack(build_dir, state=state, postgres=POSTGRES) as stack:
        assert json.loads(value_of(stack, "webhook-dev/github/postgres")) == POSTGRES
        assert (stack.without_postgres, stack.delivery_secrets) == ({}, {})


async def test_a_lane_that_nobody_told_how_to_log_on_to_postgresql_is_named(build_dir: Path) -> None:
    state = with_effect(a_state(), "postgres", postgres_secret_name="webhook-dev/github/postgres")
    async with a_stack(build_dir, state=state) as stack:
        assert stack.without_postgres == {"github": "webhook-dev/github/postgres"}
        with pytest.raises(AwsError):
            value_of(stack, "webhook-dev/github/postgres")


async def test_what_became_of_an_effect_is_counted(build_dir: Path) -> None:
    state = with_effect(a_state(), "http", delivery_secret_name="webhook-dev/github/delivery")
    async with a_stack(build_dir, state=state) as stack:
        names = ("Done", "Waiting", "Deferred", "Rejected", "Exhausted")
        await post(stack, metrics(*((name, None) for name in names)))
        lane = await idle(stack)
    assert (lane.effect, lane.done, lane.rejected, lane.exhausted, lane.deferred) == ("http", 1, 1, 1, 1)
    assert (lane.retried, lane.failed, lane.failures) == (1, 0, 1)


def with_table(state: State) -> State:
    """The same environment, with the table that its outputs name."""
    table = {
        "name": state.outputs["table_name"],
        "arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{state.outputs['table_name']}",
        "billing_mode": "PAY_PER_REQUEST",
        "hash_key": "pk",
        "range_key": "sk",
        "attribute": [{"name": "pk", "type": "S"}, {"name": "sk", "type": "S"}],
    }
    return State(state.outputs, (*state.managed, resource("aws_dynamodb_table", "events", table)))


async def test_a_lanes_circuit_is_read_from_the_table_until_it_is_closed(build_dir: Path) -> None:
    state = with_table(with_effect(a_state(), "http", delivery_secret_name="webhook-dev/github/delivery"))
    async with a_stack(build_dir, state=state) as stack:
        assert stack.circuits() == {}
        for circuit in (CircuitState("open", 1_800, 1_700, 10, "http 503"), CircuitState("paused", 0, 1_700)):
            await asyncio.to_thread(keep_circuit, stack, "github", circuit)
            assert stack.circuits() == {"github": circuit}
        await asyncio.to_thread(keep_circuit, stack, "github", CircuitState())
        assert stack.circuits() == {}


def keep_circuit(stack: LocalStack, source: str, circuit: CircuitState) -> None:
    """As a processor does. To be called in a thread, since the stack answers from this one."""
    client = from_outputs(stack.outputs, "test", aws_endpoint_url=stack.aws_endpoint_url).dynamodb()
    store = EventStore(client, stack.outputs["table_name"], 30)
    assert store.change_circuit(source, store.read_circuit(source), circuit)
    client.close()


async def test_a_function_that_does_not_start_is_named_with_the_reason(build_dir: Path) -> None:
    with zipfile.ZipFile(build_dir / "app.zip", "w") as archive:
        archive.writestr("app.py", CODE.replace("def process", "def other"))
    async with a_stack(build_dir) as stack, asyncio.timeout(20):
        assert stack.start_faults == {}
        await post(stack)
        while not stack.start_faults:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert stack.start_faults.keys() == {"webhook-dev-github"}
        assert stack.start_faults["webhook-dev-github"].error_type == "Runtime.HandlerNotFound"


async def test_every_source_gets_a_secret_in_the_form_of_its_scheme(build_dir: Path) -> None:
    custom = {"kind": "hmac", "signature": {"header": "X-Acme"}}
    schemes = {
        "github": "github",
        "standard": "standard-webhooks",
        "token": "token",
        "base64": {**custom, "key_encoding": "base64"},
        "hex": {**custom, "key_encoding": "hex"},
        "open": "unsigned",
    }
    async with a_stack(build_dir, state=a_state(schemes)) as stack:
        secrets = stack.secrets
        client = boto3.client(
            "secretsmanager",
            endpoint_url=stack.aws_endpoint_url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        answer = await asyncio.to_thread(client.get_secret_value, SecretId="webhook-dev/standard")
        client.close()
    assert set(secrets) == set(schemes) - {"open"}
    assert answer["SecretString"] == secrets["standard"]
    assert len(base64.b64decode(secrets["standard"].removeprefix("whsec_"), validate=True)) == 32
    assert len(base64.b64decode(secrets["base64"], validate=True)) == 32
    assert all(len(bytes.fromhex(secrets[source])) == 32 for source in ("github", "token", "hex"))
    assert read_keys([secrets["standard"]], "base64-after-whsec_")
    assert len(set(secrets.values())) == 5


async def test_a_port_in_use_is_named_and_nothing_is_left(build_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"Port {port} of 127\.0\.0\.1 is in use: .* choose another port\."):
            async with a_stack(build_dir, port=port):
                pass
    assert find_running(build_dir.parent / "cache") is None


async def test_the_port_is_the_one_asked_for_and_free_again_afterwards(build_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for _ in range(2):
        async with a_stack(build_dir, port=port) as stack:
            assert stack.endpoint == f"http://127.0.0.1:{port}/v1"
            assert await post(stack) == 200


async def test_a_running_stack_is_found_and_a_stopped_one_is_not(build_dir: Path) -> None:
    cache_dir = build_dir.parent / "cache"
    async with a_stack(build_dir) as stack:
        running = find_running(cache_dir)
        assert running is not None
        assert (running.endpoint, running.aws_endpoint_url) == (stack.endpoint, stack.aws_endpoint_url)
        assert (running.region, running.pid, running.outputs) == (REGION, os.getpid(), stack.outputs)
    assert find_running(cache_dir) is None
    assert not list((cache_dir / "running").iterdir())


async def test_a_log_that_is_too_large_begins_anew(build_dir: Path) -> None:
    folder = build_dir.parent / "cache" / "logs"
    folder.mkdir(parents=True)
    (folder / "kept.log").write_text("kept")
    with (folder / "access.log").open("wb") as log:
        log.truncate(MAX_LOG_BYTES + 1)
    async with a_stack(build_dir):
        assert (folder / "access.log").stat().st_size == 0
        assert (folder / "kept.log").read_text() == "kept"


async def test_the_access_log_is_kept(build_dir: Path) -> None:
    async with a_stack(build_dir) as stack:
        await post(stack)
    [line] = (stack.log_dir / "access.log").read_text().splitlines()
    assert json.loads(line)["route"] == "/webhooks/github"


async def test_requests_arrive_at_the_time_of_the_clock(build_dir: Path) -> None:
    async with a_stack(build_dir, clock=lambda: 1_500_000_000.25) as stack:
        assert await post(stack) == 200
    assert '"received_at_ms": "1500000000250"' in (stack.log_dir / "access.log").read_text()


async def test_leaving_ends_an_invocation_that_hangs(build_dir: Path) -> None:
    async with asyncio.timeout(20), a_stack(build_dir) as stack:
        await post(stack, {"sleep": 60})
        while stack.functions.function("webhook-dev-github").busy == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert stack.functions.function("webhook-dev-github").environments == 0


async def test_the_garbage_collector_passes_over_what_was_there_while_it_runs_and_not_later(build_dir: Path) -> None:
    async with a_stack(build_dir):
        assert gc.get_freeze_count() > 100_000
    assert gc.get_freeze_count() == 0


async def test_an_exception_inside_stops_everything(build_dir: Path) -> None:
    stack = a_stack(build_dir)

    async def fail_inside() -> None:
        async with stack:
            await post(stack)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_inside()
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(stack)
    assert all(function.environments == 0 for function in stack.functions.by_name.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it_in_order(build_dir: Path, number: signal.Signals) -> None:
    arguments = [sys.executable, "-W", "error", "-c", UP, str(build_dir)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:  # noqa: ASYNC220
        assert up.stdout is not None
        assert up.stderr is not None
        endpoint = (await asyncio.to_thread(up.stdout.readline)).strip()
        assert endpoint.startswith("http://127.0.0.1:")
        up.send_signal(number)
        output = await asyncio.to_thread(up.stdout.read)
        assert (up.wait(20), output, up.stderr.read()) == (0, "stopped\n", "")


UP = """
import sys, uvloop
from pathlib import Path
from tests.unit.local.test_stack import a_stack, post
from webhookctl.local.stop_signals import stop_signals

async def main():
    with stop_signals() as stop:
        async with a_stack(Path(sys.argv[1])) as stack:
            await post(stack, {"sleep": 60})
            print(stack.endpoint, flush=True)
            await stop.wait()
    print("stopped")

uvloop.run(main())
"""


async def test_a_note_of_a_killed_stack_is_recognised_and_goes_with_the_next_start(build_dir: Path) -> None:
    cache_dir = build_dir.parent / "cache"
    path = cache_dir / "running" / f"{os.getpid()}.json"
    async with a_stack(build_dir):
        note = json.loads(path.read_text())
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:  # noqa: ASYNC220
        ended.wait()
    for stale in (json.dumps({**note, "pid": ended.pid}), json.dumps({**note, "process_started": "0"}), "not json"):
        (path.parent / "1.json").write_text(stale)
        assert find_running(cache_dir) is None
    async with a_stack(build_dir):
        assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_of_several_stacks_the_latest_is_found_and_then_the_one_before(build_dir: Path) -> None:
    cache_dir = build_dir.parent / "cache"
    with subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", UP, str(build_dir)], stdout=subprocess.PIPE, text=True
    ) as up:
        assert up.stdout is not None
        earlier = (await asyncio.to_thread(up.stdout.readline)).strip()
        async with a_stack(build_dir) as stack:
            latest = find_running(cache_dir)
            assert latest is not None
            assert latest.endpoint == stack.endpoint
        running = find_running(cache_dir)
        assert running is not None
        assert (running.endpoint, running.pid) == (earlier, up.pid)
        up.terminate()
        await asyncio.to_thread(up.stdout.read)
    assert find_running(cache_dir) is None
