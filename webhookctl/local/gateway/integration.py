"""From a request through its template to the backend, and from the backend's answer through a template to the client.

API Gateway Developer Guide, "Data transformations for REST APIs in API Gateway" and "Integrations for REST APIs in API
Gateway".

In a response template `$input.params` is the method request's, as in a request template: "Returns a map of all the
request parameters" ("Variables for data transformations"), and so LocalStack renders response templates. Public APIs
answer a `hub.challenge` so, out of a MOCK (yalayo/fb_bot_api, `main.tf`).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from webhookctl.local.gateway.authorizer import Invoke
from webhookctl.local.gateway.errors import Refused, TemplateError
from webhookctl.local.gateway.exchange import Exchange
from webhookctl.local.gateway.function import call_function
from webhookctl.local.gateway.media_type import (
    JSON,
    NotConvertible,
    chosen,
    chosen_or_default,
    essence,
    is_binary,
    request_text,
    response_payload,
)
from webhookctl.local.gateway.model import Api, Function, Integration, IntegrationResponse, Queue, Table
from webhookctl.local.gateway.responses import Answer
from webhookctl.local.gateway.subset import check_subset
from webhookctl.local.gateway.substitution import Substitution
from webhookctl.local.gateway.template_functions import UTIL
from webhookctl.local.gateway.template_values import Context, Input, Parameters, TemplateMap
from webhookctl.local.gateway.vtl import Template

Send = Callable[[str, str, bytes], Awaitable[tuple[int, bytes]]]
Ask = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]

# How SQS, Lambda and DynamoDB label their JSON answers to API Gateway. It decides whether they count as binary data:
# with this type among the API's binary media types, CONVERT_TO_TEXT shows a response template their base64.
ANSWER_TYPE = JSON


@dataclass(frozen=True, slots=True)
class _Response:
    model: IntegrationResponse
    templates: Mapping[str, Template]
    headers: Mapping[str, Substitution]


class Backend:
    """One route's integration, its templates parsed once.

    Raises TemplateError for a template that cannot be rendered faithfully.
    """

    def __init__(
        self,
        integration: Integration,
        api: Api,
        invoke: Invoke,
        send: Send,
        ask: Ask,
        *,
        answer_type: str = ANSWER_TYPE,
    ) -> None:
        self._integration = integration
        self._traced = api.stage.tracing
        self._binary_media_types = api.binary_media_types
        self._stage_variables = TemplateMap(api.stage.variables)
        self._invoke = invoke
        self._send = send
        self._ask_table = ask
        self._answer_is_binary = integration.backend is not None and is_binary(answer_type, api.binary_media_types)
        self._templates = {kind: _template(text) for kind, text in integration.templates.items()}
        self._responses = tuple(_prepare(response) for response in integration.responses)

    async def call(self, exchange: Exchange) -> Answer:
        """Run the integration. Raises Refused where API Gateway answers by itself."""
        parameters = Parameters(
            exchange.path_parameters,
            {name: values[-1] for name, values in exchange.query_parameters.items()},
            exchange.headers.single,
        )
        request = self._request(exchange, parameters)
        selector, answer = await self._ask(exchange, request)
        return self._response(exchange, parameters, selector, answer)

    def _request(self, exchange: Exchange, parameters: Parameters) -> bytes:
        media_type = essence(exchange.headers.find("Content-Type"))
        found = chosen(self._templates, media_type)
        if found is None:
            return self._passed_through(exchange)
        try:
            text = request_text(
                exchange.body,
                binary=is_binary(media_type, self._binary_media_types),
                content_handling=self._integration.content_handling,
            )
            return self._render(found[1], Context(exchange.context), Input(text, parameters)).encode("utf-8", "replace")
        except (TemplateError, NotConvertible) as error:
            raise _misconfigured() from error

    def _passed_through(self, exchange: Exchange) -> bytes:
        passthrough = self._integration.passthrough
        if passthrough == "NEVER" or (passthrough == "WHEN_NO_TEMPLATES" and self._templates):
            raise Refused("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
        return exchange.body

    async def _ask(self, exchange: Exchange, request: bytes) -> tuple[str, bytes]:
        """The text that selects an integration response, and the answer."""
        backend = self._integration.backend
        if backend is None:
            return str(_mock_status(request)), b""
        try:
            async with asyncio.timeout(self._integration.timeout_seconds):
                status, selector, answer = await self._ask_backend(backend, exchange, request)
        except TimeoutError as error:
            raise Refused("INTEGRATION_TIMEOUT", "Endpoint request timed out") from error
        exchange.log["status"] = status
        return selector, answer

    async def _ask_backend(
        self, backend: Queue | Table | Function, exchange: Exchange, request: bytes
    ) -> tuple[int, str, bytes]:
        """The status, the text that selects an integration response, and the answer."""
        if isinstance(backend, Queue):
            status, answer = await self._send(backend.account_id, backend.name, request)
            return status, str(status), answer
        if isinstance(backend, Table):
            status, answer = await self._ask_table(backend.operation, request)
            return status, str(status), answer
        trace_header = exchange.trace.header if self._traced else None
        return 200, *await call_function(backend, request, trace_header, self._invoke)

    def _response(self, exchange: Exchange, parameters: Parameters, selector: str, answer: bytes) -> Answer:
        response = self._selected(selector)
        accept = essence(exchange.headers.find("Accept"))
        context = Context(exchange.context)
        try:
            payload = response_payload(
                answer,
                binary=self._answer_is_binary,
                accepts_binary=is_binary(accept, self._binary_media_types),
                content_handling=response.model.content_handling,
            )
            found = chosen_or_default(response.templates, accept)
            content_type = found[0] if found else JSON
            body = payload if found is None else self._render_response(found[1], context, payload, parameters)
        except (TemplateError, NotConvertible) as error:
            raise _misconfigured() from error
        headers = {name: self._header(text, exchange) for name, text in response.headers.items()}
        return Answer(
            status=_overridden(context.override.status, response.model.status),
            body=body.encode("utf-8", "replace") if isinstance(body, str) else body,
            content_type=content_type,
            headers=headers | context.override.header.values,
        )

    def _selected(self, selector: str) -> _Response:
        default = None
        for response in self._responses:
            if response.model.pattern is None:
                default = response
            elif response.model.pattern.fullmatch(selector):
                return response
        if default is None:
            raise _misconfigured()
        return default

    def _render_response(
        self, template: Template, context: Context, payload: str | bytes, parameters: Parameters
    ) -> str:
        if isinstance(payload, bytes):
            raise NotConvertible("a template cannot take binary data")
        return self._render(template, context, Input(payload, parameters))

    def _render(self, template: Template, context: Context, given: Input) -> str:
        return template.render(
            {"input": given, "util": UTIL, "context": context, "stageVariables": self._stage_variables}
        )

    def _header(self, text: Substitution, exchange: Exchange) -> str:
        return text.write(exchange.context, {})


@lru_cache(maxsize=1024)
def _template(text: str) -> Template:
    template = Template(text, where=f"the mapping template {text[:60]!r}")
    check_subset(template)
    return template


def _prepare(response: IntegrationResponse) -> _Response:
    return _Response(
        model=response,
        templates={kind: _template(text) for kind, text in response.templates.items()},
        headers={name: Substitution(text) for name, text in response.headers.items()},
    )


def _mock_status(request: bytes) -> int:
    """The status that a MOCK integration's request template names ("Mock integrations" in the Developer Guide)."""
    try:
        status = json.loads(request)["statusCode"]
    except (ValueError, LookupError, TypeError) as error:
        raise _misconfigured() from error
    if not isinstance(status, int):
        raise _misconfigured()
    return status


def _overridden(override: object, status: int) -> int:
    """An override that is no HTTP status is passed over (recorded in LocalStack's `integration_response.py`)."""
    return override if isinstance(override, int) and 100 <= override <= 599 else status


def _misconfigured() -> Refused:
    return Refused("API_CONFIGURATION_ERROR", "Internal server error")
