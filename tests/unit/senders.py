"""The table of senders in docs/senders.md, made from the schemes: `python -m tests.unit.senders` writes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.scheme import Location, Scheme, preset, presets

FILE = Path(__file__).parents[2] / "docs" / "senders.md"

HEADING = """# Senders

Made from `lambdas/common/schemes.json`; after a change there, run `python -m tests.unit.senders`. The vectors that show
each entry right are in `tests/data/signature_vectors.json`, with where each is from.

*At the edge* is what the authorizer checks before a webhook is kept, beside content type and well-formed headers. *In
the processor* is what must hold before anything is done with it. Where a sender has no id, or one that differs when it
sends again, a digest of what is signed takes its place.

| scheme | sender | signature | at the edge | in the processor | event id | type |
|---|---|---|---|---|---|---|
"""

LEFT_OUT = """
## Left out so far

| sender | why |
|---|---|
| AWS SNS | signs with a certificate to be fetched from a URL in the message; subscribe a queue to the topic instead |
| Meta, Okta, Zoom | an endpoint must first answer a challenge, which a direct integration does not yet do here |
| Bird, HubSpot, Square, Twilio | sign the URL, which is not covered yet |
| Mailgun | signs a timestamp and a token inside the body, and not the rest of it |
| MessageBird | signs with a JWT |
| Zendesk | its timestamp is a date and not a number |
| Discord, Plaid, SendGrid | sign with a private key of their own |
"""


def table() -> str:
    """The whole document."""
    rows = "".join(_row(name, data, preset(name)) for name, data in sorted(presets().items()))
    return HEADING + rows + LEFT_OUT


def _row(name: str, data: Mapping[str, Any], scheme: Scheme) -> str:
    source = data["documentation"]
    title = f"[{data['title']}]({source})" if source.startswith("https:") else data["title"]
    cells = (
        f"`{name}`",
        title,
        f"`{scheme.signature.header}`" if scheme.signature else "none",
        _edge(scheme),
        _processor(scheme),
        _place(scheme.id),
        _place(scheme.type),
    )
    return f"| {' | '.join(cells)} |\n"


def _edge(scheme: Scheme) -> str:
    if scheme.kind == "token":
        return "the whole token"
    if scheme.kind == "unsigned":
        return "nothing more"
    return "form of the signature" + (", timestamp" if scheme.timestamp else "")


def _processor(scheme: Scheme) -> str:
    if scheme.kind == "token":
        return "the token; the body is not signed"
    if scheme.kind == "unsigned":
        return "nothing"
    return f"HMAC-{scheme.digest.upper().replace('SHA', 'SHA-')} over `{''.join(scheme.signed)}`"


def _place(location: Location | None) -> str:
    if location is None:
        return "-"
    return f"`{location.header}`" if location.header else f"body `{location.pointer}`"


if __name__ == "__main__":
    FILE.write_text(table(), encoding="utf-8")
