"""Adaptive weights over an hour, half of which one server takes three times as long as the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from statistics import fmean

from cluster_lb.model.weights import Rules
from scripts.simulation.cluster import Cluster
from scripts.simulation.line_chart import Panel, line_chart
from scripts.simulation.outcome import percentile
from scripts.simulation.scenario import Kind, Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.studies.comparison import describe
from scripts.simulation.study import Options
from scripts.simulation.weights import Weights

SCENARIO = Scenario("adaptive", "Adaptive weights", servers=(Kind(),) * 5, utilisation=0.3, mean_s=0.05)
POLICY = "weighted_round_robin"
REQUESTS = 10.8  # for each one of a usual simulation: an hour for 40,000
SLOWNESS = 3.0
SLOW_FROM, SLOW_UNTIL = 1 / 6, 4 / 6  # of the time
LOOKS = 1800
DRAWN = 360  # points of a line
TITLE = "Adaptive weights while a server is slow"
COLUMNS = (
    "weights",
    "p99 ms before",
    "while one is slow",
    "after",
    "its weight is halved after",
    "its weight, second half of the slow time",
    "changes in that half",
    "changes in all",
)


@dataclass(frozen=True)
class Look:
    """`worked_s` and `percents`: of each server, the slow one first. `served`, `changes`: until now."""

    at_s: float
    worked_s: tuple[float, ...]
    percents: tuple[int, ...]
    served: int
    changes: int


@dataclass(frozen=True)
class Interval:
    """Between two looks. `busy`: share of its slots' time, of each server."""

    at_s: float
    busy: tuple[float, ...]
    percents: tuple[int, ...]


class Hour:
    """A run of SCENARIO, in which the first server is slow for half of the time."""

    def __init__(self, options: Options, *, adaptive: bool) -> None:
        requests = round(REQUESTS * options.requests)
        self.end_s = requests / SCENARIO.arrivals_per_s
        self._cluster = Cluster(SCENARIO, POLICY, options.seed)
        self._weights = Weights(self._cluster, Rules(adaptive=adaptive), Random(f"{options.seed} heartbeats"))
        self.looks: list[Look] = []
        events, slow = self._cluster.events, self._cluster.servers[0]
        usual = slow.kind
        events.after(SLOW_FROM * self.end_s, slow.become, replace(usual, slowness=SLOWNESS))
        events.after(SLOW_UNTIL * self.end_s, slow.become, usual)
        for number in range(LOOKS + 1):
            events.after(number / LOOKS * self.end_s, self._look)
        self._latencies = self._cluster.run(requests).latencies

    def _look(self) -> None:
        self.looks.append(
            Look(
                self._cluster.events.now,
                tuple(server.worked_s for server in self._cluster.servers),
                tuple(self._weights.percents.values()),
                len(self._cluster.outcome.latencies),
                self._weights.changes,
            )
        )

    def at(self, share: float) -> Look:
        """The look after this share of the time."""
        return self.looks[round(share * LOOKS)]

    def p99_ms(self, first: float, last: float) -> float:
        """Of what was served between these shares of the time."""
        return 1000 * percentile(sorted(self._latencies[self.at(first).served : self.at(last).served]), 0.99)

    def halved_s(self) -> float | None:
        """How long after it got slow the first server had at most half of its weight; None: never."""
        slow_s = SLOW_FROM * self.end_s
        halved = (look.at_s for look in self.looks if look.at_s >= slow_s and look.percents[0] <= 50)
        found = next(halved, None)
        return None if found is None else found - slow_s


def adaptive(options: Options) -> Section | None:
    """The study; None where its policy is not asked for."""
    if POLICY not in options.policies:
        return None
    hours = {name: Hour(options, adaptive=name == "adaptive") for name in ("static", "adaptive")}
    minutes = hours["static"].end_s / 60
    text = (
        f"{minutes:.0f} minutes. {describe(SCENARIO)} `{POLICY}`; each server reports its cpu and what it"
        f" has in flight every 2 s. From a sixth to two thirds of the time the first server takes"
        f" {SLOWNESS:g} times as long as the others."
    )
    chart = line_chart(TITLE, [panel for name, hour in hours.items() for panel in _panels(name, hour)])
    rows = [_row(name, hour) for name, hour in hours.items()]
    return Section(TITLE, text, Table(COLUMNS, rows), {"policies-adaptive": chart})


def _between(earlier: Look, later: Look) -> Interval:
    slots_s = (later.at_s - earlier.at_s) * SCENARIO.servers[0].slots
    worked = zip(earlier.worked_s, later.worked_s, strict=True)
    return Interval(later.at_s, tuple((b - a) / slots_s for a, b in worked), later.percents)


def _panels(name: str, hour: Hour) -> list[Panel]:
    found = [_between(*looks) for looks in pairwise(hour.looks[:: LOOKS // DRAWN])]
    minutes = [interval.at_s / 60 for interval in found]
    busy = {
        "the slow server": [100 * interval.busy[0] for interval in found],
        "the others (busy: mean; weight: least)": [100 * fmean(interval.busy[1:]) for interval in found],
    }
    percents = {
        "the slow server": [interval.percents[0] for interval in found],
        "the others (busy: mean; weight: least)": [min(interval.percents[1:]) for interval in found],
    }
    return [
        Panel(
            f"{name} weights: {title}",
            {who: list(zip(minutes, values, strict=True)) for who, values in lines.items()},
            "minutes",
            "%",
        )
        for title, lines in (("how busy", busy), ("weight in force", percents))
    ]


def _row(name: str, hour: Hour) -> list[str]:
    middle = (SLOW_FROM + SLOW_UNTIL) / 2
    held = hour.looks[round(middle * LOOKS) : round(SLOW_UNTIL * LOOKS)]
    percents = [look.percents[0] for look in held]
    halved_s = hour.halved_s()
    return [
        name,
        f"{hour.p99_ms(0, SLOW_FROM):.0f}",
        f"{hour.p99_ms(SLOW_FROM, SLOW_UNTIL):.0f}",
        f"{hour.p99_ms(SLOW_UNTIL, 1):.0f}",
        "never" if halved_s is None else f"{halved_s:.0f} s",
        f"{min(percents)}..{max(percents)} %",
        str(held[-1].changes - held[0].changes),
        str(hour.looks[-1].changes),
    ]
