"""Items as boto3's client gives them, from the API's JSON."""

import base64
from collections.abc import Mapping
from typing import Any


def as_boto3(item: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Binary values are bytes there; all others are as they come."""
    return {
        name: {type_: base64.b64decode(value) if type_ == "B" else value for type_, value in typed.items()}
        for name, typed in item.items()
    }
