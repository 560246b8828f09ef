"""Where a webhook may be sent: to servers of the Internet, unless the engine's settings open private networks too. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from syncengine.core.refusals import refused

Address: TypeAlias = IPv4Address | IPv6Address
URL_LENGTH: Final = 500
_NAT64: Final = ip_network("64:ff9b::/96")
_LOW_32: Final = 0xFFFF_FFFF


def checked_url(url: str, *, private: bool) -> SplitResult:
    """The parts of the address of a webhook. Raises InputRefused (webhook_address) for one that messages may not go to.

    What its name stands for is looked at when a message is sent: it may change.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"https", "http"} or len(url) > URL_LENGTH or not url.isprintable():
        raise refused("webhook_address", "the address is no URL", remedy="Write https://server/path.", field="url")
    if parts.username is not None or parts.password is not None:
        remedy = "Leave them out: the receiver knows the sender by the signature."
        raise refused("webhook_address", "the address holds a user or a password", remedy=remedy, field="url")
    literal = _literal(host)
    if not private and (parts.scheme == "http" or (literal is not None and not is_allowed(literal, private=False))):
        remedy = "Write https:// and a public server, or switch on the setting webhook_private_networks."
        raise refused("webhook_address", "plain HTTP and private networks are off", remedy=remedy, field="url")
    return parts


def is_allowed(address: Address, *, private: bool) -> bool:
    """Whether messages may go to that address; ``private`` lets private networks and this machine in, never link-local ones.

    Link-local addresses are those by which cloud machines are told their own secrets.
    """
    meant = _meant(address)
    if meant.is_link_local or meant.is_multicast or meant.is_unspecified:
        return False
    return private or meant.is_global


def _meant(address: Address) -> Address:
    """The IPv4 address that one of IPv6 stands for: mapped, 6to4 or NAT64."""
    if isinstance(address, IPv4Address):
        return address
    nat64 = IPv4Address(int(address) & _LOW_32) if address in _NAT64 else None
    return address.ipv4_mapped or address.sixtofour or nat64 or address


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
