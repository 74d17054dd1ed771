"""Adaptive weights over an hour: one server is hot for twenty minutes, and how soon it is relieved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean, median

from scripts.simulation.closed_loop import DELAY_S, NOISE, REPORT_S, Machine, Sample, run
from scripts.simulation.line_chart import Panel, line_chart
from scripts.simulation.section import Section, Table
from scripts.simulation.study import Options

POLICY = "weighted_round_robin"
CHART = "policies-adaptive"
HOUR_S = 3600.0
HOUR_REQUESTS = 4000  # of other simulations: where those have fewer, the hour is shorter too
HOT_FROM, HOT_UNTIL = 1 / 3, 2 / 3  # of the time
CAPACITY = 1000.0  # requests a second that take all of a server's cpu
BUSY = 0.3  # of it, where nothing is wrong
DRAWN_SERVERS = 4
EVERY = 10  # samples, of which one is drawn
SIZES = (3, 10, 50)
RUNS = 8  # of each size, for how soon
BEFORE_S, AFTER_S = 30.0, 90.0
ALIKE = 0.05  # of cpu: as busy as the others
TITLE = "Adaptive weights while a server is at 90 % cpu beside ones at 30 %"
COLUMNS = (
    "why it is hot",
    "servers",
    "first cut in force after",
    "half of its weight out after",
    "as busy as the others after",
    "changes in all",
)

When = Callable[[float], bool]


@dataclass(frozen=True)
class Trouble:
    """`on`: the machine of a server that has it while `when` says so."""

    why: str
    on: Callable[[When], Machine]
    ends_alike: bool  # the cpu follows its weight all the way


TROUBLES = (
    Trouble(
        "another program takes 60 %",
        lambda when: Machine(CAPACITY, neighbour=lambda at_s: 0.6 if when(at_s) else 0.0),
        ends_alike=False,
    ),
    Trouble(
        "requests take 3 times as long",
        lambda when: Machine(CAPACITY, slowness=lambda at_s: 3.0 if when(at_s) else 1.0),
        ends_alike=True,
    ),
)


def hour(
    trouble: Trouble, servers: int, seed: int, *, end_s: float = HOUR_S, adaptive: bool = True
) -> list[Sample]:
    """A sample each second. The first server is hot for the middle third of the time, under a load that comes
    and goes by a third."""
    hot = trouble.on(lambda at_s: HOT_FROM * end_s <= at_s < HOT_UNTIL * end_s)

    def load(at_s: float) -> float:
        return servers * BUSY * CAPACITY * (1 + math.sin((at_s - HOT_FROM * end_s) / 400) / 3)

    machines = [hot, *[Machine(CAPACITY)] * (servers - 1)]
    return list(run(machines, load, end_s, random=Random(f"{seed} hour"), adaptive=adaptive))


@dataclass(frozen=True)
class Relief:
    """Seconds since the first server is hot, under a load that stays; inf: not within 90 s."""

    cut_s: float
    halved_s: float
    alike_s: float


def relief(
    trouble: Trouble, servers: int, seed: int, *, noise: float = NOISE, delay_s: float = DELAY_S
) -> Relief:
    """How soon the first server is relieved: it becomes hot at any moment between two reports."""
    random = Random(f"{seed} relief")
    from_s = BEFORE_S + random.uniform(0, REPORT_S)
    machines = [trouble.on(lambda at_s: at_s >= from_s), *[Machine(CAPACITY)] * (servers - 1)]
    load = servers * BUSY * CAPACITY
    samples = run(
        machines, lambda at_s: load, BEFORE_S + AFTER_S, random=random, noise=noise, delay_s=delay_s
    )
    hot = [sample for sample in samples if sample.at_s >= from_s]

    def first(holds: Callable[[Sample], bool]) -> float:
        return next((sample.at_s - from_s for sample in hot if holds(sample)), math.inf)

    return Relief(
        first(lambda sample: sample.percents[0] < 95),
        first(lambda sample: sample.percents[0] <= 50),
        first(lambda sample: sample.cpu[0] - fmean(sample.cpu[1:]) <= ALIKE),
    )


def adaptive(options: Options) -> Section | None:
    """The study; None where its policy is not asked for."""
    if POLICY not in options.policies:
        return None
    part = min(1.0, options.requests / HOUR_REQUESTS)
    end_s, runs = part * HOUR_S, max(1, round(part * RUNS))
    text = (
        f"{end_s / 60:.0f} minutes, with a policy that goes by weight, whichever; each server reports its cpu"
        f" every {REPORT_S:g} s, with {NOISE:.0%} noise. One server is hot for the middle third of the time."
        f" The pictures show {DRAWN_SERVERS} servers under a load that comes and goes by a third. How soon"
        f" the hot one is relieved is the median, and the greatest, of {runs} runs under a steady load."
    )
    rows = [_row(trouble, servers, options.seed, end_s, runs) for trouble in TROUBLES for servers in SIZES]
    return Section(TITLE, text, Table(COLUMNS, rows), {CHART: chart(options.seed, end_s)})


def chart(seed: int, end_s: float = HOUR_S) -> str:
    """The picture alone."""
    panels = [panel for trouble in TROUBLES for panel in _panels(trouble, seed, end_s)]
    return line_chart(TITLE, panels, top=100)


def _panels(trouble: Trouble, seed: int, end_s: float) -> Iterator[Panel]:
    static = hour(trouble, DRAWN_SERVERS, seed, end_s=end_s, adaptive=False)[::EVERY]
    samples = hour(trouble, DRAWN_SERVERS, seed, end_s=end_s)[::EVERY]
    cpu = {
        "the hot server": [100 * sample.cpu[0] for sample in samples],
        "another one": [100 * sample.cpu[1] for sample in samples],
        "the hot server, constant weights": [100 * sample.cpu[0] for sample in static],
    }
    percents = {
        "the hot server": [float(sample.percents[0]) for sample in samples],
        "another one": [float(sample.percents[1]) for sample in samples],
    }
    minutes = [sample.at_s / 60 for sample in samples]
    for what, lines in (("cpu", cpu), ("weight in force", percents)):
        drawn = {name: list(zip(minutes, values, strict=True)) for name, values in lines.items()}
        yield Panel(f"{trouble.why}: {what}", drawn, "minutes", "%")


def _row(trouble: Trouble, servers: int, seed: int, end_s: float, runs: int) -> list[str]:
    found = [relief(trouble, servers, seed + number) for number in range(runs)]
    return [
        trouble.why,
        str(servers),
        _seconds([one.cut_s for one in found]),
        _seconds([one.halved_s for one in found]),
        _seconds([one.alike_s for one in found]) if trouble.ends_alike else "-",
        str(hour(trouble, servers, seed, end_s=end_s)[-1].epochs),
    ]


def _seconds(values: Sequence[float]) -> str:
    return f"{median(values):.0f} s ({max(values):.0f} s)"
