"""What webhooks cost at AWS: how much of each thing that is charged, times its price.

Prices, assumptions and the designs that are compared are data, in prices.json beside this file, each with where it is
from. Nothing in there is free: free tiers are left out, and so is what an account has agreed upon.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, cast

FILE = Path(__file__).with_name("prices.json")

MILLION = 1_000_000
GB = 1024**3
DAYS_PER_MONTH = 30

SQS_CHUNK_BYTES = 64 * 1024
"""A request is charged once for each 64 KB of the messages in it (https://aws.amazon.com/sqs/pricing/)."""

MAX_MESSAGES_PER_RECEIVE = 10
"""However large the batch is that Lambda makes of them (Amazon SQS API Reference, "ReceiveMessage")."""

WRITE_UNIT_BYTES = 1024

HTTP_API_CHUNK_BYTES = 512 * 1024
"""HTTP APIs are metered by 512 KB (https://aws.amazon.com/api-gateway/pricing/)."""

Usage = Iterator[tuple[str, str, float]]
"""Service, name of the price, units."""


@dataclass(frozen=True, slots=True)
class Price:
    """`usd` for each `per` units of a month; beyond a tier's first number of units its own `usd` instead.

    `status` says how sure it is, `source` where it was read or is to be checked.
    """

    usd: float
    per: float
    unit: str
    status: str
    source: str
    tiers: tuple[tuple[float, float], ...] = ()

    def of(self, units: float) -> float:
        """What so many units in one month cost, in dollars."""
        starts = (0.0, *(over for over, _ in self.tiers))
        ends = (*starts[1:], float("inf"))
        prices = (self.usd, *(usd for _, usd in self.tiers))
        steps = zip(starts, ends, prices, strict=True)
        return sum(max(0.0, min(units, end) - start) / self.per * usd for start, end, usd in steps)


Prices = Mapping[str, Price]


def _value(group: str, name: str) -> Any:
    return read_file()[group][name]["value"]


def _assumed(name: str) -> Any:
    return field(default_factory=partial(_value, "assumptions", name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A way to take in webhooks, as far as it is charged for. What is not said is assumed as prices.json has it.

    A function of 0 ms is not there. `write_units` are of one webhook, those of indexes with them.
    """

    api: Literal["rest", "http"] = _assumed("api")
    architecture: Literal["arm64", "x86"] = _assumed("architecture")
    body_bytes: int = _assumed("body_bytes")
    envelope_bytes: int = _assumed("envelope_bytes")
    messages_per_webhook: float = _assumed("messages_per_webhook")
    receives_per_message: float = _assumed("receives_per_message")
    batch_size: float = _assumed("batch_size")
    authorizer_ms: float = _assumed("authorizer_ms")
    authorizer_memory_mb: int = _assumed("authorizer_memory_mb")
    enqueue_ms: float = _assumed("enqueue_ms")
    enqueue_memory_mb: int = _assumed("enqueue_memory_mb")
    processor_ms_per_batch: float = _assumed("processor_ms_per_batch")
    processor_memory_mb: int = _assumed("processor_memory_mb")
    write_units: float = _assumed("write_units")
    read_units: float = _assumed("read_units")
    stored_bytes: float = _assumed("stored_bytes")
    retention_days: float = _assumed("retention_days")
    access_log_bytes: float = _assumed("access_log_bytes")
    authorizer_log_bytes: float = _assumed("authorizer_log_bytes")
    enqueue_log_bytes: float = _assumed("enqueue_log_bytes")
    processor_log_bytes_per_record: float = _assumed("processor_log_bytes_per_record")
    processor_log_bytes_per_batch: float = _assumed("processor_log_bytes_per_batch")
    traced_share: float = _assumed("traced_share")
    fifo: bool = _assumed("fifo")

    @property
    def message_bytes(self) -> int:
        """Of one message: the body in base64, and what is around it."""
        return -(-self.body_bytes // 3) * 4 + self.envelope_bytes

    @property
    def receives(self) -> float:
        """Of one webhook's messages."""
        return self.messages_per_webhook * self.receives_per_message


def read_prices() -> Prices:
    """The list prices of one region."""
    return {
        name: Price(**price | {"tiers": tuple((tier["over"], tier["usd"]) for tier in price.get("tiers", ()))})
        for name, price in read_file()["prices"].items()
    }


def design_for_body(body_bytes: int) -> Design:
    """This project's design for bodies of that size that do not compress, in a lane that only stores."""
    usual = Design()
    item_bytes = body_bytes + _value("item", "bytes_beside_body")
    return replace(
        usual,
        body_bytes=body_bytes,
        write_units=-(-item_bytes // WRITE_UNIT_BYTES) + _value("item", "index_units"),
        stored_bytes=usual.stored_bytes + body_bytes - usual.body_bytes,
    )


def read_design(name: str) -> Design:
    """One of the designs that docs/cost.md compares."""
    return Design(**read_file()["designs"][name]["changes"])


@cache
def read_file() -> Mapping[str, Any]:
    """prices.json as it is, with what it says of each value."""
    return cast("Mapping[str, Any]", json.loads(FILE.read_text(encoding="utf-8")))


def bill_per_million(design: Design, prices: Prices) -> Mapping[str, float]:
    """Dollars for a million webhooks by service, beyond what a month costs anyhow."""
    return bill(design, prices, MILLION)


def bill(design: Design, prices: Prices, webhooks: float) -> Mapping[str, float]:
    """Dollars for so many webhooks in one month by service, beyond what it costs anyhow."""
    return _dollars(((service, price, units * webhooks) for service, price, units in _of_webhook(design)), prices)


def fixed_per_month(prices: Prices, lanes: int, *, alarms: int = 0, snapstart_gb: float = 0) -> Mapping[str, float]:
    """Dollars for a month by service, whether webhooks come or not.

    `snapstart_gb` is the memory of all versions of functions with SnapStart.
    """
    return _dollars(_of_month(lanes, alarms, snapstart_gb), prices)


def traced_share(webhooks: float) -> float:
    """What X-Ray's default rule traces of so many webhooks that come evenly over a month."""
    first = min(webhooks, month("traced_per_second") * month("seconds"))
    return (first + (webhooks - first) * Design().traced_share) / webhooks


def month(name: str) -> float:
    """What is assumed of a month."""
    return float(_value("month", name))


def _dollars(usage: Usage, prices: Prices) -> Mapping[str, float]:
    dollars: dict[str, float] = {}
    for service, price, units in usage:
        dollars[service] = dollars.get(service, 0.0) + prices[price].of(units)
    return {service: usd for service, usd in dollars.items() if usd}


def _of_webhook(design: Design) -> Usage:
    yield "API Gateway", f"{design.api}-request", _api_requests(design)
    yield from _function("Lambda authorizer", design, 1, design.authorizer_ms, design.authorizer_memory_mb)
    yield from _function("Lambda enqueue", design, 1, design.enqueue_ms, design.enqueue_memory_mb)
    batches = design.receives / design.batch_size
    yield from _function("Lambda processor", design, batches, design.processor_ms_per_batch, design.processor_memory_mb)
    yield "SQS", "sqs-fifo-request" if design.fifo else "sqs-request", _sqs_requests(design)
    yield "DynamoDB", "dynamodb-write-unit", design.write_units
    yield "DynamoDB", "dynamodb-read-unit", design.read_units
    stored_gb_months = design.stored_bytes / GB * design.retention_days / DAYS_PER_MONTH
    yield "DynamoDB storage", "dynamodb-storage", stored_gb_months
    yield "DynamoDB storage", "dynamodb-backup", stored_gb_months
    yield "CloudWatch Logs", "log-ingestion", _logged_bytes(design) / GB
    yield "X-Ray", "trace", design.traced_share


def _of_month(lanes: int, alarms: int, snapstart_gb: float) -> Usage:
    yield "SQS idle receives", "sqs-request", lanes * month("idle_receives_per_lane")
    yield "Secrets Manager", "secret", lanes * month("secrets_per_lane")
    yield "Secrets Manager", "secret-read", lanes * month("secret_reads_per_lane")
    yield "CloudWatch metrics", "metric", lanes * month("metrics_per_lane")
    yield "CloudWatch alarms", "alarm", alarms
    yield "Lambda SnapStart", "snapstart-cache", snapstart_gb * month("seconds")


def _function(service: str, design: Design, calls: float, ms: float, memory_mb: int) -> Usage:
    if ms:
        yield service, "lambda-request", calls
        yield service, f"lambda-gb-second-{design.architecture}", calls * ms / 1000 * memory_mb / 1024


def _api_requests(design: Design) -> float:
    return 1 if design.api == "rest" else _chunks(design.body_bytes, HTTP_API_CHUNK_BYTES)


def _sqs_requests(design: Design) -> float:
    """Sent one by one, received and deleted in batches, and charged by their size on both ways."""
    together = min(design.batch_size, MAX_MESSAGES_PER_RECEIVE)
    sends = design.messages_per_webhook * _chunks(design.message_bytes, SQS_CHUNK_BYTES)
    receives = design.receives / together * _chunks(design.message_bytes * together, SQS_CHUNK_BYTES)
    return sends + receives + design.messages_per_webhook / together


def _logged_bytes(design: Design) -> float:
    edge = design.access_log_bytes + (design.authorizer_log_bytes if design.authorizer_ms else 0)
    batches = design.receives / design.batch_size
    processor = design.receives * design.processor_log_bytes_per_record + batches * design.processor_log_bytes_per_batch
    return edge + design.enqueue_log_bytes + processor


def _chunks(size_bytes: float, chunk_bytes: int) -> float:
    return max(1, -(-size_bytes // chunk_bytes))
