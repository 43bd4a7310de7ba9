"""How a secret is written, for each encoding of a key: what to put into Secrets Manager, or into a file."""

from collections.abc import Mapping

from common.scheme import KeyEncoding

KEY_FORMS: Mapping[KeyEncoding, str] = {
    "utf8": "the text that the sender shows",
    "base64": "base64 on one line, without BEGIN and END",
    "hex": "hexadecimal digits",
    "base64-after-whsec_": "whsec_ and base64",
    "base64-after-whpk_": "whpk_ and base64",
    "basic": "user:password",
    "jwk": "a JSON Web Key on P-256, as JSON",
}
