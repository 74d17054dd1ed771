"""Slow start of a simulated pool."""

from cluster_lb.model.slow_start import Ramp
from scripts.simulation.cluster import Cluster
from scripts.simulation.scenario import Kind, Scenario
from scripts.simulation.weights import Weights

SCENARIO = Scenario("weights", "", servers=(Kind(),) * 4, utilisation=0.3, mean_s=0.05)
POLICY = "weighted_round_robin"


def test_equal_servers_keep_all_of_their_weights() -> None:
    cluster = Cluster(SCENARIO, POLICY, 1)
    weights = Weights(cluster, Ramp())
    epoch = cluster.sequence.epoch
    cluster.run(2000)
    assert set(weights.percents.values()) == {100}
    assert cluster.sequence.epoch == epoch


def test_a_server_that_joins_begins_with_a_part_of_its_weight_and_gets_all_of_it() -> None:
    ids = [f"server-{number:02}" for number in range(4)]
    cluster = Cluster(SCENARIO, POLICY, 1, dict.fromkeys(ids[:3], 1))
    weights = Weights(cluster, Ramp(10_000))
    seen = []
    cluster.events.after(20.0, weights.join, ids[3])
    for at_s in (20.5, 26.0, 31.5):
        cluster.events.after(at_s, lambda: seen.append(weights.percents[ids[3]]))
    cluster.run(4000)
    assert seen[0] < seen[1] < seen[2] == 100
    assert seen[0] == 10
