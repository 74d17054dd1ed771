"""The two demos: incidents under steady traffic, and a fixed amount of requests counted exactly."""

from __future__ import annotations

import asyncio
from random import Random

from cluster_lb.demo.incidents import Incidents
from cluster_lb.demo.screen import Screen
from cluster_lb.demo.stage import Stage
from cluster_lb.demo.traffic import Tally, Traffic
from cluster_lb.demo.volumes import VOLUMES, play_with_bar, show, within_bound
from cluster_lb.tasks import TaskSet

_RATE = 200.0  # requests a second: seen in every column, and no burden to a laptop
_CLIENTS = 12
_LOOK_S = 0.5


async def play_incidents(stage: Stage, tally: Tally, duration_s: float | None) -> None:
    """Traffic, and rounds of incidents, for `duration_s` seconds or until it is cancelled."""
    await stage.watch.ready(healthy=False)
    _tell_addresses(stage)
    nodes = list(stage.cluster.nodes)
    traffic = Traffic(stage.client, nodes, tally, rate=_RATE, clients=_CLIENTS, random=Random())
    screen = Screen(stage.console, stage.cluster, tally)
    tasks = TaskSet()
    try:
        with screen:
            tasks.start(traffic.run(), "traffic")
            tasks.start(_look(stage, screen), "look")
            await Incidents(stage.cluster, screen.tell).run(duration_s)
    finally:
        await tasks.stop()
        screen.finish()


async def play_volumes(stage: Stage, tally: Tally) -> bool:
    """Clients of uneven volume; whether each server got its exact share, within the bound."""
    nodes = list(stage.cluster.nodes)
    sight = await stage.watch.ready(healthy=True)
    stage.console.print(f"{len(VOLUMES)} clients send {sum(VOLUMES):,} requests through {len(nodes)} nodes")
    results = await play_with_bar(stage.console, stage.client, nodes, VOLUMES, tally)
    show(stage.console, results, sight.shares, len(nodes))
    return within_bound(tally.by_server, sight.shares, len(nodes))


async def _look(stage: Stage, screen: Screen) -> None:
    while True:
        screen.show(await stage.watch.look())
        await asyncio.sleep(_LOOK_S)


def _tell_addresses(stage: Stage) -> None:
    cluster = stage.cluster
    first = next(iter(cluster.nodes.values()))
    redis = f"--redis {cluster.redis_url}"
    stage.console.print(
        f"\n  curl -i {first.url}/"
        f"\n  redis-cli -p {cluster.redis_port} hgetall 'lb:{{web}}:server:{next(iter(cluster.servers))}'"
        f"\n  cluster-lb get servers {redis}"
        f"\n  cluster-lb top {redis}"
        f"\n  dashboard: {first.admin_url}/\n",
        highlight=False,
        soft_wrap=True,
    )
