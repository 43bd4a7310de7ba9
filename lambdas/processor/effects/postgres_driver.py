"""The driver, pg8000, with scramp, by which it logs in, and without asn1crypto, by which scramp reads a certificate.

All that scramp wants to know of a server's certificate is the hash of its signature. For that asn1crypto would be a
quarter of the processor's zip, and half of what loading the driver takes; so it is not in the zip. Who else imports
the driver, as a handler may, must do so after this module.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Self

from processor.effects.signature_hash import signature_hash


class _Certificate:
    """What scramp uses of asn1crypto's class."""

    def __init__(self, hash_algo: str) -> None:
        self.hash_algo = hash_algo

    @classmethod
    def load(cls, certificate: bytes, strict: bool) -> Self:  # noqa: ARG003 - OpenSSL has parsed it
        return cls(signature_hash(certificate))


@contextmanager
def _instead_of_asn1crypto() -> Iterator[None]:
    package, x509 = ModuleType("asn1crypto"), ModuleType("asn1crypto.x509")
    vars(package)["pem"] = None  # for servers, which read a file
    vars(x509)["Certificate"] = _Certificate
    hidden = {name: module for name, module in sys.modules.items() if name in (package.__name__, x509.__name__)}
    sys.modules.update({package.__name__: package, x509.__name__: x509})
    try:
        yield
    finally:
        del sys.modules[package.__name__], sys.modules[x509.__name__]
        sys.modules.update(hidden)  # of a user's handler that brings the real one


with _instead_of_asn1crypto():
    import scramp.core

scramp.core.Certificate = _Certificate  # where scramp was there before, so that tests try what is shipped

import pg8000.native  # noqa: E402
from scramp import ScramException  # noqa: E402

__all__ = ["ScramException", "pg8000"]
