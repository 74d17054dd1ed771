"""Whole runs: queueing theory, conservation, repeatability, and the promises of the policies."""

from dataclasses import replace
from statistics import fmean

import pytest

from cluster_lb.picking import POLICIES
from scripts.simulation.cluster import Cluster, Job
from scripts.simulation.perfect import PERFECT
from scripts.simulation.scenario import SCENARIOS, Kind, Scenario
from scripts.simulation.service import constant, exponential

MEAN_S = 0.002
EVEN, FAILING, WEIGHTS = (SCENARIOS[name] for name in ("even", "failing", "weights"))


def mean_latency(scenario: Scenario, requests: int = 20_000) -> float:
    return fmean(Cluster(scenario, "round_robin", 1).run(requests).latencies)


def queue(slots: int, utilisation: float) -> Scenario:
    """One node, one server."""
    return Scenario("queue", "", (Kind(slots=slots),), nodes=1, utilisation=utilisation, mean_s=MEAN_S)


def test_mean_latency_is_that_of_an_m_m_1_queue() -> None:
    assert mean_latency(queue(1, 0.5)) == pytest.approx(MEAN_S / (1 - 0.5), rel=0.06)


def test_mean_latency_is_that_of_an_m_d_1_queue() -> None:
    wait_s = MEAN_S * 0.5 / (2 * (1 - 0.5))
    assert mean_latency(replace(queue(1, 0.5), service=constant)) == pytest.approx(MEAN_S + wait_s, rel=0.06)


def test_mean_latency_is_that_of_an_m_m_2_queue() -> None:
    wait_s = MEAN_S * 0.5**2 / (1 - 0.5**2)
    assert mean_latency(replace(queue(2, 0.5), service=exponential)) == pytest.approx(
        MEAN_S + wait_s, rel=0.06
    )


def test_a_slow_server_counts_for_less_in_what_keeps_the_slots_busy() -> None:
    assert replace(queue(4, 0.5), servers=(Kind(slowness=2.0), Kind())).arrivals_per_s == 0.5 * 6 / MEAN_S


@pytest.mark.parametrize("policy", [*POLICIES, PERFECT])
def test_every_request_ends_once_and_nothing_stays_in_flight(policy: str) -> None:
    cluster = Cluster(FAILING, policy, 1)
    outcome = cluster.run(2000)
    assert outcome.served + outcome.failed == cluster.traffic.sent == cluster.picks.total()
    assert outcome.retried > 0
    assert sum(server.offered for server in cluster.servers) == cluster.traffic.sent + outcome.retried
    assert {load for node in cluster.nodes for load in node.loads().values()} == set()


@pytest.mark.parametrize("policy", [*POLICIES, PERFECT])
def test_the_same_seed_gives_the_same_figures(policy: str) -> None:
    job = Job(WEIGHTS, policy, 7, 500)
    assert job.run() == job.run() != replace(job, seed=8).run()


def test_two_policies_meet_the_same_requests() -> None:
    sent = []
    for policy in ("round_robin", PERFECT):
        cluster = Cluster(FAILING, policy, 1)
        arrived = []
        for node in cluster.nodes:
            node.serve = lambda request, seen=arrived: seen.append(
                (request.arrived, request.work_s, request.key)
            )
        cluster.run(200)
        sent.append(arrived)
    assert sent[0] == sent[1] != []


@pytest.mark.parametrize("split", [0.0, 1.0])
def test_tickets_keep_shares_within_two_for_each_node(split: float) -> None:
    figures = Job(replace(WEIGHTS, split=split), "weighted_round_robin", 1, 5000).run()
    assert figures.share_error < 2 * WEIGHTS.nodes


def test_a_perfect_balancer_beats_taking_turns() -> None:
    perfect, turns = (Job(EVEN, policy, 1, 10_000).run() for policy in (PERFECT, "round_robin"))
    assert perfect.worst < 0.7 * turns.worst
    assert perfect.p99_ms < turns.p99_ms


def test_a_change_of_weights_reaches_every_node() -> None:
    cluster = Cluster(EVEN, "weighted_round_robin", 1)
    end_s = 4000 / EVEN.arrivals_per_s
    before: list[int] = []
    only = {"server-00": 3, "server-01": 1}
    cluster.events.after(end_s / 2, cluster.change, only)
    cluster.events.after(end_s / 2 + 0.1, lambda: before.append(cluster.picks["server-02"]))
    cluster.run(4000)
    assert cluster.picks["server-02"] == before[0]
    assert cluster.picks["server-00"] > 2 * cluster.picks["server-01"]
