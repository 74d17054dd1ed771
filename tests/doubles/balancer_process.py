"""A balancer in a process of its own, so that its memory can be measured: one listener before some servers.

    python -m tests.doubles.balancer_process uvloop|asyncio '{"head_timeout_s": 1}' 127.0.0.1:8000 ...

It tells its port on standard output and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import structlog
import uvloop

from cluster_lb.clock import SystemClock
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import compile_policy
from cluster_lb.proxy.ledger import Ledger
from cluster_lb.proxy.listener import Listener, bind
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import ListenerSettings, PoolSettings
from cluster_lb.tasks import TaskSet

ROOT = Path(__file__).parents[2]


class Tickets:
    """0, 1, 2, ..."""

    def __init__(self) -> None:
        self._numbers = count()

    def take(self) -> int:
        return next(self._numbers)

    def adopt(self, epoch: int, period: int) -> None:
        """Epochs change nothing here."""


class BalancerProcess:
    """What a test sees of it: `address`, and how much memory it has."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._pid = process.pid
        self.address = Address("127.0.0.1", int(process.stdout.readline()))

    def memory(self) -> int:
        """Bytes that are resident."""
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * resource.getpagesize()


@contextmanager
def balancer_process(loop: str, settings: dict[str, object], *servers: Address) -> Iterator[BalancerProcess]:
    """One that runs meanwhile, with these settings of its listener."""
    command = [sys.executable, "-m", __name__, loop, json.dumps(settings), *map(str, servers)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield BalancerProcess(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
    assert process.returncode == 0


async def _serve(settings: dict[str, object], addresses: list[Address]) -> None:
    ticker, tasks = Ticker(SystemClock()), TaskSet()
    listener = ListenerSettings.model_validate({"bind": "127.0.0.1:0", **settings})
    pool = LivePool("web", Tickets(), ticker, PoolSettings())
    servers = tuple(Server(f"s{number}", address) for number, address in enumerate(addresses))
    snapshot = Snapshot("web", 1, "round_robin", 0.5, servers)
    pool.adopt(snapshot, compile_policy(snapshot))
    router, ledger = Router(pool), Ledger(500, None)
    at_work = Listener(listener, bind(listener.bind), router, ledger, ticker, tasks, print, 20_000)
    await at_work.start()
    ticker.start()
    print(at_work.address.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    at_work.drain()
    at_work.abort()
    ticker.stop()
    await tasks.stop()


def main() -> None:
    """Serve until standard input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    loop, settings, *servers = sys.argv[1:]
    new_loop = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    addresses = [Address.parse(server) for server in servers]
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(json.loads(settings), addresses))


if __name__ == "__main__":
    main()
