"""The mixed burst: what senders, retries, mistakes and attackers send, in one order for one seed."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from common.keys import Key
from common.scheme import Scheme
from webhookctl.local.demo.delivery import Delivery, Kind
from webhookctl.sender import sign

OVERSIZE_BYTES = 220_000
"""More than fits a message of 256 KiB once it is base64 in an envelope, less than API Gateway refuses by itself."""

# Per source, what is not plainly genuine. The rest of a source's share is.
ODD_ONES: Mapping[Kind, int] = {
    Kind.DUPLICATE: 60,
    Kind.CONFLICT: 6,
    Kind.FORGED: 40,
    Kind.STALE: 12,
    Kind.MALFORMED: 8,
    Kind.UNSIGNED: 8,
    Kind.CONTENT_TYPE: 8,
    Kind.NO_CONTENT_TYPE: 8,
    Kind.OVERSIZE: 3,
}

# Each breaks something that webhook receivers are built from: forms, JSON in templates, text decoding, XML, base64.
HOSTILE_BODIES = (
    b"",
    b"{}",
    b"&Action=DeleteMessage&MessageBody=gone&",
    b"a+b c%20d%2B%26%00%zz+&=?#;",
    b'"\'\\"${}#set($x = 1)$input.body',
    b'","head":"e30","body":"',
    b"\x00\x01\x02\x00",
    b"\xff\xfe\xfa\xc3\x28\xed\xa0\x80",
    "\uffff\ufffe\ufdd0".encode(),
    "\U0001f980 é ß 漢字 \u202e".encode(),
    b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    b"]]></Message><Message>",
    b"A" * 4096,
    bytes(range(256)),
)


@dataclass(frozen=True, slots=True)
class Sender:
    """A source as its sender sees it."""

    source: str
    scheme: Scheme
    key: Key

    def deliver(self, kind: Kind, body: bytes, event_id: str, at: float) -> Delivery:
        """A genuine request of that kind."""
        signed = sign(self.scheme, self.key, body, at=at, event_id=event_id, event_type="demo")
        headers = {"Content-Type": "application/json", **signed.headers}
        return Delivery(kind, self.source, headers, signed.body, event=event_id)


def burst(senders: list[Sender], total: int, at: float, seed: int) -> list[Delivery]:
    """`total` deliveries, shared evenly among the senders and mixed."""
    generator = random.Random(seed)  # noqa: S311 - a demonstration that can be repeated, not a secret
    deliveries: list[Delivery] = []
    for position, sender in enumerate(senders):
        share = total * (position + 1) // len(senders) - total * position // len(senders)
        deliveries += _share(sender, share, at, generator)
    generator.shuffle(deliveries)
    return deliveries


def _share(sender: Sender, count: int, at: float, generator: random.Random) -> Iterator[Delivery]:
    odd = [kind for kind, number in ODD_ONES.items() for _ in range(number) if _applies(kind, sender.scheme)]
    hostile = [
        sender.deliver(Kind.HOSTILE_BODY, body, f"demo-{sender.source}-hostile-{number}", at)
        for number, body in enumerate(HOSTILE_BODIES)
    ]
    genuine = [_genuine(sender, number, at, generator) for number in range(count - len(hostile) - len(odd))]
    yield from hostile
    yield from genuine
    for number, kind in enumerate(odd):
        yield _ODD[kind](sender, generator.choice(genuine), number, at)


def _applies(kind: Kind, scheme: Scheme) -> bool:
    return kind is not Kind.STALE or scheme.timestamp is not None


def _genuine(sender: Sender, number: int, at: float, generator: random.Random) -> Delivery:
    event_id = f"demo-{sender.source}-{number}"
    return sender.deliver(Kind.GENUINE, _body(event_id, "x" * generator.randrange(1_500)), event_id, at)


def _body(event_id: str, note: str) -> bytes:
    """A JSON body with the id wherever a scheme may point."""
    document = {"id": event_id, "event_id": event_id, "type": "demo", "event": {"id": event_id}, "note": note}
    return json.dumps(document).encode()


def _duplicate(_: Sender, of: Delivery, __: int, ___: float) -> Delivery:
    return replace(of, kind=Kind.DUPLICATE)


def _conflict(sender: Sender, of: Delivery, number: int, at: float) -> Delivery:
    return sender.deliver(Kind.CONFLICT, _body(of.event, f"other {number}"), of.event, at)


def _forged(sender: Sender, of: Delivery, number: int, at: float) -> Delivery:
    forger = replace(sender, key=Key(b"a guess " + sender.key.value[:-1]))
    forgery = forger.deliver(Kind.FORGED, _body(of.event, f"forged {number}"), of.event, at)
    return replace(forgery, event="")


def _stale(sender: Sender, of: Delivery, number: int, at: float) -> Delivery:
    old = sender.deliver(Kind.STALE, _body(of.event, f"stale {number}"), of.event, at - 3_600)
    return replace(old, status=403, event="")


def _malformed(sender: Sender, of: Delivery, number: int, _: float) -> Delivery:
    value = ("", "sha256=", "v1=zz", "\u00ff" * 64, "v0=" + "g" * 64, "v1,====", "t=,v1=", "=" * 300)[number % 8]
    status = 403 if value else _unsigned_status(sender)
    return _with_signature(replace(of, kind=Kind.MALFORMED, status=status, event=""), sender, value)


def _unsigned(sender: Sender, of: Delivery, _: int, __: float) -> Delivery:
    return _with_signature(replace(of, kind=Kind.UNSIGNED, status=_unsigned_status(sender), event=""), sender, None)


def _unsigned_status(sender: Sender) -> int:
    """API Gateway itself misses the one header that a signature can be in; of several, the authorizer does."""
    return 401 if sender.scheme.signature and len(sender.scheme.signature.headers) == 1 else 403


def _with_signature(delivery: Delivery, sender: Sender, value: str | None) -> Delivery:
    names = sender.scheme.signature.headers if sender.scheme.signature else ()
    headers = {name: text for name, text in delivery.headers.items() if name not in names}
    return replace(delivery, headers=headers if value is None else {**headers, names[0]: value})


def _content_type(_: Sender, of: Delivery, number: int, __: float) -> Delivery:
    wrong = ("text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-amz-json-1.0")[
        number % 4
    ]
    return replace(of, kind=Kind.CONTENT_TYPE, headers={**of.headers, "Content-Type": wrong}, status=403, event="")


def _no_content_type(_: Sender, of: Delivery, __: int, ___: float) -> Delivery:
    headers = {name: value for name, value in of.headers.items() if name != "Content-Type"}
    return replace(of, kind=Kind.NO_CONTENT_TYPE, headers=headers, status=403, event="")


def _oversize(sender: Sender, of: Delivery, number: int, at: float) -> Delivery:
    body = _body(f"{of.event}-large-{number}", "x" * OVERSIZE_BYTES)
    return replace(sender.deliver(Kind.OVERSIZE, body, f"{of.event}-large-{number}", at), status=413, event="")


_ODD: Mapping[Kind, Callable[[Sender, Delivery, int, float], Delivery]] = {
    Kind.DUPLICATE: _duplicate,
    Kind.CONFLICT: _conflict,
    Kind.FORGED: _forged,
    Kind.STALE: _stale,
    Kind.MALFORMED: _malformed,
    Kind.UNSIGNED: _unsigned,
    Kind.CONTENT_TYPE: _content_type,
    Kind.NO_CONTENT_TYPE: _no_content_type,
    Kind.OVERSIZE: _oversize,
}
