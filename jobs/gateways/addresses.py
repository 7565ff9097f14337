"""Where a host name leads, and the addresses that nothing of ours may call, whatever name leads there."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

NAT64 = IPv6Network("64:ff9b::/96")
IPV4_COMPATIBLE = IPv6Network("::/96")
# Cloud platforms hand out credentials at these; the others are no single machine's address.
FORBIDDEN = [
    (ip_network("fd00:ec2::254/128"), "a metadata service"),
    (ip_network("fd20:ce::254/128"), "a metadata service"),
    (ip_network("100.100.100.200/32"), "a metadata service"),
    (ip_network("168.63.129.16/32"), "a metadata service"),
    (ip_network("192.0.0.192/32"), "a metadata service"),
    (ip_network("169.254.0.0/16"), "link-local, where metadata services are"),
    (ip_network("fe80::/10"), "link-local"),
    (ip_network("0.0.0.0/8"), "unspecified"),
    (ip_network("::/128"), "unspecified"),
    (ip_network("224.0.0.0/4"), "multicast"),
    (ip_network("ff00::/8"), "multicast"),
    (ip_network("255.255.255.255/32"), "broadcast"),
]


def of_host(host: str, port: int) -> list[str]:
    """The addresses of a name, or the address itself, in the system's order. Raises OSError when there are none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as fault:  # a label that is empty or too long
        raise OSError("this is no host name") from fault
    return list(dict.fromkeys(str(place[0]) for *_kind, place in found))


def fault_of(address: str) -> str | None:
    """What makes an address one that may not be called; None when it may. Loopback and private ones may."""
    parsed = ip_address(address.partition("%")[0])
    for one in (parsed, *_inner(parsed)):
        for network, what in FORBIDDEN:
            if one in network:
                return what
    return None


def _inner(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for: mapped, compatible, NAT64, 6to4, Teredo."""
    if isinstance(address, IPv4Address):
        return
    if address in NAT64 or (address in IPV4_COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    for one in (address.ipv4_mapped, address.sixtofour, teredo and teredo[1]):
        if one is not None:
            yield one
