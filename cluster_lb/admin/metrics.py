"""GET /metrics: everything that is counted, in Prometheus' text form. docs/metrics.md lists the names."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cluster_lb import __version__
from cluster_lb.admin.sources import (
    DataPathStats,
    PassiveStats,
    PoolStats,
    RateLimitStats,
    StoreStats,
    TicketStats,
)
from cluster_lb.admin.state import STATE, AdminState, ClusterView
from cluster_lb.model.availability import Health
from cluster_lb.model.snapshot import Snapshot

#: label values, value
Sample = tuple[tuple[str, ...], float]


async def get_metrics(request: web.Request) -> web.Response:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(NodeCollector(request.app[STATE]))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})


class NodeCollector(Collector):
    """Reads what the node counts, when it is scraped."""

    def __init__(self, state: AdminState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        sources, view = self._state.metrics, self._state.view
        yield _gauge("build_info", "Always 1; the labels tell what runs.", ["version", "python"], [_build()])
        yield from _exchanges(sources.data_path.pools)
        yield _latency(sources.data_path)
        yield from _attempts(sources.data_path.pools)
        yield _zones(sources.data_path)
        yield from _queues(sources.data_path.pools)
        yield _bonds(sources.data_path.pools)
        yield from _tunnels(sources.data_path.pools)
        yield from _routes(sources.data_path)
        yield from _connections(sources.data_path)
        yield from _arrivals(sources.data_path)
        yield from _tickets(sources.tickets())
        yield from _rate_limits(sources.rate_limits())
        yield from _passive(sources.passive)
        yield _counter(
            "verdict_flips",
            "Verdicts that a vote of this node flipped.",
            ["pool"],
            [((pool,), count) for pool, count in sources.flips.items()],
        )
        yield from _store(sources.store)
        yield from _cluster(view)
        yield from _snapshots({name: reading.snapshot for name, reading in view.readings.items()})


def _build() -> Sample:
    return (__version__, platform.python_version()), 1


def _exchanges(pools: Mapping[str, PoolStats]) -> Iterator[Metric]:
    yield _counter(
        "requests",
        "Exchanges settled with a server, by the class of their status.",
        ["pool", "server", "status_class"],
        (
            ((name, server_id, f"{status_class}xx"), server.statuses[status_class])
            for name, pool in pools.items()
            for server_id, server in pool.servers.items()
            for status_class in range(1, 6)
        ),
    )
    yield _counter(
        "unserved_requests",
        "Exchanges that no server answered, by the class of their status.",
        ["pool", "status_class"],
        (
            ((name, f"{status_class}xx"), pool.statuses[status_class])
            for name, pool in pools.items()
            for status_class in range(1, 6)
        ),
    )


def _latency(stats: DataPathStats) -> Metric:
    family = HistogramMetricFamily(
        "cluster_lb_request_duration_seconds",
        "From the first byte of a request to the last one of its response.",
        labels=["pool"],
    )
    bounds = [*(str(float(bound)) for bound in stats.latency_bounds_s), "+Inf"]
    for name, pool in stats.pools.items():
        buckets = list(zip(bounds, accumulate(pool.latency.counts), strict=True))
        family.add_metric([name], buckets, pool.latency.sum)
    return family


def _attempts(pools: Mapping[str, PoolStats]) -> Iterator[Metric]:
    servers = [
        ((name, server_id), server)
        for name, pool in pools.items()
        for server_id, server in pool.servers.items()
    ]
    labels = ["pool", "server"]
    yield _counter("attempts", "Attempts begun.", labels, ((key, s.attempts) for key, s in servers))
    yield _counter(
        "failed_attempts",
        "Attempts that failed and count against the server.",
        labels,
        ((key, s.failures) for key, s in servers),
    )
    yield _gauge("in_flight", "Attempts in flight.", labels, ((key, s.load) for key, s in servers))
    yield _gauge(
        "server_latency_seconds",
        "Estimated latency, where the policy goes by it.",
        labels,
        ((key, s.latency_s) for key, s in servers if s.latency_s),
    )
    yield _counter(
        "retries",
        "Attempts after the first of their exchange.",
        ["pool"],
        (((name,), pool.retries) for name, pool in pools.items()),
    )
    yield _counter(
        "denied_retries",
        "Retries that the budget did not allow.",
        ["pool"],
        (((name,), pool.budget.denied) for name, pool in pools.items()),
    )
    yield _counter(
        "failed_picks",
        "Exchanges for which no server was there to pick.",
        ["pool"],
        (((name,), pool.unserved) for name, pool in pools.items()),
    )


def _zones(stats: DataPathStats) -> Metric:
    """Of pools that have servers in zones, or had them."""
    pools = {name: pool.zone_attempts for name, pool in stats.pools.items()}
    return _counter(
        "zone_attempts",
        "Attempts begun, by the zone of their server; own: whether it is this node's.",
        ["pool", "zone", "own"],
        (
            ((name, zone, "yes" if zone and zone == stats.zone else "no"), count)
            for name, attempts in pools.items()
            if any(attempts)
            for zone, count in attempts.items()
        ),
    )


def _bonds(pools: Mapping[str, PoolStats]) -> Metric:
    counts = [
        ((name, outcome), count)
        for name, pool in pools.items()
        for outcome, count in (("kept", pool.bonds_kept), ("made", pool.bonds_made))
    ]
    return _counter("sticky", "Sticky cookies followed (kept) and given (made).", ["pool", "outcome"], counts)


def _queues(pools: Mapping[str, PoolStats]) -> Iterator[Metric]:
    limited = [((name,), pool.limits) for name, pool in pools.items() if pool.limits is not None]
    waiting = [(key, len(limits.waiting)) for key, limits in limited]
    yield _gauge("queue_length", "Exchanges that wait for room.", ["pool"], waiting)
    queued = [(key, limits.queued) for key, limits in limited]
    yield _counter("queued", "Exchanges that had to wait for room.", ["pool"], queued)
    overflowed = [(key, limits.overflowed) for key, limits in limited]
    yield _counter("queue_overflows", "Exchanges that found the queue full.", ["pool"], overflowed)
    timed_out = [(key, limits.timed_out) for key, limits in limited]
    yield _counter("queue_timeouts", "Exchanges that waited for room in vain.", ["pool"], timed_out)


def _tunnels(pools: Mapping[str, PoolStats]) -> Iterator[Metric]:
    still_open = [((name,), pool.open_tunnels) for name, pool in pools.items()]
    yield _gauge("tunnels", "Tunnels (WebSocket and other upgrades) open.", ["pool"], still_open)
    opened = [((name,), pool.opened_tunnels) for name, pool in pools.items()]
    yield _counter("opened_tunnels", "Tunnels opened.", ["pool"], opened)


def _connections(stats: DataPathStats) -> Iterator[Metric]:
    servers = [server for pool in stats.pools.values() for server in pool.servers.values()]
    idle = sum(len(server.idle) for server in servers)
    busy = sum(server.connections for server in servers) - idle
    yield _gauge("client_connections", "Client connections open.", [], [((), stats.client_connections)])
    yield _gauge(
        "upstream_connections",
        "Upstream connections open: kept ready (idle) or in use (busy).",
        ["state"],
        [(("idle",), idle), (("busy",), busy)],
    )
    yield _counter("accepted_connections", "Client connections taken.", [], [((), stats.accepted)])
    yield _counter(
        "rejected_connections", "Client connections turned away at the limit.", [], [((), stats.rejected)]
    )
    yield _counter(
        "refused_requests",
        "Requests refused before they were an exchange; status 0: closed without an answer.",
        ["status"],
        (((str(status),), count) for status, count in stats.refused.items()),
    )
    yield _counter(
        "lost_access_lines",
        "Lines of the access log that could not be written.",
        [],
        [((), stats.lost_access_lines)],
    )


def _arrivals(stats: DataPathStats) -> Iterator[Metric]:
    """What comes before the first request of a connection: PROXY header, TLS, the way to HTTPS."""
    yield _counter(
        "tls_handshakes",
        "TLS handshakes with clients.",
        ["listener", "outcome"],
        (
            ((one.listener, outcome), count)
            for one in stats.arrivals
            for outcome, count in (("done", one.handshakes), ("failed", one.failed_handshakes))
        ),
    )
    yield _counter(
        "bad_proxy_headers",
        "Connections closed because they did not begin with a valid PROXY header.",
        ["listener"],
        (((one.listener,), one.bad_headers) for one in stats.arrivals),
    )
    yield _gauge(
        "tls_certificate_expiry_timestamp_seconds",
        "When a certificate ends, in seconds since 1970.",
        ["listener", "certificate"],
        (((one.listener, path), end) for one in stats.arrivals for path, end in one.certificates.items()),
    )
    yield _counter(
        "tls_file_failures", "TLS files that could not be used.", [], [((), stats.tls_file_failures)]
    )
    yield _counter("https_redirects", "Requests that were sent to HTTPS.", [], [((), stats.redirected)])


def _routes(stats: DataPathStats) -> Iterator[Metric]:
    yield _counter(
        "route_requests",
        "Exchanges that took a route, by the class of their status.",
        ["route", "status_class"],
        (
            ((name, f"{status_class}xx"), route.statuses[status_class])
            for name, route in stats.routes.items()
            for status_class in range(1, 6)
        ),
    )
    samples: list[Sample] = []
    for name, route in stats.routes.items():
        if route.mirrored or route.unmirrored:
            samples += [((name, "sent"), route.mirrored), ((name, "skipped"), route.unmirrored)]
    yield _counter(
        "mirrored_requests",
        "Requests due for a route's mirror: sent to it, or skipped (too large a body, too many in flight).",
        ["route", "outcome"],
        samples,
    )
    yield _gauge("mirrored_in_flight", "Mirrored requests in flight.", [], [((), stats.shadows)])


def _tickets(pools: Mapping[str, TicketStats]) -> Iterator[Metric]:
    yield _counter(
        "ticket_blocks",
        "Blocks of tickets taken from the shared counter.",
        ["pool"],
        (((name,), tickets.blocks) for name, tickets in pools.items()),
    )
    samples: list[Sample] = []
    for name, tickets in pools.items():
        samples += [((name, "shared"), tickets.shared_used), ((name, "local"), tickets.local_used)]
    yield _counter(
        "tickets",
        "Tickets used: out of blocks (shared), or because no block was at hand (local).",
        ["pool", "source"],
        samples,
    )


def _rate_limits(limits: Mapping[str, RateLimitStats]) -> Iterator[Metric]:
    samples: list[Sample] = []
    for name, limit in limits.items():
        samples += [((name, "allowed"), limit.allowed), ((name, "denied"), limit.denied)]
    yield _counter(
        "rate_limited_requests", "Requests that a rate limit decided on.", ["limit", "outcome"], samples
    )
    figures: list[tuple[str, str, Callable[[RateLimitStats], int]]] = [
        ("rate_limit_cut_off_requests", "Those that were decided without Redis.", lambda one: one.cut_off),
        ("rate_limit_leases", "Calls to Redis for a key.", lambda one: one.leases),
        ("rate_limit_tokens", "Tokens taken ahead from shared buckets.", lambda one: one.tokens),
    ]
    for name, text, read in figures:
        yield _counter(name, text, ["limit"], (((limit,), read(one)) for limit, one in limits.items()))
    yield _gauge(
        "rate_limit_keys",
        "Keys that the node remembers.",
        ["limit"],
        (((name,), len(limit)) for name, limit in limits.items()),
    )


def _store(store: StoreStats) -> Iterator[Metric]:
    counts = store.counters
    yield _gauge("store_up", "1 while Redis answers.", [], [((), store.up)])
    yield _counter("store_commands", "Commands sent to Redis.", [], [((), counts.commands)])
    yield _counter("store_errors", "Calls to Redis that failed.", [], [((), counts.errors)])
    yield _counter("store_reconnects", "Connections made after an outage.", [], [((), counts.reconnects)])


def _passive(stats: PassiveStats) -> Iterator[Metric]:
    yield _counter(
        "ejections",
        "Servers ejected on what this node told, by rule.",
        ["pool", "rule"],
        list(stats.ejected.items()),
    )
    yield _counter(
        "ejection_ends",
        "Ejections that ended with a report of this node, by what ended them.",
        ["pool", "ended_by"],
        list(stats.returned.items()),
    )
    yield _counter(
        "spared_ejections",
        "Times that a rule spoke against a server and a bound kept it in.",
        ["pool"],
        [((pool,), count) for pool, count in stats.spared.items()],
    )


def _cluster(view: ClusterView) -> Iterator[Metric]:
    age_s = view.age_s()
    samples: list[Sample] = [((), age_s)] if math.isfinite(age_s) else []
    yield _gauge("snapshot_age_seconds", "Since Redis last answered for all pools.", [], samples)
    yield _gauge("nodes", "Live nodes, this one among them.", [], [((), len(view.members))])


def _snapshots(pools: Mapping[str, Snapshot]) -> Iterator[Metric]:
    labels = ["pool"]
    yield _gauge(
        "pool_epoch", "Epoch of the snapshot in use.", labels, (((n,), s.epoch) for n, s in pools.items())
    )
    yield _gauge(
        "pool_eligible_servers",
        "Servers that take new exchanges.",
        labels,
        (((name,), len(snapshot.eligible)) for name, snapshot in pools.items()),
    )
    yield _gauge(
        "pool_backups_serve",
        "1 while so few primaries take traffic that backups do too.",
        labels,
        (((name,), snapshot.serving.has_backups) for name, snapshot in pools.items()),
    )
    yield _gauge(
        "pool_panics",
        "1 while so few servers are healthy that health is ignored.",
        labels,
        (((name,), snapshot.panics) for name, snapshot in pools.items()),
    )
    yield _gauge(
        "pool_ejected_servers",
        "Servers that are out for what they did to requests.",
        labels,
        (((name,), sum(s.ejected for s in snapshot.servers)) for name, snapshot in pools.items()),
    )
    yield _gauge(
        "pool_held_servers",
        "Servers that wait to be UP again because they flipped too often.",
        labels,
        (((name,), sum(s.held for s in snapshot.servers)) for name, snapshot in pools.items()),
    )
    yield _gauge(
        "server_up",
        "0 while the verdict on the server is DOWN, else 1.",
        ["pool", "server"],
        (
            ((name, server.id), server.health is not Health.DOWN)
            for name, snapshot in pools.items()
            for server in snapshot.servers
        ),
    )
    yield _gauge(
        "server_weight",
        "Weight in force: as configured, or less while the server warms up or is hotter than the others.",
        ["pool", "server"],
        (
            ((name, server.id), server.weight_in_force)
            for name, snapshot in pools.items()
            for server in snapshot.servers
        ),
    )


def _counter(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    family = CounterMetricFamily(f"cluster_lb_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _gauge(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(f"cluster_lb_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
