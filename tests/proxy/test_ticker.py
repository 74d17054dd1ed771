"""One tick for every timeout."""

from __future__ import annotations

from cluster_lb.proxy.ticker import Ticker
from tests.doubles.waiting import eventually


class StandingClock:
    now = 5.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 0.0


def test_a_tick_tells_all_watchers_the_time():
    clock, seen = StandingClock(), []
    ticker = Ticker(clock)
    ticker.watch(lambda now: seen.append(("a", now)))
    ticker.watch(lambda now: seen.append(("b", now)))
    assert (ticker.now, seen) == (5.0, [])
    clock.now = 7.5
    ticker.tick()
    assert (ticker.now, seen) == (7.5, [("a", 7.5), ("b", 7.5)])


async def test_it_ticks_by_itself_until_it_is_stopped():
    seen: list[float] = []
    ticker = Ticker(StandingClock())
    ticker.watch(seen.append)
    ticker.start()
    await eventually(lambda: len(seen) >= 2)
    ticker.stop()
    ticker.stop()
    assert ticker._handle is None
