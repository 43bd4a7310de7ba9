"""The tables of docs/cost.md, made from webhookctl/prices.json: `python -m tests.unit.costs` writes them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from webhookctl.cost import (
    GB,
    MILLION,
    Design,
    Price,
    bill,
    bill_per_million,
    fixed_per_month,
    month,
    read_design,
    read_file,
    read_prices,
    traced_share,
)

FILE = Path(__file__).parents[2] / "docs" / "cost.md"

COLUMNS = {
    "API": "API Gateway",
    "authorizer": "Lambda authorizer",
    "enqueue": "Lambda enqueue",
    "SQS": "SQS",
    "processor": "Lambda processor",
    "writes": "DynamoDB",
    "kept": "DynamoDB storage",
    "logs": "CloudWatch Logs",
    "traces": "X-Ray",
}

PRICES = read_prices()


def document(text: str) -> str:
    """The document with each part between its markers as it should be now."""
    for name, make in PARTS.items():
        before, marker, rest = text.partition(f"<!-- made: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise ValueError(f"{FILE.name} has no place for {name}")
        text = before + marker + make() + end + after
    return text


def designs() -> str:
    """What a million webhooks cost by design and service."""
    rows = [_dollars_row(title, bill_per_million(design, PRICES)) for title, design in _of_group("design")]
    return _table(["$ per million", *COLUMNS, "sum"], rows)


def remarks() -> str:
    """What is to be known of a design."""
    explained = [data for data in read_file()["designs"].values() if "why" in data]
    return "".join(f"* {data['title']}: {data['why']}.\n" for data in explained)


def changes() -> str:
    """What each change of this design does to its bill."""
    rows = [(title, _difference(design)) for title, design in _of_group("change")]
    rows.sort(key=lambda row: row[1])
    return _table(["change", "$ per million more"], [[title, f"{usd:+.2f}"] for title, usd in rows])


def months() -> str:
    """What a month costs, from little traffic to much."""
    return _table(
        ["webhooks a month", "a second", "batches of one", "full batches", "of these, fixed", "traced"],
        [_month_row(count * MILLION) for count in (1, 100, 1000)],
    )


def fixed() -> str:
    """What a lane costs in a month in which nothing comes."""
    lane = fixed_per_month(PRICES, 1)
    alarm = fixed_per_month(PRICES, 0, alarms=1)
    snapshot = fixed_per_month(PRICES, 0, snapstart_gb=0.5)
    named = [
        *lane.items(),
        ("**a lane**", sum(lane.values())),
        ("each alarm that you add", sum(alarm.values())),
        ("SnapStart, for each version of a function of 512 MB", sum(snapshot.values())),
        ("a thousand starts from its snapshot", PRICES["snapstart-restore"].of(1000 * 0.5)),
    ]
    return _table(["$ per month", ""], [[name, f"{usd:.2f}"] for name, usd in named])


def findings() -> str:
    """The differences that people ask for."""
    this = _total("this")
    more = {name: _total(name) - this for name in ("verify-and-enqueue", "classic", "http-direct")}
    write_usd = PRICES["dynamodb-write-unit"].of(MILLION)
    kept_usd = _difference(replace(Design(), stored_bytes=Design().stored_bytes + 1024))
    logged_usd = _difference(replace(Design(), access_log_bytes=Design().access_log_bytes + 100))
    traced_usd = PRICES["trace"].of(MILLION / 100)
    refused_usd = bill_per_million(Design(), PRICES)["Lambda authorizer"] + PRICES["log-ingestion"].of(
        (Design().access_log_bytes + Design().authorizer_log_bytes) * MILLION / GB
    )
    flood_usd = sum(bill(Design(), PRICES, 100 * month("seconds")).values())
    enqueue_usd, classic_usd, http_usd = more["verify-and-enqueue"], more["classic"], -more["http-direct"]
    return (
        f"* against a Lambda that verifies and enqueues, direct integration saves **${enqueue_usd:.2f}** a million "
        f"webhooks, {enqueue_usd / this:.1%} of the bill;\n"
        f"* against an authorizer and a Lambda that enqueues, ${classic_usd:.2f}, {classic_usd / this:.0%};\n"
        f"* an HTTP API in place of the REST API would save ${http_usd:.2f}, {http_usd / this:.0%};\n"
        f"* of a million webhooks each write unit is ${write_usd:.3f}, each KB kept for 30 days ${kept_usd:.2f}, each "
        f"100 bytes of log ${logged_usd:.2f}, each percent that is traced ${traced_usd:.2f};\n"
        f"* a million requests that the authorizer refuses are ${refused_usd:.2f} for it and the log;\n"
        f"* a flood of forgeries that look right, at a route's default throttle of 100 a second for a whole month, is "
        f"${flood_usd:,.0f}: `rate_per_second` bounds the bill.\n"
    )


def prices() -> str:
    """The price list, and how sure each price is."""
    rows = [
        [price.unit, _steps(price), _per(price.per), f"[{price.status}]({price.source})"] for price in PRICES.values()
    ]
    statuses = "; ".join(f"*{status}*: {means}" for status, means in read_file()["statuses"].items())
    looked_up = (
        f"Looked up on {read_file()['looked_up']} on public pages, not all of them as they are today. {statuses}.\n\n"
    )
    return looked_up + _table(["what", "list price", "for", "status"], rows)


def hosted() -> str:
    """What others ask for taking in webhooks, as it was published."""
    rows = [[data["name"], data["price"], f"[{data['read']}]({data['source']})"] for data in read_file()["hosted"]]
    return _table(["service", "list price", "read"], rows)


def assumptions() -> str:
    """What is assumed of a webhook and of a month."""
    named = {**read_file()["assumptions"], **read_file()["item"], **read_file()["month"]}
    return _table(
        ["assumption", "value", "from"],
        [[f"`{name}`", _text(data["value"]), data["why"]] for name, data in named.items()],
    )


PARTS: Mapping[str, Callable[[], str]] = {
    "designs": designs,
    "remarks": remarks,
    "findings": findings,
    "changes": changes,
    "months": months,
    "fixed": fixed,
    "hosted": hosted,
    "prices": prices,
    "assumptions": assumptions,
}


def _of_group(group: str) -> list[tuple[str, Design]]:
    found = read_file()["designs"].items()
    return [(data["title"], read_design(name)) for name, data in found if data["group"] == group]


def _total(name: str) -> float:
    return sum(bill_per_million(read_design(name), PRICES).values())


def _difference(design: Design) -> float:
    return sum(bill_per_million(design, PRICES).values()) - _total("this")


def _dollars_row(title: str, dollars: Mapping[str, float]) -> list[str]:
    cells = [f"{dollars[service]:.2f}" if service in dollars else "-" for service in COLUMNS.values()]
    return [title, *cells, f"**{sum(dollars.values()):.2f}**"]


def _month_row(webhooks: int) -> list[str]:
    share = traced_share(webhooks)
    fixed_usd = sum(fixed_per_month(PRICES, 1).values())
    of_one, full = (
        fixed_usd + sum(bill(replace(read_design(name), traced_share=share), PRICES, webhooks).values())
        for name in ("batches-of-one", "this")
    )
    a_second = f"{webhooks / month('seconds'):,.1f}"
    dollars = (f"${of_one:,.0f}", f"${full:,.0f}", f"${fixed_usd:.2f}")
    return [f"{webhooks // MILLION:,} million", a_second, *dollars, f"{share:.0%}"]


def _usd(usd: float) -> str:
    """With at least two places, and no more than there are."""
    return f"${usd:.2f}" if round(usd, 2) == usd else f"${usd:.10f}".rstrip("0")


def _steps(price: Price) -> str:
    return ", ".join(
        [_usd(price.usd), *(f"{_usd(usd)} beyond {over / MILLION:,.0f} million" for over, usd in price.tiers)]
    )


def _per(per: float) -> str:
    return {1: "1", 10_000: "10,000", MILLION: "a million"}[int(per)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (heads, ["---"] * len(heads), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    FILE.write_text(document(FILE.read_text(encoding="utf-8")), encoding="utf-8")
