"""Signatures that a public key verifies. The one place that knows `cryptography`, which only one zip brings along."""

from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from common.keys import InvalidKey

Curve = Literal["ed25519", "ecdsa-p256", "jwt"]

POINT_BYTES = 65
_UNCOMPRESSED = 4  # SEC 1, 2.3.3


def fits(kind: Curve, key: bytes, material: bytes, signature: bytes) -> bool:
    """Whether this key signed the material; False, too, for a signature that is none. Raises InvalidKey.

    An Ed25519 key is 32 bytes (RFC 8032); one on P-256 is the uncompressed point, or a SubjectPublicKeyInfo in DER
    (RFC 5480). An ECDSA signature is in DER, that of a token the two numbers of RFC 7518, 3.4.
    """
    public_key = load(kind, key)
    try:
        if isinstance(public_key, ed25519.Ed25519PublicKey):
            public_key.verify(signature, material)
        else:
            der = _der(signature) if kind == "jwt" else signature
            public_key.verify(der, material, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def load(kind: Curve, key: bytes) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    """The public key in these bytes. Raises InvalidKey."""
    try:
        if kind == "ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(key)
        if len(key) == POINT_BYTES and key[0] == _UNCOMPRESSED:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        loaded = load_der_public_key(key)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey(f"the key is no public key for {kind}") from None
    if not isinstance(loaded, ec.EllipticCurvePublicKey) or not isinstance(loaded.curve, ec.SECP256R1):
        raise InvalidKey("the key is not one on the curve P-256")
    if loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != key:
        raise InvalidKey("the key is written in a form that nobody uses")
    return loaded


def _der(signature: bytes) -> bytes:
    if len(signature) != POINT_BYTES - 1:
        raise ValueError("not two numbers of 32 bytes")
    return utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
