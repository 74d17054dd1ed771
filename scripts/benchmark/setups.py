"""How a contender is set up for a mode: each setup that is needed runs as a process of its own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    """`routes` counts the entries of the routing table; all of them lead to the same servers."""

    name: str
    tls: bool = False
    access_log: bool = False
    routes: int = 1


PLAIN = Setup("plain")
TLS = Setup("TLS", tls=True)
LOGGING = Setup("access log", access_log=True)
ROUTES = Setup("1,000 routes", routes=1000)
