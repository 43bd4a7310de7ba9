"""Fresh secrets for a source: as text in the form that its scheme expects, and for what its lane delivers."""

import base64
import json
import secrets

from common.scheme import Scheme

KEY_BYTES = 32
DELIVERY_KEY_BYTES = 24  # what the Standard Webhooks specification asks for at least


def generated_secret(scheme: Scheme) -> str:
    """A new random secret; different at every call.

    For a scheme with a public key it is one whose private half is forgotten: well formed, and nothing is genuine by it.
    """
    if scheme.needs_cryptography:
        return _public_key(scheme)
    key = secrets.token_bytes(KEY_BYTES)
    match scheme.key_encoding:
        case "base64":
            return base64.b64encode(key).decode()
        case "base64-after-whsec_":
            return "whsec_" + base64.b64encode(key).decode()
        case "basic":
            return f"user:{key.hex()}"
        case _:  # hexadecimal digits are a key for hex, and a text like any other for utf8
            return key.hex()


def generated_delivery_secret() -> str:
    """A new random secret for signing by Standard Webhooks; different at every call."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(DELIVERY_KEY_BYTES)).decode()


def _public_key(scheme: Scheme) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if scheme.kind == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        return key.hex() if scheme.key_encoding == "hex" else "whpk_" + base64.b64encode(key).decode()
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    if scheme.key_encoding != "jwk":
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    x, y = (base64.urlsafe_b64encode(half).decode().rstrip("=") for half in (point[:32], point[32:]))
    return json.dumps({"kty": "EC", "crv": "P-256", "x": x, "y": y})
