"""The data plane of one deployed REST API: takes a request from aiohttp's server and answers as API Gateway would."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from aiohttp import web
from multidict import CIMultiDict

from webhookctl.local.gateway.access_log import AccessLog, OnAccess
from webhookctl.local.gateway.authorizer import Invoke, authorize, method_arn
from webhookctl.local.gateway.errors import NotModelled, Refused, TemplateError
from webhookctl.local.gateway.exchange import Exchange, first_context
from webhookctl.local.gateway.headers import Headers
from webhookctl.local.gateway.iam import authenticate
from webhookctl.local.gateway.integration import ANSWER_TYPE, Ask, Backend, Send
from webhookctl.local.gateway.model import Api, Authorizer, Route
from webhookctl.local.gateway.policy import Policy, Verdict, combined
from webhookctl.local.gateway.responses import STANDARD, Answer, GatewayResponses
from webhookctl.local.gateway.router import Router
from webhookctl.local.gateway.state_reader import read_api
from webhookctl.local.gateway.throttle import TokenBucket
from webhookctl.local.gateway.tracing import HEADER as TRACE_HEADER
from webhookctl.local.gateway.tracing import start_trace
from webhookctl.local.state import State

LOG = logging.getLogger(__name__)

# API Gateway Developer Guide, "Quotas for configuring and running a REST API".
MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
MAX_HEAD_BYTES = 10_240

# What the aiohttp server (`web.Server`, `web.AppRunner`) in front of a gateway needs, or it unpacks bodies and refuses
# long headers itself.
SERVER_OPTIONS: Mapping[str, Any] = {"auto_decompress": False, "max_line_size": 65536, "max_field_size": 65536}


class Gateway:
    """Serves one Api. It is built whole at start: a NotModelled or TemplateError there, never while requests run.

    `invoke(function_arn, event, trace_header)` runs a function and raises FunctionError; `send(account_id,
    queue_name, form)` is SQS's query protocol, answered with a status and JSON, and `ask(operation, request)` that of
    DynamoDB. `on_access` gets each access log line; `now` is the wall clock in seconds.
    """

    def __init__(
        self,
        api: Api,
        *,
        invoke: Invoke,
        send: Send,
        ask: Ask,
        on_access: OnAccess | None = None,
        now: Callable[[], float] = time.time,
        answer_type: str = ANSWER_TYPE,
    ) -> None:
        self.api = api
        self._invoke = invoke
        self._now = now
        self._responses = GatewayResponses(api)
        self._access_log = AccessLog(api.stage, on_access)
        self._router = Router(api.stage.name, api.routes)
        self._backends = {_key(route): _backend(route, api, invoke, send, ask, answer_type) for route in api.routes}
        self._buckets = {_key(route): TokenBucket(route.throttle) for route in api.routes if route.throttle}

    @classmethod
    def from_state(
        cls,
        state: State,
        *,
        invoke: Invoke,
        send: Send,
        ask: Ask,
        on_access: OnAccess | None = None,
        now: Callable[[], float] = time.time,
    ) -> Self:
        """The gateway for the one API of an applied state.

        Raises NotModelled for what it would have to pass over in silence.
        """
        return cls(read_api(state), invoke=invoke, send=send, ask=ask, on_access=on_access, now=now)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; an aiohttp handler."""
        started = self._now()
        exchange = self._exchange(request, started)
        try:
            await _take_body(request, exchange)
            answer = await self._serve(exchange)
        except Refused as refused:
            answer = self._refusal(exchange, refused)
        self._access_log.write(exchange, answer, round((self._now() - started) * 1000))
        response = _response(exchange, answer)
        if not request.content.is_eof():
            # A body that is refused unread cannot be told from the next request.
            response.force_close()
        return response

    def _exchange(self, request: web.BaseRequest, now: float) -> Exchange:
        headers = Headers(request.raw_headers)
        source_ip = request.remote or "127.0.0.1"
        trace = start_trace(headers.find(TRACE_HEADER), now)
        headers.set(TRACE_HEADER, headers.find(TRACE_HEADER) or f"Root={trace.root}")
        headers.add_forwarding(source_ip)
        full_path, _, query = request.raw_path.partition("?")
        version = request.version
        context = first_context(
            self.api,
            method=request.method,
            full_path=full_path,
            protocol=f"HTTP/{version.major}.{version.minor}",
            headers=headers,
            source_ip=source_ip,
            now=now,
        )
        return Exchange(request.method, full_path, query, headers, source_ip, trace, context)

    async def _serve(self, exchange: Exchange) -> Answer:
        route = self._router.take(exchange)
        if route.iam:
            authenticate(exchange, self.api, self._now())
        self._check_resource_policy(exchange)
        bucket = self._buckets.get(_key(route))
        if bucket is not None and not bucket.take(self._now()):
            raise Refused("THROTTLED", "Too Many Requests")
        await self._authorize(route, exchange)
        started = self._now()
        try:
            return await self._backends[_key(route)].call(exchange)
        finally:
            exchange.log["latency"] = round((self._now() - started) * 1000)

    def _check_resource_policy(self, exchange: Exchange) -> None:
        """Before the authorizer, only the resource policy's explicit Denies count."""
        arn = method_arn(self.api, exchange)
        if self.api.policy and self.api.policy.verdict(arn, exchange.source_ip) is Verdict.DENY:
            caller = exchange.context["identity"]["userArn"] or "anonymous"
            who_and_what = f"User: {caller} is not authorized to perform: execute-api:Invoke on resource: {arn}"
            raise Refused("ACCESS_DENIED", f"{who_and_what} with an explicit deny")

    async def _authorize(self, route: Route, exchange: Exchange) -> None:
        """Afterwards all policies count together. Without any, whoever comes may come in.

        A caller with an identity is of this account, where one Allow is enough ("Policy evaluation outcome tables", A):
        its own policies let it do everything.
        """
        if route.iam:
            return
        policies = [self.api.policy] if self.api.policy else []
        if route.authorizer is not None:
            policies.append(await self._ask_authorizer(route.authorizer, route, exchange))
        if not policies:
            return
        arn = method_arn(self.api, exchange)
        verdict = combined(policy.verdict(arn, exchange.source_ip) for policy in policies)
        if verdict is not Verdict.ALLOW:
            exchange.log.setdefault("authorizer", {})["status"] = 403
            explicitly = " with an explicit deny" if verdict is Verdict.DENY else ""
            raise Refused("ACCESS_DENIED", f"User is not authorized to access this resource{explicitly}")

    async def _ask_authorizer(self, authorizer: Authorizer, route: Route, exchange: Exchange) -> Policy:
        started = self._now()
        outcome = exchange.log["authorizer"] = {"status": 200}
        try:
            authorization = await authorize(authorizer, self.api, route, exchange, self._invoke)
        except Refused as refused:
            outcome["status"] = STANDARD[refused.kind].status
            raise
        finally:
            outcome["latency"] = round((self._now() - started) * 1000)
        exchange.context["authorizer"] = authorization.context
        return authorization.policy

    def _refusal(self, exchange: Exchange, refused: Refused) -> Answer:
        answer = self._responses.answer(exchange, refused)
        if answer.status >= 500:
            notes = getattr(refused, "__notes__", [])
            LOG.warning(
                "%s %s: %s %s", exchange.method, exchange.path, refused.kind, refused.__cause__ or "; ".join(notes)
            )
        return answer


def _key(route: Route) -> tuple[str, str]:
    return route.method, route.path


def _backend(route: Route, api: Api, invoke: Invoke, send: Send, ask: Ask, answer_type: str) -> Backend:
    try:
        return Backend(route.integration, api, invoke, send, ask, answer_type=answer_type)
    except TemplateError as error:
        raise NotModelled(f"{route.method} {route.path}", str(error)) from error


async def _take_body(request: web.BaseRequest, exchange: Exchange) -> None:
    """Read the payload, unless the request is too large, which is refused before anything runs."""
    head = (
        len(request.method) + len(request.raw_path) + sum(len(name) + len(value) for name, value in request.raw_headers)
    )
    if head > MAX_HEAD_BYTES:
        raise Refused("HEADERS_TOO_LARGE", "Request header fields too large")
    too_large = Refused("REQUEST_TOO_LARGE", f"HTTP content length exceeded {MAX_PAYLOAD_BYTES} bytes.")
    if (request.content_length or 0) > MAX_PAYLOAD_BYTES:
        raise too_large
    if not request.can_read_body:
        return
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > MAX_PAYLOAD_BYTES:
            raise too_large
        chunks.append(chunk)
    exchange.body = b"".join(chunks)


def _response(exchange: Exchange, answer: Answer) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict(answer.headers)
    headers.setdefault("Content-Type", answer.content_type)
    headers["x-amzn-RequestId"] = exchange.context["requestId"]
    headers["x-amz-apigw-id"] = exchange.context["extendedRequestId"]
    if "error" not in exchange.context:
        headers[TRACE_HEADER] = f"Root={exchange.trace.root}"
    return web.Response(status=answer.status, headers=headers, body=answer.body)
