"""API Gateway keeps the binary media types that an API is created with.

Amazon API Gateway API Reference, CreateRestApi: `binaryMediaTypes` is part of the request and of the answer. moto drops
it, the provider then patches the missing types in, and moto stores `[null]`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.apigateway.responses import APIGatewayResponse

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Store the types of CreateRestApi with the API while the block runs."""
    create_rest_api = APIGatewayResponse.create_rest_api

    def create_with_binary_media_types(self: APIGatewayResponse) -> Any:
        status, headers, body = create_rest_api(self)
        if status != 200:
            return status, headers, body
        api = self.backend.get_rest_api(json.loads(body)["id"])
        api.binaryMediaTypes = json.loads(self.body).get("binaryMediaTypes") or []
        return status, headers, json.dumps(api.to_dict())

    with patched(APIGatewayResponse, "create_rest_api", create_with_binary_media_types):
        yield
