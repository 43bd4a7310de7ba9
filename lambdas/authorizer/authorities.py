"""Which authorities vouch for a server: those of this machine, and Amazon's among them first.

To read all of the public internet's takes OpenSSL half as long as the rest of a start. Those behind AWS's endpoints are
five; they are picked out of the machine's own store. This is a short cut and no pin, from which Amazon advises: nobody
is believed whom the machine does not believe, and whoever the five do not vouch for is asked again with all.
"""

import binascii
import hashlib
import re
import ssl
from collections.abc import Callable
from http.client import HTTPConnection

AMAZON = frozenset(
    {
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",  # Amazon Root CA 1
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",  # Amazon Root CA 2
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",  # Amazon Root CA 3
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",  # Amazon Root CA 4
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",  # Starfield Services, G2
    }
)
"""The SHA-256 fingerprints of the roots at https://www.amazontrust.com/repository/"""

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")


class Authorities:
    """Amazon's, until a server wants others. They are read when this is made."""

    def __init__(self) -> None:
        found = _amazons()
        # Without any this takes all that the machine has. Whatever else a client must heed, it sets either way.
        self._context = ssl.create_default_context(cadata=found or None)
        self._are_all = not found

    def vouch(self, connect: Callable[[ssl.SSLContext], HTTPConnection]) -> HTTPConnection:
        """What `connect` gives; of all authorities where Amazon's do not vouch for a server. Raises what it raises."""
        try:
            return connect(self._context)
        except ssl.SSLCertVerificationError:
            if self._are_all:
                raise
            self._context, self._are_all = ssl.create_default_context(), True
            return connect(self._context)


def _amazons() -> bytes:
    """Their certificates (DER) as this machine has them; none where it has no list of all that can be read."""
    bundle = ssl.get_default_verify_paths().cafile
    if bundle is None:
        return b""
    try:
        with open(bundle, "rb") as file:  # noqa: PTH123 - pathlib would take longer to load than this to run
            certificates = map(binascii.a2b_base64, _CERTIFICATE.findall(file.read()))
            return b"".join(each for each in certificates if hashlib.sha256(each).hexdigest() in AMAZON)
    except (OSError, ValueError):
        return b""
