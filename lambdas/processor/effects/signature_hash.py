"""The hash of a certificate's signature, by which TLS and a login are bound to each other (RFC 5929, section 4.1)."""

_SEQUENCE, _OBJECT_IDENTIFIER, _FIRST_PARAMETER = 0x30, 0x06, 0xA0

_RSA = "2a864886f70d0101"  # 1.2.840.113549.1.1: RFC 8017, appendix C
_ECDSA = "2a8648ce3d04"  # 1.2.840.10045.4: RFC 5758, section 3.2
_HASH = "6086480165030402"  # 2.16.840.1.101.3.4.2: RFC 8017, appendix B.1

_RSA_PSS = f"{_RSA}0a"
_HASHES = {
    f"{_RSA}04": "md5",
    f"{_RSA}05": "sha1",
    f"{_RSA}0b": "sha256",
    f"{_RSA}0c": "sha384",
    f"{_RSA}0d": "sha512",
    f"{_RSA}0e": "sha224",
    f"{_ECDSA}01": "sha1",
    f"{_ECDSA}0301": "sha224",
    f"{_ECDSA}0302": "sha256",
    f"{_ECDSA}0303": "sha384",
    f"{_ECDSA}0304": "sha512",
}
_HASHES_BY_NAME = {
    f"{_HASH}01": "sha256",
    f"{_HASH}02": "sha384",
    f"{_HASH}03": "sha512",
    f"{_HASH}04": "sha224",
}


def signature_hash(certificate: bytes) -> str:
    """The hash of a certificate's signature (DER: RFC 5280, section 4.1), as hashlib calls it.

    Raises ValueError for a signature that has none, such as Ed25519's, and for what is no certificate.
    """
    _, rest = _element(_only(certificate, _SEQUENCE))  # after what is signed comes by what
    algorithm, parameters = _identifier(rest)
    if algorithm == _RSA_PSS:
        return _hash_of_parameters(parameters)
    if algorithm not in _HASHES:
        raise ValueError("a certificate signed in another way")
    return _HASHES[algorithm]


def _hash_of_parameters(parameters: bytes) -> str:
    """RFC 8017, appendix A.2.3: SHA-1 where no other is named."""
    content = _only(parameters, _SEQUENCE)
    if content[:1] != bytes([_FIRST_PARAMETER]):
        return "sha1"
    named, _ = _identifier(_only(content, _FIRST_PARAMETER))
    if named not in _HASHES_BY_NAME:
        raise ValueError("a certificate signed with another hash")
    return _HASHES_BY_NAME[named]


def _identifier(der: bytes) -> tuple[str, bytes]:
    """An AlgorithmIdentifier's object identifier (hexadecimal), and its parameters."""
    content = _only(der, _SEQUENCE)
    _, parameters = _element(content)
    return _only(content, _OBJECT_IDENTIFIER).hex(), parameters


def _only(der: bytes, tag: int) -> bytes:
    """What is in the first element, which has to be one of these."""
    if der[:1] != bytes([tag]):
        raise ValueError("no certificate")
    return _element(der)[0]


def _element(der: bytes) -> tuple[bytes, bytes]:
    """What is in the first element, and what comes after it."""
    if len(der) < 2:
        raise ValueError("no certificate")
    start, length = 2, der[1]
    if length & 0x80:  # the length of the length
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if len(der) < start + length:
        raise ValueError("no certificate")
    return der[start : start + length], der[start + length :]
