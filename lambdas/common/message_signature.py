"""HTTP message signatures (RFC 9421) over a content digest (RFC 9530): what the scheme `rfc9421` takes of both.

The signature is an hmac-sha256 over at least the method, the path (or the whole URL) and the Content-Digest header, so
the head of a request proves itself, and proves which body belongs to it. What of the query reaches us is decoded and in
no order, so a signature that covers it is refused. Pure; malformed input of any kind is NotGenuine.
"""

import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from common.headers import Headers, the_only
from common.reasons import NotGenuine, Reason

MAX_MEMBERS, MAX_COMPONENTS = 16, 32
"""Labels or digests in a header, and components in a label: more than senders have, and a bound on a forger's work."""

# Structured fields (RFC 8941, section 3; RFC 9651 adds dates and display strings). Every repetition is possessive: what
# was matched once is never tried again, so the work is linear in the header's length.
_KEY = r"[a-z*][a-z0-9_\-.*]*+"
_STRING = r'"(?:[ !#-\[\]-~]++|\\["\\])*+"'
_BYTES = r":[A-Za-z0-9+/=]*+:"
_NUMBER = r"-?[0-9]{1,12}\.[0-9]{1,3}|@?-?[0-9]{1,15}"
_TOKEN = r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*+"  # noqa: S105 - a grammar, not a secret
_BARE_ITEM = rf"(?>%?{_STRING}|{_BYTES}|{_NUMBER}|{_TOKEN}|\?[01])"
_PARAMETERS = rf"(?:; *+{_KEY}(?:={_BARE_ITEM})?+)*+"
_COMPONENTS = rf"\((?: *+{_STRING}{_PARAMETERS}(?=[ )]))*+ *+\)"
_REST = rf"({_PARAMETERS})[ \t]*+(?:(,)[ \t]*+|\Z)"

_INPUT_MEMBER = re.compile(rf"({_KEY})=({_COMPONENTS}){_REST}")
_BYTES_MEMBER = re.compile(rf"({_KEY})=({_BYTES}){_REST}")
_COMPONENT = re.compile(rf"({_STRING})(;?)")
_PARAMETER = re.compile(rf"; *+({_KEY})(?:=({_BARE_ITEM}))?+")

_NAME = re.compile(r'"(@?[!#$%&\'*+\-.^_`|~0-9a-z]+)"')
_TIME = re.compile(r"([0-9]{1,15})")
_NONCE = re.compile(r'"((?:[!#-\[\]-~]|\\["\\]){1,255})"')
_VALUE = re.compile(r"[\t -~]*")  # a line break in a value would let it pose as another component
_URL = re.compile(r"(?i:(https?))://([^/?#@]+)(/[^?#]*)?(?:[?#].*)?")
_DERIVED = ("@method", "@target-uri", "@authority", "@scheme", "@path")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

_SHA256 = re.compile(r":([A-Za-z0-9+/]{43}=):")
_SHA512 = re.compile(r":([A-Za-z0-9+/]{86}==):")
_DIGESTS = {"sha-256": ("sha256", _SHA256), "sha-512": ("sha512", _SHA512)}


class MessageSignature(NamedTuple):
    """A signature that fits, not yet believed: `mac` must be the base64 of the HMAC of `base`.

    `created` and `expires` are epoch seconds, `covered` the names of the header fields in `base`, in lower case.
    """

    base: bytes
    mac: str
    created: int
    expires: int | None
    nonce: str | None
    covered: tuple[str, ...]


def read_message_signature(headers: Headers, method: str, url: str) -> MessageSignature:
    """The signature of a request (RFC 9421, sections 3.2 and 4). Raises NotGenuine.

    `url` is the URL as the sender knows it. There may be signatures for others, but just one that fits this profile. A
    label given twice is refused, although RFC 8941, section 3.2, would take the last: one of them was not meant.
    """
    inputs = _members(_INPUT_MEMBER, the_only(headers, "signature-input"), Reason.MALFORMED_SIGNATURE)
    signatures = _members(_BYTES_MEMBER, the_only(headers, "signature"), Reason.MALFORMED_SIGNATURE)
    fitting: list[MessageSignature] = []
    reasons: list[Reason] = []
    for label, (components, parameters) in inputs.items():
        mac, _ = signatures.get(label, ("", ""))
        try:
            fitting.append(_read(components, parameters, mac, headers, method, url))
        except NotGenuine as refusal:
            reasons.append(refusal.reason)
    if len(fitting) != 1:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE if fitting else reasons[0])
    return fitting[0]


def signature_base(components: Iterable[str], params: str, headers: Headers, method: str, url: str) -> bytes:
    """The bytes that are signed (RFC 9421, section 2.5). `params` is the member of Signature-Input as it was sent.

    Raises NotGenuine for a header that is missing, empty or repeated, and for a value that a base can't hold.
    """
    derived = _derived(method, url)
    lines = []
    for name in components:
        value = derived[name] if name in derived else the_only(headers, name)
        if not _VALUE.fullmatch(value):
            raise NotGenuine(Reason.MALFORMED_SIGNATURE)
        lines.append(f'"{name}": {value}\n')
    return f'{"".join(lines)}"@signature-params": {params}'.encode("ascii")


def read_content_digest(value: str) -> tuple[tuple[str, str], ...]:
    """The digests in a Content-Digest header (RFC 9530, section 2): (hashlib's name, base64), in its order.

    Raises NotGenuine unless sha-256 or sha-512 is there. Other algorithms are ignored.
    """
    digests = []
    for algorithm, (text, _) in _members(_BYTES_MEMBER, value, Reason.MALFORMED_DIGEST).items():
        if algorithm in _DIGESTS:
            name, form = _DIGESTS[algorithm]
            digests.append((name, _inside(form, text, Reason.MALFORMED_DIGEST)))
    if not digests:
        raise NotGenuine(Reason.MALFORMED_DIGEST)
    return tuple(digests)


def _members(form: re.Pattern[str], value: str, reason: Reason) -> dict[str, tuple[str, str]]:
    """A dictionary's members (RFC 8941, section 3.2) as they are written: label to value and parameters."""
    members: dict[str, tuple[str, str]] = {}
    value = value.strip(" \t")
    position, comma = 0, True
    while comma:
        member = form.match(value, position)
        if member is None or member[1] in members or len(members) == MAX_MEMBERS:
            raise NotGenuine(reason)
        members[member[1]] = (member[2], member[3])
        position, comma = member.end(), bool(member[4])
    return members


def _read(components: str, parameters: str, mac: str, headers: Headers, method: str, url: str) -> MessageSignature:
    names = _names(components)
    values = _parameters(parameters)
    if values.get("alg", '"hmac-sha256"') != '"hmac-sha256"':
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return MessageSignature(
        mac=_inside(_SHA256, mac, Reason.MALFORMED_SIGNATURE),
        created=int(_inside(_TIME, values.get("created", ""), Reason.MALFORMED_TIMESTAMP)),
        expires=int(_inside(_TIME, values["expires"], Reason.MALFORMED_TIMESTAMP)) if "expires" in values else None,
        nonce=_unquoted(_inside(_NONCE, values["nonce"], Reason.MALFORMED_ID)) if "nonce" in values else None,
        base=signature_base(names, components + parameters, headers, method, url),
        covered=tuple(name for name in names if name not in _DERIVED),
    )


def _names(components: str) -> list[str]:
    names = []
    for component in islice(_COMPONENT.finditer(components), MAX_COMPONENTS + 1):
        name = _inside(_NAME, component[1], Reason.MALFORMED_SIGNATURE)
        if component[2] or (name.startswith("@") and name not in _DERIVED):
            raise NotGenuine(Reason.UNSUPPORTED_COMPONENT)
        names.append(name)
    if len(names) > MAX_COMPONENTS or len(set(names)) < len(names):
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    if not {"content-digest", "@method"} <= set(names) or not {"@path", "@target-uri"} & set(names):
        raise NotGenuine(Reason.UNCOVERED_COMPONENT)
    return names


def _parameters(text: str) -> dict[str, str]:
    found = [(parameter[1], parameter[2] or "") for parameter in _PARAMETER.finditer(text)]
    parameters = dict(found)
    if len(parameters) < len(found):
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return parameters


def _inside(form: re.Pattern[str], text: str, reason: Reason) -> str:
    match = form.fullmatch(text)
    if match is None:
        raise NotGenuine(reason)
    return match[1]


def _derived(method: str, url: str) -> dict[str, str]:
    parts = _URL.fullmatch(url)
    if parts is None:
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    scheme = parts[1].lower()
    authority = parts[2].lower().removesuffix(_DEFAULT_PORTS[scheme])
    return dict(zip(_DERIVED, (method, url, authority, scheme, parts[3] or "/"), strict=True))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
