"""API Gateway returns a REST API's resource policy as escaped JSON.

The policy in a RestApi is JSON text whose quotes are written with a backslash (Amazon API Gateway API Reference,
RestApi: `policy` is "a stringified JSON policy document"; the provider reads it with `strconv.Unquote`). moto returns
the text as it came, and the provider fails with "invalid character".
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.apigateway.models import RestAPI

from webhookctl.local.aws.extensions.patch import patched


@contextmanager
def applied() -> Iterator[None]:
    """Escape the policy in each description of an API while the block runs."""
    to_dict = RestAPI.to_dict

    def to_dict_with_escaped_policy(self: RestAPI) -> dict[str, Any]:
        description = to_dict(self)
        if description["policy"]:
            description["policy"] = json.dumps(description["policy"])[1:-1]
        return description

    with patched(RestAPI, "to_dict", to_dict_with_escaped_policy):
        yield
