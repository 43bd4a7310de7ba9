"""The authorizer's environment: field `sources` is the variable SOURCES, and so on."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from common.scheme import Scheme, load

DEFAULT_CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded")
DEFAULT_TOLERANCE_SECONDS = 300

_GZIP = 16 + zlib.MAX_WBITS  # RFC 1952, by zlib's own sign for it: module gzip is for files


class Source(NamedTuple):
    """What the edge must know of one source. Content types are in lower case, without parameters.

    `signed_url` is the URL that its sender was given, where that is not the one requests come to; empty where it is.
    `fifo` says that its queue keeps an order; `order_by` is the header by whose value, empty where it is not a header.
    """

    name: str
    scheme: Scheme
    content_types: tuple[str, ...]
    tolerance_seconds: int
    signed_url: str = ""
    fifo: bool = False
    order_by: str = ""


class Settings(NamedTuple):
    """The deployed variables. The sources come as compressed JSON, because Lambda's environment ends at 4 KB."""

    sources: Mapping[str, Source]
    secret_prefix: str
    metrics_namespace: str


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises KeyError naming a missing variable, and ValueError for one that can't be read."""
    return Settings(
        sources=_sources(environ["SOURCES"]),
        secret_prefix=environ["SECRET_PREFIX"],
        metrics_namespace=environ["METRICS_NAMESPACE"],
    )


def _sources(text: str) -> dict[str, Source]:
    try:
        described: dict[str, dict[str, Any]] = json.loads(zlib.decompress(base64.b64decode(text), _GZIP))
    except zlib.error as error:
        raise ValueError("SOURCES is not what Terraform's base64gzip writes") from error
    return {name: _source(name, fields) for name, fields in described.items()}


def _source(name: str, fields: Mapping[str, Any]) -> Source:
    return Source(
        name=name,
        scheme=load(fields["scheme"]),
        content_types=tuple(fields.get("content_types", DEFAULT_CONTENT_TYPES)),
        tolerance_seconds=fields.get("tolerance_seconds", DEFAULT_TOLERANCE_SECONDS),
        signed_url=fields.get("signed_url", ""),
        fifo=fields.get("fifo", False),
        order_by=fields.get("order_by", ""),
    )
