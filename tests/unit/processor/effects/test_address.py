import ipaddress
import random
import socket

import pytest

from processor.effects.address import Address, is_allowed

PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "52.94.236.248", "100.63.255.255", "100.128.0.0"),
    *("126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"),
    *("192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2600:1f18::1", "2a05:d014::1", "2001:4860:4860::8888", "2606:4700:4700::1111", "2003::1"),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
]
PRIVATE = [
    *("10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255"),
    *("127.0.0.0", "127.0.0.1", "127.0.1.1", "127.255.255.255", "172.16.0.0", "172.31.255.255"),
    *("192.0.0.0", "192.0.0.170", "192.0.0.255", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255"),
    *("198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1"),
    *("::1", "fc00::1", "fdff:ffff::1", "fd00:ec1::254", "100::1", "2001:db8::1", "3fff::1", "4000::1", "5f00::1"),
    *("2001:2::1", "2001:10::1", "2001:20::1", "fec0::1", "64:ff9b:1::808:808", "::8.8.8.8", "::ffff:0:8.8.8.8"),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:192.168.1.1", "::ffff:100.64.0.1"),
    *("64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::192.168.1.1"),
    *("2002:0808:0808::1", "2002:0a00:0001::1", "2002:7f00:0001::1"),
    "2001:0:0808:0808:0:0:f7f7:f7f7",  # Teredo: server 8.8.8.8, client 8.8.8.8
]
NEVER = [
    *("0.0.0.0", "0.0.0.1", "0.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255"),  # noqa: S104
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255"),
    *("::", "fe80::1", "fe80::1%1", "febf::1", "ff02::1", "ff0e::1", "fd00:ec2::254", "fd00:ec2::23"),
    *("::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:224.0.0.1", "::ffff:255.255.255.255"),
    *("64:ff9b::169.254.169.254", "64:ff9b::0.0.0.0", "64:ff9b:1::169.254.169.254"),
    *("::169.254.169.254", "::ffff:0:169.254.169.254", "2002:a9fe:a9fe::1"),
    "2001:0:a9fe:a9fe:0:0:f7f7:f7f7",  # Teredo by way of a link-local server
    "2001:0:0808:0808:0:0:5601:5601",  # Teredo's client is 169.254.169.254, its bits turned round
]
NO_ADDRESSES = [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "0x7f.1",
    "2130706433",
    "1.2.3.4/32",
    " 1.1.1.1",
    ":::",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_allowed(address, allow_private=False)
    assert is_allowed(address, allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_allowed_where_that_is_wanted(address: str) -> None:
    assert not is_allowed(address, allow_private=False)
    assert is_allowed(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_an_address_of_awss_own_or_of_no_host_is_never_allowed(address: str) -> None:
    assert not is_allowed(address, allow_private=False)
    assert not is_allowed(address, allow_private=True)


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_not_allowed(text: str) -> None:
    assert not is_allowed(text, allow_private=True)


@pytest.mark.parametrize("inner", [a for a in PRIVATE + NEVER if ":" not in a and a != "0.0.0.1"])  # ::0.0.0.1 is ::1
@pytest.mark.parametrize("form", ["::ffff:{}", "64:ff9b::{}", "::{}", "::ffff:0:{}", "64:ff9b:1::{}"])
def test_no_form_of_ipv6_hides_an_ipv4_address(form: str, inner: str) -> None:
    assert not is_allowed(form.format(inner), allow_private=False)
    assert is_allowed(form.format(inner), allow_private=True) == (inner in PRIVATE)


@pytest.mark.parametrize("inner", [a for a in PRIVATE + NEVER if ":" not in a])
def test_neither_6to4_nor_teredo_hides_an_ipv4_address(inner: str) -> None:
    number = int(ipaddress.IPv4Address(inner))
    teredo = ipaddress.IPv6Address((0x20010000 << 96) | (0x08080808 << 64) | (number ^ 0xFFFFFFFF))
    for address in (ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1), teredo):
        assert not is_allowed(str(address), allow_private=False)
        assert is_allowed(str(address), allow_private=True) == (inner in PRIVATE)


def test_whatever_is_allowed_is_global_by_pythons_tables_too() -> None:
    chance = random.Random(7)  # noqa: S311
    v4: list[Address] = [ipaddress.IPv4Address(chance.getrandbits(32)) for _ in range(20_000)]
    v6: list[Address] = [ipaddress.IPv6Address(chance.getrandbits(128)) for _ in range(20_000)]

    allowed = [address for address in v4 + v6 if is_allowed(str(address), allow_private=False)]

    assert len(allowed) > 10_000
    assert all(address.is_global and not address.is_multicast for address in allowed)


@pytest.mark.parametrize(
    "host",
    [
        *("127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.0.0.1", "0177.0.0.1", "017700000001", "0x7f.1"),
        *("127.000.000.001", "0177.1", "0x7f.0x0.0x0.0x1", "127.65537"),
        *("10.1", "167772161", "0xa000001", "012.0.0.1", "0300.0250.1.1", "3232235777", "0xc0a80101", "192.168.257"),
        *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "169.16689662", "0xa9.0xfe.0xa9.0xfe"),
        *("0", "0x0", "00", "0.0", "::", "::1", "0:0:0:0:0:0:0:1", "::ffff:7f00:1", "::ffff:a9fe:a9fe", "localhost"),
        *("fe80::1", "4294967295", "0xffffffff", "100.64.1", "ff02::1", "64:ff9b::a9fe:a9fe"),
    ],
)
def test_no_spelling_of_a_host_that_the_system_knows_leads_inside(host: str) -> None:
    addresses = [answer[4][0] for answer in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)]

    assert addresses
    assert not any(is_allowed(str(address), allow_private=False) for address in addresses)
