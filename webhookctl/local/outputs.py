"""An environment's outputs with the addresses that its parts have on this machine."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

URL_OF_QUEUE = ("queue_url", "dead_letter_queue_url")


def local_outputs(outputs: Mapping[str, Any], api_url: str, aws_url: str) -> dict[str, Any]:
    """The same outputs: the API's URLs keep their path below `api_url`, the queues' theirs below `aws_url`."""
    return {
        **outputs,
        "endpoint": _moved(outputs["endpoint"], api_url),
        "sources": {name: _local_source(source, api_url, aws_url) for name, source in outputs["sources"].items()},
    }


def queue_name(url: str) -> str:
    """The name of the queue of a URL."""
    return url.rsplit("/", 1)[1]


def _local_source(source: Mapping[str, Any], api_url: str, aws_url: str) -> dict[str, Any]:
    queues = {name: _moved(source[name], aws_url) for name in URL_OF_QUEUE}
    return {**source, "url": _moved(source["url"], api_url), **queues}


def _moved(url: str, base: str) -> str:
    return base + urlsplit(url).path
