"""The one verifier: interprets a scheme's data over a request. Pure; malformed input of any kind is NotGenuine.

Expected and given signatures are compared as texts, not decoded: hexadecimal and base64 both have several spellings for
the same bytes, and a sender uses one.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from common.body import document_of, form_of, pointed
from common.head import (
    MAX_SIGNATURES,
    Head,
    Material,
    Request,
    check_freshness,
    head_reader,
    moment_reader,
    signature_form,
)
from common.keys import InvalidKey, Key
from common.reasons import NotGenuine, Reason
from common.scheme import Scheme

__all__ = [
    "MAX_SIGNATURES",
    "Head",
    "Request",
    "check_freshness",
    "expected_signature",
    "matching_key",
    "read_head",
    "signed_material",
    "verify",
]


Match = Callable[[Iterable[Key], Head, bytes], Key]


class _Program(NamedTuple):
    """What a scheme's data comes down to, made once: functions that ask no request what its scheme answers."""

    read: Callable[[Request], Head]
    materials_of: Callable[[Head, bytes], Iterable[Material]]
    match: Match


def verify(scheme: Scheme, keys: Iterable[Key], request: Request, body: bytes) -> tuple[Head, Key | None]:
    """The head, and the key that signed exactly these bytes (None for an unsigned scheme). Raises NotGenuine.

    Freshness is `check_freshness`, apart: it depends on a clock, this does not.
    """
    program = scheme.once(_program)
    head = program.read(request)
    if scheme.kind == "unsigned":
        return head, None
    if scheme.signs_fields:
        head = _with_fields_of(body, scheme, head)
    key = program.match(keys, head, body)
    for algorithm, digest in head.digests:
        if not hmac.compare_digest(digest, hashlib.new(algorithm, body).digest()):
            raise NotGenuine(Reason.DIGEST_MISMATCH)
    if scheme.dates_body:
        head = _with_fields_of(body, scheme, head)  # only now that somebody vouches for what is parsed
    return head, key


def read_head(scheme: Scheme, request: Request) -> Head:
    """Reads all that the scheme wants from the head. Raises NotGenuine for what is missing, repeated or malformed."""
    return scheme.once(_program).read(request)


def matching_key(scheme: Scheme, keys: Iterable[Key], head: Head, body: bytes) -> Key:
    """The first key of which one of the head's signatures is right. Raises NotGenuine."""
    return scheme.once(_program).match(keys, head, body)


def signed_material(scheme: Scheme, head: Head, body: bytes) -> bytes:
    """The bytes that the signature covers; the body alone where nothing is signed. Raises NotGenuine."""
    if scheme.kind in ("token", "unsigned"):
        return body
    materials = head.materials or scheme.once(_program).materials_of(head, body)
    return b"".join(next(iter(materials)))  # of one part, this is the part itself: no copy of the body


def expected_signature(scheme: Scheme, key: Key, material: bytes) -> bytes:
    """The text of the right signature, without its prefix: what only who has the key can write."""
    return _writer(scheme)(key, (material,))


def _program(scheme: Scheme) -> _Program:
    read, materials_of = head_reader(scheme), _materials_of(scheme)
    match = _public_key_match(scheme, materials_of) if scheme.needs_cryptography else _match(scheme, materials_of)
    if scheme.digest_parameter is None:
        return _Program(read, materials_of, match)

    def read_with_material(request: Request) -> Head:
        head = read(request)  # which alone tells what is signed, where it has the body's digest
        return head._replace(materials=tuple(materials_of(head, b""))) if head.digests else head

    return _Program(read_with_material, materials_of, match)


def _match(scheme: Scheme, materials_of: Callable[[Head, bytes], Iterable[Material]]) -> Match:
    write = _writer(scheme)

    def match(keys: Iterable[Key], head: Head, body: bytes) -> Key:
        live, signatures = tuple(keys), head.signatures
        for material in head.materials or materials_of(head, body):
            for key in live:
                expected = write(key, material)
                for signature in signatures:
                    if hmac.compare_digest(expected, signature.encode("ascii")):
                        return key
        raise NotGenuine(Reason.SIGNATURE_MISMATCH)

    return match


def _public_key_match(scheme: Scheme, materials_of: Callable[[Head, bytes], Iterable[Material]]) -> Match:
    def match(keys: Iterable[Key], head: Head, body: bytes) -> Key:
        from common import public_key  # only in the zip that brings the package along

        live, kind = tuple(keys), cast(public_key.Curve, scheme.kind)
        for material in map(b"".join, head.materials or materials_of(head, body)):
            for key in live:
                try:
                    if any(
                        public_key.fits(kind, key.value, material, _bytes(scheme, text)) for text in head.signatures
                    ):
                        return key
                except InvalidKey:
                    if key is live[0]:  # an older one that is no public key counts for nothing, as in `read_keys`
                        raise
        raise NotGenuine(Reason.SIGNATURE_MISMATCH)

    return match


def _writer(scheme: Scheme) -> Callable[[Key, Material], bytes]:
    """The function that writes the right signature of a material."""
    digest, encode = scheme.digest, _encoder(scheme)
    if scheme.kind == "token":
        return lambda key, _: key.value
    if scheme.kind == "hash":
        return lambda key, material: encode(key.hash(digest, material))
    return lambda key, material: encode(key.mac(digest, material))


def _encoder(scheme: Scheme) -> Callable[[bytes], bytes]:
    if scheme.kind == "jwt":
        return lambda mac: base64.urlsafe_b64encode(mac).rstrip(b"=")
    in_base64 = scheme.kind == "message-signature" or (scheme.signature and scheme.signature.encoding == "base64")
    return base64.b64encode if in_base64 else binascii.hexlify


def _bytes(scheme: Scheme, signature: str) -> bytes:
    """A signature that a public key is to verify, from the one text that stands for it."""
    from common.json_web_token import decode, encode

    if scheme.signature and scheme.signature.encoding == "hex" and scheme.kind != "jwt":
        return bytes.fromhex(signature)
    try:
        value = decode(signature) if scheme.kind == "jwt" else base64.b64decode(signature)
    except ValueError:  # a token's signature has any length, some that no bytes have
        raise NotGenuine(Reason.MALFORMED_SIGNATURE) from None
    if signature not in (encode(value), base64.b64encode(value).decode("ascii")):
        raise NotGenuine(Reason.MALFORMED_SIGNATURE)
    return value


def _materials_of(scheme: Scheme) -> Callable[[Head, bytes], Iterable[Material]]:
    """The function that puts together what is signed: more than one material where a URL has several spellings."""
    if scheme.signed == ("{body}",):
        return lambda _, body: ((body,),)
    texts = [part.encode("utf-8") for part in scheme.signed]
    fields = [(position, field) for position, part in enumerate(scheme.signed) if (field := _field(part))]
    signs_url, signs_form = "{url}" in scheme.signed, "{params}" in scheme.signed

    def material(head: Head, url: str, body: bytes, parameters: bytes) -> Material:
        parts = texts.copy()
        for position, field in fields:
            parts[position] = field(head, url, body, parameters)
        return parts

    def materials(head: Head, body: bytes) -> Iterator[Material]:
        parameters = _parameters(scheme, body) if signs_form and not head.digests else b""
        for url in head.urls if signs_url else ("",):
            yield material(head, url, body, parameters)

    return materials if signs_url or signs_form else lambda head, body: (material(head, "", body, b""),)


_Field = Callable[[Head, str, bytes, bytes], bytes]
"""What stands for a placeholder, by a head, a URL, a body and a form's parameters."""

_FIELDS: Mapping[str, _Field] = {
    "{body}": lambda _head, _url, body, _parameters: body,
    "{params}": lambda _head, _url, _body, parameters: parameters,
    "{timestamp}": lambda head, _url, _body, _parameters: head.timestamp.encode("ascii"),
    "{id}": lambda head, _url, _body, _parameters: (head.id or "").encode("ascii"),
    "{method}": lambda head, _url, _body, _parameters: head.method.encode("utf-8", "surrogatepass"),
    "{url}": lambda _head, url, _body, _parameters: url.encode("utf-8", "surrogatepass"),
}


def _field(part: str) -> _Field | None:
    if not part.startswith("{/"):
        return _FIELDS.get(part)
    return lambda _head, _url, body, _parameters: _required(document_of(body), part[1:-1]).encode(
        "utf-8", "surrogatepass"
    )


def _parameters(scheme: Scheme, body: bytes) -> bytes:
    """A form's parameters by name, each with its values, each of these once: https://www.twilio.com/docs/usage/security

    They follow the URL without a separator: a form that could pass for the digest at its end is refused, or the
    signature of a body by its digest would be good for that form.
    """
    form = form_of(body)
    if form is None:
        raise NotGenuine(Reason.MALFORMED_BODY)
    text = "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    if scheme.digest_parameter and text.startswith((f"?{scheme.digest_parameter}=", f"&{scheme.digest_parameter}=")):
        raise NotGenuine(Reason.MALFORMED_BODY)
    return text.encode("utf-8")


def _with_fields_of(body: bytes, scheme: Scheme, head: Head) -> Head:
    """The head with the signature and the time that are in the body, where the scheme has them there."""
    document = document_of(body)
    if scheme.signature and scheme.signature.pointer:
        match = scheme.once(signature_form).fullmatch(_required(document, scheme.signature.pointer))
        if match is None:
            raise NotGenuine(Reason.MALFORMED_SIGNATURE)
        head = head._replace(signatures=(match[1],))
    if scheme.timestamp and scheme.timestamp.pointer:
        timestamp = _required(document, scheme.timestamp.pointer)
        head = head._replace(timestamp=timestamp, signed_at=moment_reader(scheme.timestamp)(timestamp))
    return head


def _required(document: Any, pointer: str) -> str:
    value = pointed(document, pointer)
    if value is None:
        raise NotGenuine(Reason.MALFORMED_BODY)
    return value
