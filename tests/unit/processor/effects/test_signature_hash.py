from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto.x509 import Certificate  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from processor.effects.signature_hash import signature_hash

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC_CURVE = ec.generate_private_key(ec.SECP256R1())
HASHES = (hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())


def builder(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "database.example.com")])
    now = datetime.now(UTC)
    named = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    return named.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))


def pss(algorithm: hashes.HashAlgorithm) -> padding.PSS:
    return padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)


def signed() -> dict[str, bytes]:
    """A certificate of every kind that PostgreSQL has, in DER."""
    certificates = {}
    for algorithm in HASHES:
        certificates[f"RSA, {algorithm.name}"] = builder(RSA).sign(RSA, algorithm)
        certificates[f"RSA-PSS, {algorithm.name}"] = builder(RSA).sign(RSA, algorithm, rsa_padding=pss(algorithm))
        certificates[f"ECDSA, {algorithm.name}"] = builder(ELLIPTIC_CURVE).sign(ELLIPTIC_CURVE, algorithm)
    return {name: certificate.public_bytes(Encoding.DER) for name, certificate in certificates.items()}


SIGNED = signed()


@pytest.mark.parametrize("name", SIGNED)
def test_the_hash_is_the_one_that_the_certificate_was_signed_with_as_asn1crypto_reads_it(name: str) -> None:
    der = SIGNED[name]
    assert signature_hash(der) == name.partition(", ")[2] == Certificate.load(der, strict=True).hash_algo


@pytest.mark.parametrize(
    ("oid", "hash_name"),
    [("2a864886f70d010104", "md5"), ("2a864886f70d010105", "sha1"), ("2a8648ce3d0401", "sha1")],
)
def test_hashes_that_nobody_signs_with_any_more_are_known_too(oid: str, hash_name: str) -> None:
    identifier = bytes.fromhex(oid)
    algorithm = bytes([0x30, len(identifier) + 2, 0x06, len(identifier)]) + identifier
    content = b"\x30\x00" + algorithm
    assert signature_hash(bytes([0x30, len(content)]) + content) == hash_name


def test_rsa_pss_that_names_no_hash_means_sha_1() -> None:
    algorithm = bytes.fromhex("300d" + "06092a864886f70d01010a" + "3000")
    assert signature_hash(b"\x30\x11\x30\x00" + algorithm) == "sha1"


def test_a_signature_without_a_hash_of_its_own_is_a_value_error() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(ValueError, match="another way"):
        signature_hash(builder(key).sign(key, None).public_bytes(Encoding.DER))


def test_rsa_pss_with_a_hash_that_is_not_known_is_a_value_error() -> None:
    der = SIGNED["RSA-PSS, sha256"].replace(bytes.fromhex("608648016503040201"), bytes.fromhex("608648016503040209"))
    with pytest.raises(ValueError, match="another hash"):
        signature_hash(der)


@pytest.mark.parametrize("name", ["RSA, sha256", "RSA-PSS, sha256"])
def test_what_is_no_certificate_is_a_value_error_wherever_it_ends(name: str) -> None:
    der = SIGNED[name]
    for length in range(len(der)):
        with pytest.raises(ValueError, match="no certificate"):
            signature_hash(der[:length])


@pytest.mark.parametrize("text", [b"", b"0", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"-----BEGIN CERTIFICATE-----"])
def test_bytes_that_are_no_der_are_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        signature_hash(text)
