"""Which addresses a request that leaves the house may go to: pure, no name is resolved here.

Written out from the registries of special-purpose addresses (RFC 6890 and those after it), because the standard
library's `is_global` calls 6to4, NAT64, multicast and anycast relays global, and differs between its releases.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import idna

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 1000

_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in """
    0.0.0.0/8 100.100.100.200/32 168.63.129.16/32 169.254.0.0/16 192.0.0.192/32 224.0.0.0/4 240.0.0.0/4
    ::/128 fd00:ec2::/64 fd20:ce::/64 fe80::/10 ff00::/8
    ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32
    """.split()
)
"""No setting opens these: unspecified, link-local, multicast and broadcast, the metadata services of clouds, and
IPv6 forms that carry an IPv4 address inside."""

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in """
    10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
    192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
    2001::/23 2001:db8::/32 2620:4f:8000::/48 3fff::/20
    """.split()
)
"""Private, shared (CGNAT), loopback, documentation, benchmarks, protocol assignments, anycast services."""
_UNICAST_6 = ipaddress.ip_network("2000::/3")


class AddressRefused(Exception):
    """This address may not be called; the text says why, in a few plain words."""


@dataclass(frozen=True)
class Rules:
    """What the operator lets our requests reach."""

    networks: tuple[Network, ...] = ()
    """Networks that are no part of the public Internet and are allowed, e.g. those of an intranet."""
    http: bool = False
    """Whether `http://` is allowed beside `https://`."""
    ports: frozenset[int] = frozenset({443, 8443})

    @classmethod
    def of(cls, networks: str, ports: str, *, http: bool) -> Rules:
        """Read settings: networks and ports parted by commas; without ports 443 and 8443, with http 80 and 8080 too."""
        usual = {443, 8443} | ({80, 8080} if http else set())
        given = {int(port) for port in _listed(ports)}
        if not all(0 < port < 65536 for port in given):
            raise ValueError("a port is a number from 1 to 65535")
        nets = tuple(ipaddress.ip_network(net) for net in _listed(networks))
        return cls(nets, http, frozenset(given or usual))

    def allow(self, address: Address) -> bool:
        """Say whether a connection to *address* may be opened."""
        if any(address in network for network in _NEVER):
            return False
        if any(address in network for network in self.networks):
            return True
        return is_public(address)


def _listed(setting: str) -> Sequence[str]:
    return [part for part in re.split(r"[,\s]+", setting) if part]


def is_public(address: Address) -> bool:
    """Say whether *address* is an ordinary one of the public Internet."""
    if any(address in network for network in (*_NEVER, *_NOT_PUBLIC)):
        return False
    return address.version == 4 or address in _UNICAST_6


@dataclass(frozen=True)
class Place:
    """Where an URL points to, taken apart once; nothing reads the URL again."""

    scheme: str
    host: str
    """ASCII, lower case; a name, or an IP address without brackets."""
    port: int
    target: str
    """Path and query."""

    @property
    def authority(self) -> str:
        """Return host and port as they stand in a `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the URL in the one spelling that we keep."""
        return f"{self.scheme}://{self.authority}{self.target}"


_PLAIN = re.compile(
    r"[^\x00-\x20\x7f-\xa0\\<>\"^`{|}\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+"
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_KEPT = "/:@!$&'()*+,;=~-._%"


def place_of(url: str, rules: Rules) -> Place:
    """Take *url* apart, or refuse it: only what can be read in one way passes.

    An IP address that stands in it is judged here; what a name leads to is judged when it is resolved.
    """
    if len(url) > LONGEST_URL or not _PLAIN.fullmatch(url):
        raise AddressRefused("not a plain URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused("not a URL") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and rules.http):
        raise AddressRefused("not https")
    if "@" in parts.netloc:
        raise AddressRefused("user name in the URL")
    number = port if port is not None else {"https": 443, "http": 80}[parts.scheme]
    if number not in rules.ports:
        raise AddressRefused("port not allowed")
    host = _host(parts.netloc, rules)
    path = quote(parts.path or "/", safe=_KEPT)
    query = f"?{quote(parts.query, safe=_KEPT + '?')}" if parts.query else ""
    return Place(parts.scheme, host, number, path + query)


def _host(netloc: str, rules: Rules) -> str:
    bracketed = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](:[0-9]*)?", netloc)
    if bracketed:
        return _literal(bracketed[1], rules)
    host, _, port = netloc.partition(":")
    if not host or ":" in port or (port and not (port.isascii() and port.isdigit())):
        raise AddressRefused("not a host name")
    try:
        name = idna.encode(host, uts46=True).decode("ascii") if not host.isascii() else host.lower()
    except idna.IDNAError as error:
        raise AddressRefused("not a host name") from error
    labels = name.split(".")
    if _NUMBER.fullmatch(
        labels[-1]
    ):  # what a resolver would read as an address in some odd spelling
        return _literal(name, rules)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("not a host name")
    return name


def _literal(text: str, rules: Rules) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise AddressRefused("not an IP address") from error
    if not rules.allow(address):
        raise AddressRefused("address not public")
    return str(address)
