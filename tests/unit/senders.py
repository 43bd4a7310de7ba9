"""The table of senders in docs/senders.md, made from the schemes: `python -m tests.unit.senders` writes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.scheme import Location, Scheme, preset, presets
from webhookctl.key_forms import KEY_FORMS

FILE = Path(__file__).parents[2] / "docs" / "senders.md"

HEADING = """# Senders

Made from `lambdas/common/schemes.json`; after a change there, run `python -m tests.unit.senders`. The vectors that show
each entry right are in `tests/data/signature_vectors.json`, with where each is from.

*At the edge* is what the authorizer checks before a webhook is kept, beside content type and well-formed headers. *In
the processor* is what must hold before anything is done with it. Where a sender has no id, or one that differs when it
sends again, a digest of what is signed takes its place.

What is signed is written with `{id}`, `{timestamp}`, `{method}`, `{url}`, `{body}`, `{params}` (a form's parameters,
sorted) and JSON pointers into the body. Ed25519, ECDSA and ES256 are verified with a public key: build the packages
with `scripts/build.sh --with-cryptography`. Where `{url}` is signed, it is [the one that the sender was
given](design.md#signed-urls).

| scheme | sender | secret | signature | at the edge | in the processor | event id | type | mind |
|---|---|---|---|---|---|---|---|---|
"""

LEFT_OUT = """
## Left out

| sender | why |
|---|---|
| AWS SNS | signs with a certificate to be fetched from a URL in the message; subscribe a queue to the topic instead |
| Bird | signs a digest of the body in its raw bytes, which a scheme can't say |
| Mailgun's form variant | has signature and time in a form, of an API that is no longer documented |
"""

EDGE_OF_KIND = {
    "token": "the whole token",
    "unsigned": "nothing more",
    "message-signature": "the whole signature, created, expires",
}
PROCESSOR_OF_KIND = {
    "token": "the token; the body is not signed",
    "unsigned": "nothing",
    "message-signature": "the signature; Content-Digest against the body",
}


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
        KEY_FORMS[scheme.key_encoding] if scheme.signature else "none",
        _signature(scheme),
        _edge(scheme),
        _processor(scheme),
        _place(scheme.id),
        _place(scheme.type),
        data.get("note", ""),
    )
    return f"| {' | '.join(cells)} |\n"


def _signature(scheme: Scheme) -> str:
    field = scheme.signature
    if field is None:
        return "none"
    if scheme.kind == "message-signature":
        return "`Signature-Input`, `Signature`, over `Content-Digest`"
    where = f"body `{field.pointer}`" if field.pointer else _names(field.headers)
    encoding = {"token": "the secret", "jwt": "a token"}.get(scheme.kind, field.encoding)
    return f"{where}: " + (f"`{field.prefix}` and {encoding}" if field.prefix else encoding)


def _edge(scheme: Scheme) -> str:
    if scheme.kind in EDGE_OF_KIND:
        return EDGE_OF_KIND[scheme.kind]
    if scheme.claims:
        whole = "the whole token" if scheme.verified_at_edge else "form of the token"
        return ", ".join([whole, *(["the URL"] if scheme.claims.url_sha256 else []), "its time"])
    if scheme.signature and scheme.signature.pointer:
        return "nothing more"
    if scheme.timestamp is None or scheme.timestamp.pointer:
        return "form of the signature"
    return "form of the signature, timestamp" + (
        f" ({_names(scheme.timestamp.headers)})" if scheme.timestamp.headers else ""
    )


def _processor(scheme: Scheme) -> str:
    if scheme.kind in PROCESSOR_OF_KIND:
        return PROCESSOR_OF_KIND[scheme.kind]
    if scheme.claims:
        return f"{scheme.algorithm} token with SHA-256 of the body"
    digest = scheme.digest.upper().replace("SHA", "SHA-")
    how = {"hmac": f"HMAC-{digest}", "hash": f"{digest} of the secret and", "ed25519": "Ed25519", "ecdsa-p256": "ECDSA"}
    over = "" if scheme.kind == "hash" else " over"
    in_body = scheme.timestamp and scheme.timestamp.pointer and "{body}" in scheme.signed
    time = f"; time in the body, `{scheme.timestamp.pointer}`" if scheme.timestamp and in_body else ""
    return f"{how[scheme.kind]}{over} `{''.join(scheme.signed)}`{time}"


def _place(location: Location | None) -> str:
    if location is None:
        return "-"
    if location.headers:
        return _names(location.headers)
    return f"body `{location.pointer}`" if location.pointer else f"form field `{location.form}`"


def _names(headers: tuple[str, ...]) -> str:
    return " or ".join(f"`{name}`" for name in headers)


if __name__ == "__main__":
    FILE.write_text(table(), encoding="utf-8")
