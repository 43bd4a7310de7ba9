"""The local stack: a deployed environment's data plane, composed from its applied state and run in one process."""

import asyncio
import contextlib
import gc
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from common.scheme import Scheme, load
from processor.circuit import CircuitState
from processor.store import circuit_key, circuit_state
from webhookctl.local.aws.backend import Backend
from webhookctl.local.counts import UNKNOWN_ROUTE, Counts
from webhookctl.local.event_source import EventSource, Turnstile, triggers
from webhookctl.local.function_error import FunctionError
from webhookctl.local.functions import Functions, Machine
from webhookctl.local.gateway.server import SERVER_OPTIONS, Gateway
from webhookctl.local.generated_secret import generated_delivery_secret, generated_secret
from webhookctl.local.http_server import HttpServer, PortInUse, listen
from webhookctl.local.lane import Lane
from webhookctl.local.line_file import LineFile
from webhookctl.local.outputs import local_outputs, queue_name
from webhookctl.local.running import announce, withdraw
from webhookctl.local.state import State

__all__ = ["LocalStack", "PortInUse"]

# Together below the five seconds that a stop may take: requests end first, then invocations, then functions are killed.
REQUEST_GRACE_SECONDS = 1.0
INVOCATION_GRACE_SECONDS = 2.0
IDLE_CHECK_SECONDS = 0.05
SMALL_BATCH_SECONDS = 0.02  # from one batch that is not full to the next, of all lanes
YOUNG_OBJECTS = 50_000  # so many new ones until the garbage collector looks at them
MAX_LOG_BYTES = 20_000_000  # a log that is larger at a start begins anew


class LocalStack:
    """Runs while its context is entered; on leaving it, however that happens, no process, port or note is left.

    `secrets` are the texts to set, by source; a source without one gets a generated one. All can be read here then, and
    in `delivery_secrets` what the lanes with the effect `http` sign with. `postgres` is how to log on to PostgreSQL
    (host, port, dbname, username, password, sslmode), for every lane that does; without it their secrets have no value.
    `clock` is the time at which requests arrive, in seconds since 1970: a published webhook is genuine on its own day.
    """

    def __init__(
        self,
        state: State,
        *,
        build_dir: Path,
        cache_dir: Path,
        port: int = 0,
        secrets: Mapping[str, str] | None = None,
        postgres: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.state = state
        self.log_dir = cache_dir / "logs"
        self.outputs: Mapping[str, Any] = {}
        self.aws_endpoint_url = ""
        self.region: str = state.outputs["region"]
        self.secrets: dict[str, str] = {}
        self.delivery_secrets: dict[str, str] = {}
        self.backend: Backend
        self.functions: Functions
        self._build_dir = build_dir
        self._cache_dir = cache_dir
        self._port = port
        self._given_secrets = secrets or {}
        self._postgres = postgres
        self._clock = clock
        self._event_sources: dict[str, EventSource] = {}
        self._counts = Counts(state.outputs["sources"])
        self._parts = contextlib.AsyncExitStack()

    @property
    def endpoint(self) -> str:
        """The base URL of the API here, e.g. http://127.0.0.1:8080/v1."""
        return str(self.outputs["endpoint"])

    async def __aenter__(self) -> Self:
        """Start everything. Raises PortInUse and MissingPackage."""
        async with contextlib.AsyncExitStack() as parts:
            await self._start(parts)
            parts.enter_context(_without_what_is_there())
            self._parts = parts.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._parts.aclose()

    def lanes(self) -> tuple[Lane, ...]:
        """Every lane as it is now."""
        return tuple(self._lane(source) for source in self.outputs["sources"])

    @property
    def refused_elsewhere(self) -> Mapping[str, int]:
        """The requests that were for no source, all of them refused, by reason."""
        return dict(self._counts.lanes[UNKNOWN_ROUTE].refused)

    @property
    def without_postgres(self) -> Mapping[str, str]:
        """The lanes that wait until somebody sets how to log on to PostgreSQL, with the names of their secrets."""
        if self._postgres is not None:
            return {}
        names = {source: output.get("postgres_secret_name") for source, output in self.state.outputs["sources"].items()}
        return {source: name for source, name in names.items() if name}

    def circuits(self) -> Mapping[str, CircuitState]:
        """The circuits that are not closed, by lane: read from the table, where the lanes keep them."""
        sources = self.state.outputs["sources"].items()
        circuits = {source: self._circuit(source) for source, output in sources if output.get("effect")}
        return {source: circuit for source, circuit in circuits.items() if circuit.state != "closed"}

    @property
    def start_faults(self) -> Mapping[str, FunctionError]:
        """The functions that do not start, so that each invocation fails, and what the last start ended with."""
        faults = {name: function.start_fault for name, function in self.functions.by_name.items()}
        return {name: fault for name, fault in faults.items() if fault is not None}

    async def idle(self) -> None:
        """Wait until no lane has a message, neither waiting nor in flight. Failing messages are waited for, too."""
        while any(any(self._queue_counts(source, "queue_url")) for source in self.outputs["sources"]):  # noqa: ASYNC110
            await asyncio.sleep(IDLE_CHECK_SECONDS)  # time passing is an event here: it ends visibility time-outs

    async def reload(self) -> tuple[str, ...]:
        """Take the Lambda packages as they are now; the names of the functions whose code changed."""
        return await self.functions.reload()

    async def _start(self, parts: contextlib.AsyncExitStack) -> None:
        # Both ports first: one that is taken is what most likely stops a start.
        api_listener = parts.enter_context(listen(self._port))
        aws_listener = parts.enter_context(listen(0))
        self.log_dir.mkdir(parents=True, exist_ok=True)
        _shorten_logs(self.log_dir)
        self.backend = Backend.from_state(self.state)
        aws = await parts.enter_async_context(
            HttpServer(self.backend.handle, aws_listener, grace_seconds=REQUEST_GRACE_SECONDS)
        )
        self.aws_endpoint_url = aws.url
        await self._start_functions(parts)
        self._set_secrets()
        await self._start_lanes(parts)
        await self._start_api(parts, api_listener)

    async def _start_functions(self, parts: contextlib.AsyncExitStack) -> None:
        machine = Machine(self._build_dir, self._cache_dir, self.log_dir, self.aws_endpoint_url)
        functions = Functions.from_state(self.state, machine, lambda _name, line: self._counts.add_log(line))
        self.functions = await parts.enter_async_context(functions)

    def _set_secrets(self) -> None:
        for source, output in self.state.outputs["sources"].items():
            if output["secret_name"] is not None:
                self.secrets[source] = self._given_secrets.get(source) or generated_secret(_scheme(output))
                self._set_secret(output["secret_name"], self.secrets[source])
            if output.get("delivery_secret_name"):
                self.delivery_secrets[source] = generated_delivery_secret()
                self._set_secret(output["delivery_secret_name"], self.delivery_secrets[source])
            if output.get("postgres_secret_name") and self._postgres is not None:
                self._set_secret(output["postgres_secret_name"], json.dumps(dict(self._postgres)))

    def _set_secret(self, name: str, text: str) -> None:
        self.backend.call("secretsmanager.PutSecretValue", {"SecretId": name, "SecretString": text})

    async def _start_lanes(self, parts: contextlib.AsyncExitStack) -> None:
        turnstile = Turnstile(SMALL_BATCH_SECONDS)
        for trigger in triggers(self.state):
            queue = self.backend.queues[trigger.queue_name]
            self._event_sources[trigger.queue_name] = EventSource(
                trigger, queue, self.functions.invoke, turnstile=turnstile
            )
        parts.push_async_callback(self._stop_lanes)
        for event_source in self._event_sources.values():
            event_source.start()

    async def _stop_lanes(self) -> None:
        await asyncio.gather(*(lane.stop(INVOCATION_GRACE_SECONDS) for lane in self._event_sources.values()))

    async def _start_api(self, parts: contextlib.AsyncExitStack, listener: socket.socket) -> None:
        access_log = parts.enter_context(LineFile(self.log_dir / "access.log"))

        def on_access(line: str) -> None:
            access_log.write(line)
            self._counts.add_access(line)

        gateway = Gateway.from_state(
            self.state,
            invoke=self.functions.invoke,
            send=self.backend.send,
            ask=self.backend.ask,
            on_access=on_access,
            now=self._clock,
        )
        api = await parts.enter_async_context(
            HttpServer(gateway.handle, listener, grace_seconds=REQUEST_GRACE_SECONDS, options=SERVER_OPTIONS)
        )
        self.outputs = local_outputs(self.state.outputs, api.url, self.aws_endpoint_url)
        announce(self._cache_dir, aws_endpoint_url=self.aws_endpoint_url, region=self.region, outputs=self.outputs)
        parts.callback(withdraw, self._cache_dir)

    def _lane(self, source: str) -> Lane:
        counts = self._counts.lanes[source]
        queue = queue_name(self.outputs["sources"][source]["queue_url"])
        event_source = self._event_sources[queue]
        visible, hidden, delayed = self.backend.queues[queue].counts()
        return Lane(
            source=source,
            accepted=counts.accepted,
            refused=dict(counts.refused),
            waiting=visible + delayed + max(0, hidden - event_source.messages),
            in_flight=event_source.in_flight,
            maximum=event_source.trigger.max_concurrency,
            peak=event_source.peak,
            paused=not event_source.trigger.enabled,
            stored=counts.stored,
            duplicate=counts.duplicate,
            conflict=counts.conflict,
            quarantined=dict(counts.quarantined),
            failed=counts.failed,
            dead_lettered=sum(self._queue_counts(source, "dead_letter_queue_url")),
            effect=self.outputs["sources"][source].get("effect") or "",
            done=counts.done,
            rejected=counts.rejected,
            exhausted=counts.exhausted,
            retried=counts.retried,
            deferred=counts.deferred,
        )

    def _circuit(self, source: str) -> CircuitState:
        item = {"TableName": self.state.outputs["table_name"], "Key": circuit_key(source)}
        return circuit_state(self.backend.call("DynamoDB_20120810.GetItem", item).get("Item", {}))

    def _queue_counts(self, source: str, url: str) -> tuple[int, int, int]:
        return self.backend.queues[queue_name(self.outputs["sources"][source][url])].counts()


@contextlib.contextmanager
def _without_what_is_there() -> Iterator[None]:
    """Let the garbage collector pass over all that is in memory now while the block runs, and look less often.

    moto and boto3 are half a million objects that stay: looking through them again and again takes a sixth of the time.
    One request makes as many objects as Python would look after, and nearly all of them are gone when it is answered.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _shorten_logs(folder: Path) -> None:
    for log in folder.glob("*.log"):
        if log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(log, 0)  # not removed: another local stack may be appending to it


def _scheme(output: Mapping[str, Any]) -> Scheme:
    return load(output["scheme"] or json.loads(output["custom_scheme_json"]))
