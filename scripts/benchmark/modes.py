"""What is asked of every contender: the shapes of request and response that are measured."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from scripts.benchmark.setups import LOGGING, PLAIN, ROUTES, TLS, Setup

KIB = 1024

# What Firefox sends for a page it has a session on: 12 lines with the request line and Host, about 650 bytes.
BROWSER_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.8,de-DE;q=0.5,de;q=0.3",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "https://www.example.com/catalogue/garden/chairs?page=3&order=price",
    "Connection": "keep-alive",
    "Cookie": "session=6d7fb2a94f0e4d0c8a53c1b29e6f7710; theme=dark; consent=2f31; seen=chairs.tables;"
    " visitor=1c0f9be2d7a84f6b93e5; basket=3.17.204",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "same-origin",
}


class Handshake(Enum):
    """What every connection of a mode must be."""

    FULL = "full"
    RESUMED = "resumed"


@dataclass(frozen=True)
class Mode:
    """One shape of traffic: `body_bytes` is what the client sends, `response_bytes` what it must get.

    `distinct`: path and cookie change with every request. `handshake`: one request on each connection, after
    such a handshake. `extends`: the mode that asks the same of another setup; the difference is what this one
    adds.
    """

    name: str
    title: str
    path: str
    response_bytes: int
    headers: dict[str, str] = field(default_factory=dict)
    body_bytes: int = 0
    setup: Setup = PLAIN
    distinct: bool = False
    handshake: Handshake | None = None
    extends: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.body_bytes else "GET"

    @property
    def family(self) -> str:
        """Modes of one family are measured right after each other, contender by contender."""
        return self.extends or self.name


def _small(name: str, title: str, setup: Setup = PLAIN, **more: Any) -> Mode:
    return Mode(name, title, more.pop("path", "/small"), len(SMALL_BODY), setup=setup, **more)


def _distinct(name: str, title: str, setup: Setup = PLAIN, **more: Any) -> Mode:
    return _small(name, title, setup, path="/small/distinct", headers=BROWSER_HEADERS, distinct=True, **more)


SMALL_BODY = "ok\n"
SMALL = _small("small", "small")
DISTINCT = _distinct("distinct", "browser head, each different")
MODES = (
    SMALL,
    _small("log", "access log", LOGGING, extends=SMALL.name),
    _small("browser", "browser head", headers=BROWSER_HEADERS),
    DISTINCT,
    _distinct("routes", "1,000 routes", ROUTES, extends=DISTINCT.name),
    Mode("10k", "10 KiB", "/10k", 10 * KIB),
    Mode("1m", "1 MiB", "/1m", KIB * KIB),
    Mode("post", "POST 10 KiB", "/post", len(SMALL_BODY), body_bytes=10 * KIB),
    _small("connect", "new connection", headers={"Connection": "close"}),
    _small("tls", "TLS", TLS),
    _small("tls-full", "TLS, full handshake", TLS, handshake=Handshake.FULL),
    _small("tls-resumed", "TLS, resumed", TLS, handshake=Handshake.RESUMED),
)


def named(name: str) -> Mode:
    """The mode of that name, which must be one of MODES."""
    return next(mode for mode in MODES if mode.name == name)


def with_extended(modes: tuple[Mode, ...]) -> tuple[Mode, ...]:
    """The modes with those that they extend, in the order of MODES: without them there is no difference."""
    names = {mode.name for mode in modes} | {mode.extends for mode in modes}
    return tuple(mode for mode in MODES if mode.name in names)
