"""Which addresses an event may be delivered to: by default only those of the public internet.

Whoever may set a lane's URL could else have the function speak to what only the function can reach: the VPC, or the
link-local services of AWS, which give credentials to whoever asks. A name is judged by the addresses that it has, and
the connection goes to the very address that was judged (see `wire`): a second answer of the name server's is never
asked for.

The tables are written out, from IANA's registries of special-purpose addresses (RFC 6890 and its updates), because what
`ipaddress` calls global differs between the patch releases of one Python.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_PRIVATE = [
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT, and within AWS whatever its owner made of it
    IPv4Network("127.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
]
_NEVER = [
    IPv4Network("0.0.0.0/8"),  # on Linux another name of this host
    IPv4Network("169.254.0.0/16"),  # EC2's and ECS's metadata, Lambda's own interfaces
    IPv4Network("224.0.0.0/4"),
    IPv4Network("240.0.0.0/4"),
]
_PUBLIC_V6 = IPv6Network("2000::/3")
_PRIVATE_V6 = [
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
]
_NEVER_V6 = [
    IPv6Network("::/128"),
    IPv6Network("fd00:ec2::/32"),  # EC2's metadata, name server and clock
    IPv6Network("fe80::/10"),
    IPv6Network("ff00::/8"),
]
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""How a subnet without IPv4 reaches it (NAT64, RFC 6052): as good as the address within."""
_WITH_IPV4_AT_THE_END = [IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("64:ff9b:1::/48")]


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether to connect to this address; whatever is not one is not allowed.

    With `allow_private` all are, loopback included, but link-local addresses, AWS's own, multicast and reserved ones.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address in _TRANSLATED):
        address = address.ipv4_mapped or _last_four(address)
    if _is_in(address, _NEVER, _NEVER_V6) or any(_is_in(inner, _NEVER, ()) for inner in _inner(address)):
        # Of ::1 the last four bytes are an address of 0.0.0.0/8.
        return allow_private and address == IPv6Address("::1")
    return allow_private or _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return False
    return not _is_in(address, _PRIVATE, _PRIVATE_V6)


def _inner(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that a router might take out of it."""
    if isinstance(address, IPv4Address):
        return []
    inner = [*(address.teredo or ()), *([address.sixtofour] if address.sixtofour else [])]
    if any(address in network for network in _WITH_IPV4_AT_THE_END):
        inner.append(_last_four(address))
    return inner


def _last_four(address: IPv6Address) -> IPv4Address:
    return IPv4Address(address.packed[-4:])


def _is_in(address: Address, networks: Iterable[IPv4Network], networks_v6: Iterable[IPv6Network]) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in network for network in networks)
    return any(address in network for network in networks_v6)
