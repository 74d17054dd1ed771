"""What is killed and frozen comes back within the same round; each round takes others."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cluster_lb.demo.incidents import Incidents


class Cluster:
    """Writes down what is done to it."""

    def __init__(self, nodes: int = 3, servers: int = 3) -> None:
        self.done: list[str] = []
        self.nodes = {f"n{i}": self._place(f"n{i}") for i in range(1, nodes + 1)}
        self.servers = {f"s{i}": self._place(f"s{i}") for i in range(1, servers + 1)}
        self.redis = SimpleNamespace(pid=1)

    def _place(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(child=SimpleNamespace(pid=7, kill=lambda: self.done.append(f"kill {name}")))

    def start_node(self, name: str) -> None:
        self.done.append(f"start {name}")

    start_server = start_node

    def freeze_redis(self) -> None:
        self.done.append("freeze")

    def thaw_redis(self) -> None:
        self.done.append("thaw")


async def test_a_round_kills_a_server_and_a_node_freezes_redis_and_undoes_each() -> None:
    cluster, told = Cluster(), []
    await Incidents(cluster, told.append).run(0.05)
    assert cluster.done == ["kill s2", "start s2", "kill n2", "start n2", "freeze", "thaw"]
    assert len(told) == 6
    assert told[0] == "killed server s2 (SIGKILL, pid 7)"


async def test_the_next_round_takes_the_next_server_and_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster_lb.demo.incidents.CYCLE_S", 0.05)
    cluster = Cluster()
    await Incidents(cluster, lambda _: None).run(0.1)
    assert [what for what in cluster.done if what.startswith("kill")] == [
        "kill s2",
        "kill n2",
        "kill s3",
        "kill n3",
    ]


async def test_a_cluster_of_one_loses_that_one() -> None:
    cluster = Cluster(nodes=1, servers=1)
    await Incidents(cluster, lambda _: None).run(0.05)
    assert cluster.done[:3] == ["kill s1", "start s1", "kill n1"]
