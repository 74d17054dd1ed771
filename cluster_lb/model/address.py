"""A network address, as written in settings and in Redis: `host:port`, IPv6 in brackets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cluster_lb.errors import InvalidValueError

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 1123 section 2.1: labels of letters, digits and hyphens; underscores as container networks use them.
_HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?"
)
_FORM = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    """Host (a name or an IP address without brackets) and port 0..65535 (0 only where one binds)."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, allow_any_port: bool = False) -> Address:
        """Read `host:port` or `[v6]:port`; `allow_any_port` admits port 0, for binding."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise InvalidValueError(f"address {text!r}: write HOST:PORT, or [IPv6]:PORT")
        host = _checked_host(text, match["v6"], match["host"])
        port = int(match["port"])
        if not (0 if allow_any_port else 1) <= port <= 65535:
            raise InvalidValueError(f"address {text!r}: port {port} is outside 1..65535")
        return cls(host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; a name counts when it is `localhost`."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def is_within(self, networks: Iterable[IPNetwork]) -> bool:
        """Whether the host is an IP address inside one of `networks`. A name never is: it may change."""
        try:
            ip = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return any(ip.version == network.version and ip in network for network in networks)


def _checked_host(text: str, v6: str | None, host: str | None) -> str:
    if v6 is not None:
        try:
            return str(ipaddress.IPv6Address(v6))
        except ValueError:
            raise InvalidValueError(f"address {text!r}: {v6!r} is not an IPv6 address") from None
    assert host is not None
    if host.replace(".", "").isdigit():
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise InvalidValueError(f"address {text!r}: {host!r} is not an IPv4 address") from None
    if not _HOSTNAME.fullmatch(host):
        raise InvalidValueError(f"address {text!r}: {host!r} is neither a host name nor an IP address")
    return host
