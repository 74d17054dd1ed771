"""What is asked of every contender: the shapes of request and response that are measured."""

from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Mode:
    """One shape of traffic: `body_bytes` is what the client sends, `response_bytes` what it must get."""

    name: str
    title: str
    path: str
    response_bytes: int
    headers: dict[str, str] = field(default_factory=dict)
    body_bytes: int = 0

    @property
    def method(self) -> str:
        return "POST" if self.body_bytes else "GET"


SMALL_BODY = "ok\n"
SMALL = Mode("small", "small", "/small", len(SMALL_BODY))

MODES = (
    SMALL,
    Mode("browser", "browser head", "/small", len(SMALL_BODY), headers=BROWSER_HEADERS),
    Mode("10k", "10 KiB", "/10k", 10 * KIB),
    Mode("1m", "1 MiB", "/1m", KIB * KIB),
    Mode("post", "POST 10 KiB", "/post", len(SMALL_BODY), body_bytes=10 * KIB),
    Mode("connect", "new connection", "/small", len(SMALL_BODY), headers={"Connection": "close"}),
)
