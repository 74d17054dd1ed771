"""How nodes hear of each other's loads."""

from dataclasses import replace

from scripts.simulation.cluster import Cluster
from scripts.simulation.node import Request
from scripts.simulation.scenario import SCENARIOS, Scenario

SCENARIO = replace(SCENARIOS["even"], nodes=3, delay_s=0.01)


def heard(scenario: Scenario, after_s: float) -> list[list[int]]:
    """What each node has heard of each server some time after the first node sent one long request."""
    cluster = Cluster(scenario, "round_robin", 1)
    cluster.nodes[0].serve(Request(0.0, 10.0, 0))
    cluster.events.run(after_s)
    return [sorted(seen.elsewhere for seen in node.seen.values()) for node in cluster.nodes]


def test_the_others_hear_of_a_load_within_two_reports() -> None:
    quiet, one = [0] * 10, [0] * 9 + [1]
    assert heard(SCENARIO, 2 * SCENARIO.report_s + 0.02) == [quiet, one, one]


def test_a_report_takes_its_time() -> None:
    slow = replace(SCENARIO, delay_s=5.0)
    assert heard(slow, 9.9) == [[0] * 10] * 3
    assert heard(slow, 10.8) != [[0] * 10] * 3


def test_nothing_is_heard_when_all_reports_are_lost() -> None:
    assert heard(replace(SCENARIO, loss=1.0), 5.0) == [[0] * 10] * 3


def test_nodes_that_know_only_themselves_hear_nothing() -> None:
    assert heard(replace(SCENARIO, shares=False), 5.0) == [[0] * 10] * 3
