"""Adaptive weights in a closed loop: requests go by the percents in force, each server's cpu follows from
them and from what else its machine does, reports tell of it late and with noise, the model adjusts the
percents.

Requests are a flow here, not one by one: an hour takes a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from cluster_lb.model.adaptive import Measured
from cluster_lb.model.weights import Rules, Weighed, adjust

STEP_S = 0.25
REPORT_S = 2.0  # the SDK's heartbeat
DELAY_S = 0.1  # of a report on its way
NOISE = 0.04  # deviation of a reported cpu
ADJUST_S = 1.0  # the pulse of a node
EARLY_MS = 1_000_000.0  # Redis time at the start of a run


def _nothing(at_s: float) -> float:
    return 0.0


def _usual(at_s: float) -> float:
    return 1.0


@dataclass(frozen=True)
class Machine:
    """A server. `capacity`: requests a second that take all of its cpu; `neighbour`: share (0..1) of its cpu
    that something else takes at a time, s; `slowness`: how many times as long a request takes then."""

    capacity: float
    weight: int = 1
    neighbour: Callable[[float], float] = _nothing
    slowness: Callable[[float], float] = _usual

    def cpu(self, rate: float, at_s: float) -> float:
        """Its cpu, 0..1, under `rate` requests a second."""
        return min(1.0, self.neighbour(at_s) + rate * self.slowness(at_s) / self.capacity)


@dataclass(frozen=True)
class Sample:
    """The pool at one moment: true cpu (0..1) and percent of each server; `epochs` so far."""

    at_s: float
    cpu: tuple[float, ...]
    percents: tuple[int, ...]
    epochs: int


class _Reporter:
    """A server's figures: the mean of its cpu since the last report, with noise."""

    def __init__(self, noise: float, random: Random) -> None:
        self._noise = noise
        self._random = random
        self._due_s = random.uniform(0, REPORT_S)
        self._seen: list[float] = []

    def look(self, cpu: float, at_s: float) -> float | None:
        """The cpu to report at this moment; None: not now."""
        self._seen.append(cpu)
        if at_s < self._due_s:
            return None
        self._due_s += REPORT_S * self._random.uniform(0.95, 1.05)
        mean = sum(self._seen) / len(self._seen)
        self._seen.clear()
        return min(1.0, max(0.0, self._random.gauss(mean, self._noise)))


def run(
    machines: Sequence[Machine],
    load: Callable[[float], float],
    duration_s: float,
    *,
    random: Random,
    noise: float = NOISE,
    delay_s: float = DELAY_S,
    adaptive: bool = True,
) -> Iterator[Sample]:
    """A sample each second. `load`: requests a second at a time, s; `noise`: deviation of reports;
    `delay_s`: how long one is on its way."""
    servers = [Weighed(f"s{number}", Measured(machine.weight)) for number, machine in enumerate(machines)]
    reporters = [_Reporter(noise, random) for _ in machines]
    under_way: list[tuple[float, int, float]] = []  # reports: when they arrive, of which server, cpu
    epochs, adjusted_s = 0, 0.0
    for step in range(int(duration_s / STEP_S)):
        at_s = step * STEP_S
        cpus = _cpus(machines, servers, load(at_s), at_s)
        for number, reporter in enumerate(reporters):
            if (reported := reporter.look(cpus[number], at_s)) is not None:
                under_way.append((at_s + delay_s, number, reported))
        while under_way and under_way[0][0] <= at_s:
            heard_s, number, reported = under_way.pop(0)
            servers[number] = _heard(servers[number], heard_s, reported)
        if at_s - adjusted_s < ADJUST_S:
            continue
        found = adjust(servers, Rules(adaptive=adaptive), _redis_ms(at_s), _redis_ms(adjusted_s)).servers
        epochs += [server.percent for server in found] != [server.percent for server in servers]
        servers, adjusted_s = list(found), at_s
        yield Sample(at_s, cpus, tuple(server.percent for server in servers), epochs)


def _cpus(
    machines: Sequence[Machine], servers: Sequence[Weighed], load: float, at_s: float
) -> tuple[float, ...]:
    """What each server's cpu is under its share of `load`."""
    shares = [server.measured.weight * server.percent for server in servers]
    rates = [load * share / sum(shares) for share in shares]
    return tuple(machine.cpu(rate, at_s) for machine, rate in zip(machines, rates, strict=True))


def _heard(server: Weighed, heard_s: float, cpu: float) -> Weighed:
    measured = replace(server.measured, heard_ms=_redis_ms(heard_s), figures={"cpu": cpu})
    return replace(server, measured=measured)


def _redis_ms(at_s: float) -> float:
    return EARLY_MS + at_s * 1000
