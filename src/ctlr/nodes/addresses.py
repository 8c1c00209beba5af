"""Which addresses may be called because somebody on the network asked for it. Pure.

Whoever reaches the API chooses them, so the controller must not become a way to machines that they
cannot reach themselves, nor a scanner of this one's network. A number must be one of the own network,
written as everybody writes it: what asks the system for a host also takes ``0x7f.1``, ``2130706433``
and ``127.1`` for an address, so a name that ends in a number is none (WHATWG URL, 3.5).
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network

_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*", re.ASCII)
_LONGEST_NAME = 253
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_DOCUMENTS = tuple(map(IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))


def is_local(host: str) -> bool:
    """Whether an IPv4 address can be that of a camera of this rig: private, link-local or
    loopback, and of one machine."""
    try:
        address = IPv4Address(host)
    except AddressValueError:
        return False
    near = address.is_private or address.is_link_local or address.is_loopback
    nobodys = address.is_unspecified or address.is_reserved or address.is_multicast
    return near and not nobodys and not any(address in net for net in (_THIS_NETWORK, *_DOCUMENTS))


def is_host_name(host: str) -> bool:
    """Whether this is a name, and no number in disguise."""
    labels = host.removesuffix(".").split(".")
    return (
        len(host) <= _LONGEST_NAME
        and all(_LABEL.fullmatch(label) for label in labels)
        and not _NUMBER.fullmatch(labels[-1])
    )


def is_callable(address: str) -> bool:
    """Whether a host:port may be called, as far as it shows by itself."""
    host, _, port = address.rpartition(":")
    legal = is_local(host) or is_host_name(host)
    return legal and _PORT.fullmatch(port) is not None and 0 < int(port) < 65536
