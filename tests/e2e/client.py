"""Requests to a stack's endpoint, as its sources' senders would make them."""

import json
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from common.keys import read_keys
from common.scheme import Scheme, load
from webhookctl.local.stack import LocalStack
from webhookctl.sender import Signed, sign, with_query

BODY = b'{"id": "evt-1", "event_id": "evt-1", "event": {"id": "evt-1"}}'


class Client:
    """Sends as the sources of a stack would."""

    def __init__(self, stack: LocalStack, session: aiohttp.ClientSession) -> None:
        self.stack = stack
        self.session = session

    def scheme(self, source: str) -> Scheme:
        output = self.stack.outputs["sources"][source]
        return load(output["scheme"] or json.loads(output["custom_scheme_json"]))

    def signed(self, source: str, body: bytes = BODY, event_id: str = "evt-1") -> Signed:
        scheme = self.scheme(source)
        key = read_keys([self.stack.secrets[source]], scheme.key_encoding)[0]
        # API Gateway takes https alone, so that is how the authorizer reads every URL.
        url = self.url(source).replace("http://", "https://", 1)
        return sign(scheme, key, body, at=time.time(), event_id=event_id, url=url)

    def headers(self, source: str, body: bytes = BODY, event_id: str = "evt-1") -> dict[str, str]:
        return {"Content-Type": "application/json", **self.signed(source, body, event_id).headers}

    def url(self, source: str) -> str:
        return f"{self.stack.endpoint}/webhooks/{source}"

    async def deliver(self, source: str, body: bytes = BODY, event_id: str = "evt-1") -> tuple[int, dict[str, Any]]:
        """Signs and posts; for a scheme that writes into the URL or the body, too."""
        signed = self.signed(source, body, event_id)
        headers = {"Content-Type": "application/json", **signed.headers}
        status, answer, _ = await self.post(source, signed.body, headers, query=signed.query)
        return status, answer

    async def post(
        self,
        source: str,
        body: bytes = BODY,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        query: str = "",
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        given = self.headers(source, body) if headers is None else headers
        url = with_query(self.url(source), query)
        request = self.session.request(method, url, data=body, headers=given, skip_auto_headers=("Content-Type",))
        async with request as response:
            return response.status, await response.json(), response.headers
