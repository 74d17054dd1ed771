"""What the metrics are read from when they are scraped: plain numbers that their owners count up.

The data path's own objects have these attributes; nothing here is called by it. Reading never resets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Protocol


class HistogramStats(Protocol):
    """`counts`: one for each bound, not cumulated, and one for what is beyond; `sum`: seconds."""

    @property
    def counts(self) -> Sequence[int]: ...

    @property
    def sum(self) -> float: ...


class ServerStats(Protocol):
    """One server as this node lives with it; `proxy.server.LiveServer` is one."""

    @property
    def statuses(self) -> Sequence[int]:
        """Exchanges settled with this server, by status class: index 1 to 5."""

    @property
    def attempts(self) -> int: ...

    @property
    def failures(self) -> int:
        """Attempts that failed and count against the server."""

    @property
    def load(self) -> int:
        """Attempts in flight."""

    @property
    def latency_s(self) -> float:
        """Estimated, in seconds; 0 where it is not measured."""

    @property
    def connections(self) -> int:
        """Upstream connections open, the idle ones among them."""

    @property
    def idle(self) -> Sized:
        """Those kept ready."""


class BudgetStats(Protocol):
    """`proxy.retry_budget.RetryBudget` is one."""

    @property
    def denied(self) -> int:
        """Retries that were not allowed."""


class LimitStats(Protocol):
    """`proxy.limits.Limits` is one. Counts are of exchanges."""

    @property
    def waiting(self) -> Sized:
        """Those in the queue."""

    @property
    def queued(self) -> int:
        """Had to wait."""

    @property
    def overflowed(self) -> int:
        """Found the queue full."""

    @property
    def timed_out(self) -> int:
        """Waited in vain."""


class PoolStats(Protocol):
    """One pool as this node lives with it; `proxy.pool.LivePool` is one."""

    @property
    def servers(self) -> Mapping[str, ServerStats]: ...

    @property
    def latency(self) -> HistogramStats:
        """Whole exchanges."""

    @property
    def retries(self) -> int:
        """Attempts after the first of their exchange."""

    @property
    def budget(self) -> BudgetStats:
        """What holds the retries to a share of the requests."""

    @property
    def limits(self) -> LimitStats | None:
        """None without any."""

    @property
    def unserved(self) -> int:
        """Exchanges for which no server was there to pick."""

    @property
    def bonds_kept(self) -> int:
        """Exchanges that went where a sticky cookie said."""

    @property
    def bonds_made(self) -> int:
        """Responses that brought a sticky cookie."""

    @property
    def opened_tunnels(self) -> int:
        """Connections that were switched to another protocol."""

    @property
    def open_tunnels(self) -> int:
        """Those of them that are open."""

    @property
    def statuses(self) -> Sequence[int]:
        """Exchanges that no server answered, by status class: index 1 to 5."""

    @property
    def zone_attempts(self) -> Mapping[str, int]:
        """Attempts begun, by the zone of their server."""


class ArrivalStats(Protocol):
    """What happened on one listener before the first requests of its connections."""

    @property
    def listener(self) -> str:
        """Its address."""

    @property
    def handshakes(self) -> int:
        """TLS handshakes that were completed."""

    @property
    def failed_handshakes(self) -> int: ...

    @property
    def bad_headers(self) -> int:
        """Connections closed for want of a valid PROXY header."""

    @property
    def certificates(self) -> Mapping[str, float]:
        """File -> end of the certificate in it, seconds since 1970."""


class RouteStats(Protocol):
    """One route of the table; `proxy.route_counts.RouteCounts` is one."""

    @property
    def statuses(self) -> Sequence[int]:
        """Exchanges that took it, by status class: index 1 to 5."""

    @property
    def mirrored(self) -> int:
        """Requests repeated to its mirror."""

    @property
    def unmirrored(self) -> int:
        """Requests that were due for it and could not be repeated."""


class DataPathStats(Protocol):
    """What the data path of this node counts."""

    @property
    def latency_bounds_s(self) -> Sequence[float]:
        """Upper bounds of the histograms in seconds, rising, without infinity."""

    @property
    def pools(self) -> Mapping[str, PoolStats]: ...

    @property
    def zone(self) -> str:
        """Where this node is, empty for nowhere."""

    @property
    def routes(self) -> Mapping[str, RouteStats]:
        """By name."""

    @property
    def shadows(self) -> int:
        """Mirrored requests in flight."""

    @property
    def client_connections(self) -> int:
        """Client connections open now."""

    @property
    def accepted(self) -> int:
        """Client connections taken."""

    @property
    def rejected(self) -> int:
        """Client connections turned away at the limit."""

    @property
    def arrivals(self) -> Sequence[ArrivalStats]:
        """Of the listeners with TLS or PROXY headers."""

    @property
    def redirected(self) -> int:
        """Requests that were sent to HTTPS."""

    @property
    def tls_file_failures(self) -> int:
        """Times that TLS files could not be used."""

    @property
    def refused(self) -> Mapping[int, int]:
        """Status -> requests refused before they were an exchange; 0: closed without an answer."""

    @property
    def lost_access_lines(self) -> int:
        """Lines of the access log that could not be written."""


class TicketStats(Protocol):
    """Tickets of one pool; `model.ticket_run.TicketRun` is one."""

    @property
    def blocks(self) -> int:
        """Blocks taken from the shared counter."""

    @property
    def shared_used(self) -> int:
        """Tickets used out of blocks."""

    @property
    def local_used(self) -> int:
        """Local tickets used, because no block was at hand."""


class RateLimitStats(Protocol):
    """One rate limit; `model.limited_keys.LimitedKeys` is one. Its size: keys that the node remembers."""

    def __len__(self) -> int: ...

    @property
    def allowed(self) -> int: ...

    @property
    def denied(self) -> int: ...

    @property
    def cut_off(self) -> int:
        """Requests, among both, that were decided without Redis."""

    @property
    def leases(self) -> int:
        """Calls for a key."""

    @property
    def tokens(self) -> int:
        """Tokens taken ahead."""


class PassiveStats(Protocol):
    """Outlier detection, as far as this node's reports decided it; `health.passive.Passive` is one."""

    @property
    def ejected(self) -> Mapping[tuple[str, str], int]:
        """(Pool, rule) -> ejections."""

    @property
    def returned(self) -> Mapping[tuple[str, str], int]:
        """(Pool, what ended them) -> ends of ejections."""

    @property
    def spared(self) -> Mapping[str, int]:
        """Pool -> servers that a rule spoke against and a bound kept in."""


class StoreCounts(Protocol):
    @property
    def commands(self) -> int: ...

    @property
    def errors(self) -> int: ...

    @property
    def reconnects(self) -> int: ...


class StoreStats(Protocol):
    """The connection to Redis; `store.client.Store` is one."""

    @property
    def up(self) -> bool: ...

    @property
    def counters(self) -> StoreCounts: ...


@dataclass(frozen=True, slots=True)
class MetricsSources:
    """All of them. `tickets` and `rate_limits` are asked at each scrape: pool name -> its tickets, limit's
    name -> what it counted. `flips`: pool -> verdicts that this node's votes flipped."""

    data_path: DataPathStats
    tickets: Callable[[], Mapping[str, TicketStats]]
    store: StoreStats
    rate_limits: Callable[[], Mapping[str, RateLimitStats]]
    passive: PassiveStats
    flips: Mapping[str, int]
