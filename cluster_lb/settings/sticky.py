"""Sticky sessions: the cookie that keeps a client with its server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import NonNegativeInt, SecretStr, model_validator

from cluster_lb.errors import InvalidValueError
from cluster_lb.settings.base import Table, matching
from cluster_lb.settings.secret import Secret

# A cookie-name is a token, a path ends at a semicolon (RFC 6265 section 4.1.1).
CookieName = Annotated[
    str, matching(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{0,128}", "use at most 128 letters, digits and !#$%&'*+-.^_`|~")
]
CookiePath = Annotated[str, matching(r"/[!-:<-~]*", "begin with '/' and use visible ASCII without ';'")]
CookieDomain = Annotated[
    str, matching(r"([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*)?", "write a domain name, as example.com")
]


class StickySettings(Table):
    """`[pools.NAME.sticky]`; writing the table switches it on."""

    enabled: bool = True
    cookie: CookieName = ""  # empty: SERVERID- (HAProxy's examples) and the pool's name (Traefik: of its own)
    path: CookiePath = "/"  # HAProxy, Traefik: / too
    domain: CookieDomain = ""  # empty: the host that was asked for, and no other (HAProxy, nginx, Traefik)
    same_site: Literal["strict", "lax", "none"] = "lax"  # what browsers take it for where nothing is said
    secure: bool = False  # over HTTPS alone (HAProxy, nginx, Traefik: off)
    http_only: bool = True  # no business of scripts (HAProxy, nginx, Traefik: off)
    lifetime_s: NonNegativeInt = 0  # Max-Age; 0: as long as the browser runs (HAProxy, nginx, Traefik)
    secret: Secret = SecretStr("")  # empty: one that the cluster makes

    @model_validator(mode="after")
    def _browsers_take_it(self) -> StickySettings:
        if not self.secure and (self.same_site == "none" or self.cookie.startswith(("__Secure-", "__Host-"))):
            what = 'same_site = "none"' if self.same_site == "none" else f"a cookie named {self.cookie!r}"
            raise InvalidValueError(f"browsers refuse {what} without secure = true")
        if self.cookie.startswith("__Host-") and (self.domain or self.path != "/"):
            raise InvalidValueError('browsers refuse __Host- cookies with a domain, or a path other than "/"')
        return self

    def cookie_of(self, pool: str) -> str:
        """The cookie's name; pools behind one host must not take one another's."""
        return self.cookie or f"SERVERID-{pool}"
