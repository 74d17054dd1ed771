"""/metrics shows what is counted, under the names that the document promises."""

from __future__ import annotations

import math
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from cluster_lb import __version__
from cluster_lb.model.availability import AdminState
from cluster_lb.model.member import Member
from cluster_lb.proxy.route_counts import RouteCounts
from tests.doubles.node_state import (
    CountedLatency,
    CountedLimits,
    CountedPool,
    CountedRateLimit,
    CountedServer,
    CountedTickets,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


async def scrape(client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value of every sample of ours."""
    text = await (await client.get("/metrics")).text()
    return {
        (sample.name.removeprefix("cluster_lb_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("cluster_lb_")
    }


def sample(name: str, **labels: str):
    return name, tuple(sorted(labels.items()))


async def test_the_data_path_is_read_when_scraped(client, node):
    server = CountedServer([0, 0, 5, 0, 2, 1], attempts=9, failures=1, load=3, connections=4, idle=[object()])
    server.latency_s = 0.25
    latency = CountedLatency([4, 3, 1], 2.5)
    node.data_path.pools["web"] = CountedPool({"s1": server}, latency, 1, 2, [0, 0, 0, 0, 0, 6])
    node.data_path.client_connections, node.data_path.accepted, node.data_path.rejected = 11, 40, 2
    node.data_path.refused = {400: 7}
    node.data_path.pools["web"].budget.denied = 8
    node.data_path.pools["web"].limits = CountedLimits([object()] * 3, queued=12, overflowed=13, timed_out=14)
    node.data_path.pools["web"].opened_tunnels, node.data_path.pools["web"].open_tunnels = 21, 4
    node.data_path.pools["web"].bonds_kept, node.data_path.pools["web"].bonds_made = 22, 5
    node.data_path.lost_access_lines = 9
    shown = await scrape(client)
    web = {"pool": "web"}
    s1 = {"pool": "web", "server": "s1"}
    assert shown[sample("requests_total", **s1, status_class="2xx")] == 5
    assert shown[sample("requests_total", **s1, status_class="4xx")] == 2
    classes = {dict(labels)["status_class"] for name, labels in shown if name == "requests_total"}
    assert classes == {"1xx", "2xx", "3xx", "4xx", "5xx"}
    assert shown[sample("unserved_requests_total", **web, status_class="5xx")] == 6
    assert shown[sample("attempts_total", **s1)] == 9
    assert shown[sample("failed_attempts_total", **s1)] == 1
    assert shown[sample("in_flight", **s1)] == 3
    assert shown[sample("server_latency_seconds", **s1)] == 0.25
    assert shown[sample("retries_total", **web)] == 1
    assert shown[sample("failed_picks_total", **web)] == 2
    assert shown[sample("denied_retries_total", **web)] == 8
    assert shown[sample("queue_length", **web)] == 3
    assert shown[sample("queued_total", **web)] == 12
    assert shown[sample("queue_overflows_total", **web)] == 13
    assert shown[sample("queue_timeouts_total", **web)] == 14
    assert shown[sample("opened_tunnels_total", **web)] == 21
    assert shown[sample("sticky_total", **web, outcome="kept")] == 22
    assert shown[sample("sticky_total", **web, outcome="made")] == 5
    assert shown[sample("tunnels", **web)] == 4
    assert shown[sample("client_connections")] == 11
    assert shown[sample("upstream_connections", state="idle")] == 1
    assert shown[sample("upstream_connections", state="busy")] == 3
    assert shown[sample("accepted_connections_total")] == 40
    assert shown[sample("rejected_connections_total")] == 2
    assert shown[sample("refused_requests_total", status="400")] == 7
    assert shown[sample("lost_access_lines_total")] == 9
    server.attempts = 10
    assert (await scrape(client))[sample("attempts_total", **s1)] == 10


async def test_attempts_are_shown_by_zone_in_pools_that_have_any(client, node):
    node.data_path.zone = "a"
    node.data_path.pools["web"] = CountedPool(zone_attempts={"a": 7, "b": 2, "": 1})
    node.data_path.pools["nowhere"] = CountedPool(zone_attempts={"": 5})
    shown = await scrape(client)
    counted = {labels: value for (name, labels), value in shown.items() if name == "zone_attempts_total"}
    assert counted == {
        (("own", "yes"), ("pool", "web"), ("zone", "a")): 7,
        (("own", "no"), ("pool", "web"), ("zone", "b")): 2,
        (("own", "no"), ("pool", "web"), ("zone", "")): 1,
    }


async def test_a_node_that_is_nowhere_has_no_attempts_of_its_own_zone(client, node):
    node.data_path.pools["web"] = CountedPool(zone_attempts={"a": 7, "": 1})
    assert {dict(labels)["own"] for name, labels in await scrape(client) if "zone" in name} == {"no"}


async def test_routes_are_counted_by_name(client, node):
    route, mirrored = RouteCounts(), RouteCounts()
    route.statuses[3] = 4
    mirrored.mirrored, mirrored.unmirrored = 7, 2
    node.data_path.routes.update({"api.example/v1": route, "m": mirrored})
    node.data_path.shadows = 3
    shown = await scrape(client)
    assert shown[sample("route_requests_total", route="api.example/v1", status_class="3xx")] == 4
    assert shown[sample("mirrored_requests_total", route="m", outcome="sent")] == 7
    assert shown[sample("mirrored_requests_total", route="m", outcome="skipped")] == 2
    assert shown[sample("mirrored_in_flight")] == 3
    assert sample("mirrored_requests_total", route="api.example/v1", outcome="sent") not in shown


async def test_the_histogram_is_cumulative_with_an_infinite_bucket(client, node):
    node.data_path.pools["web"] = CountedPool(latency=CountedLatency([4, 3, 1], 2.5))
    shown = await scrape(client)
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in shown.items()
        if name == "request_duration_seconds_bucket"
    }
    assert buckets == {"0.1": 4, "1.0": 7, "+Inf": 8}
    assert shown[sample("request_duration_seconds_count", pool="web")] == 8
    assert shown[sample("request_duration_seconds_sum", pool="web")] == 2.5


async def test_tickets_store_and_build_are_shown(client, node):
    node.tickets["web"] = CountedTickets(blocks=3, shared_used=120, local_used=4)
    node.store.up = False
    node.store.counters.commands, node.store.counters.errors, node.store.counters.reconnects = 50, 5, 1
    shown = await scrape(client)
    assert shown[sample("ticket_blocks_total", pool="web")] == 3
    assert shown[sample("tickets_total", pool="web", source="shared")] == 120
    assert shown[sample("tickets_total", pool="web", source="local")] == 4
    assert shown[sample("store_up")] == 0
    assert shown[sample("store_commands_total")] == 50
    assert shown[sample("store_errors_total")] == 5
    assert shown[sample("store_reconnects_total")] == 1
    [version] = [dict(labels)["version"] for name, labels in shown if name == "build_info"]
    assert version == __version__


async def test_rate_limits_are_shown(client, node):
    node.limits["/:all:5/1s"] = CountedRateLimit(3, allowed=10, denied=4, cut_off=2, leases=6, tokens=9)
    shown = await scrape(client)
    name = {"limit": "/:all:5/1s"}
    assert shown[sample("rate_limited_requests_total", **name, outcome="allowed")] == 10
    assert shown[sample("rate_limited_requests_total", **name, outcome="denied")] == 4
    assert shown[sample("rate_limit_cut_off_requests_total", **name)] == 2
    assert shown[sample("rate_limit_leases_total", **name)] == 6
    assert shown[sample("rate_limit_tokens_total", **name)] == 9
    assert shown[sample("rate_limit_keys", **name)] == 3


async def test_outlier_detection_is_shown(client, node):
    node.passive.ejected["web", "consecutive_5xx"] = 3
    node.passive.returned["web", "probes"] = 2
    node.passive.spared["web"] = 7
    node.flips["web"] = 4
    shown = await scrape(client)
    assert shown[sample("ejections_total", pool="web", rule="consecutive_5xx")] == 3
    assert shown[sample("ejection_ends_total", pool="web", ended_by="probes")] == 2
    assert shown[sample("spared_ejections_total", pool="web")] == 7
    assert shown[sample("verdict_flips_total", pool="web")] == 4


async def test_the_cluster_is_shown_as_the_node_last_heard_of_it(client, node):
    await node.add("s1")
    await node.add("s2", port=8001)
    await node.registry.set_admin_state("web", "s2", AdminState.MAINT)
    node.view.readings["web"] = await node.registry.read_pool("web")
    node.view.members = (Member("n1", "0.1.0"), Member("n2", "0.1.0"))
    node.view.age = 1.5
    shown = await scrape(client)
    assert shown[sample("snapshot_age_seconds")] == 1.5
    assert shown[sample("nodes")] == 2
    assert shown[sample("pool_epoch", pool="web")] == node.view.readings["web"].epoch
    assert shown[sample("pool_eligible_servers", pool="web")] == 1
    assert shown[sample("pool_panics", pool="web")] == 0
    assert shown[sample("pool_backups_serve", pool="web")] == 0
    assert shown[sample("pool_ejected_servers", pool="web")] == 0
    assert shown[sample("pool_held_servers", pool="web")] == 0
    assert shown[sample("server_up", pool="web", server="s1")] == 1
    assert shown[sample("server_weight", pool="web", server="s1")] == 1


async def test_backups_that_serve_are_shown(client, node):
    await node.add("s1", weight=0)
    await node.add("s2", port=8001, priority=1)
    assert (await scrape(client))[sample("pool_backups_serve", pool="web")] == 1


async def test_an_age_that_is_not_known_is_left_out(client, node):
    node.view.age = math.inf
    assert sample("snapshot_age_seconds") not in await scrape(client)


async def test_the_process_is_shown_and_openmetrics_is_spoken_when_asked_for(client):
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    text = await answer.text()
    assert text.endswith("# EOF\n")
    assert "process_cpu_seconds_total" in text


async def test_the_document_lists_exactly_what_is_shown(client):
    text = await (await client.get("/metrics")).text()
    shown = {(name, kind) for name, kind in re.findall(r"^# TYPE (cluster_lb_\w+) (\w+)$", text, re.M)}
    documented = set(re.findall(r"^\| `(cluster_lb_\w+)` \| (\w+) \|", DOCUMENT.read_text(), re.M))
    assert documented == shown
