"""Draws docs/adaptive-weights.svg: an hour of four servers, one of which shares its machine for a while."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from random import Random

from scripts.adaptive.loop import Machine, Sample, run
from scripts.adaptive.plot import Line, Panel, svg

CHART = Path(__file__).resolve().parents[2] / "docs" / "adaptive-weights.svg"
HOUR_S = 3600
EVERY_S = 10  # between two points of a line
HOT, OTHERS, STATIC = "#c8501e", "#2f6f8f", "#9aa5b1"


def neighbour(at_s: float) -> float:
    """Half of the cpu, for 20 minutes."""
    return 0.5 if 1200 <= at_s < 2400 else 0.0


def load(at_s: float) -> float:
    """Requests a second: 40 % of what all can do, up and down by a third."""
    return 1600 * (1 + math.sin(at_s / 400) / 3)


def hour(*, adaptive: bool, seed: int = 1) -> list[Sample]:
    machines = [Machine(1000, neighbour=neighbour), *[Machine(1000)] * 3]
    return list(run(machines, load, HOUR_S, random=Random(seed), adaptive=adaptive))


def chart(adaptive: Sequence[Sample], static: Sequence[Sample]) -> str:
    """`static`: the same hour with constant weights, to compare with."""
    return svg(
        [
            Panel(
                "cpu",
                1.0,
                [
                    Line("hot, weights static", STATIC, _cpu(static, 0), "4 3"),
                    Line("hot, adaptive", HOT, _cpu(adaptive, 0)),
                    Line("another, adaptive", OTHERS, _cpu(adaptive, 1)),
                ],
            ),
            Panel(
                "percent of the weight in force",
                100,
                [
                    Line("hot", HOT, _percent(adaptive, 0)),
                    Line("another", OTHERS, _percent(adaptive, 1)),
                ],
            ),
        ],
        HOUR_S / 60,
        "minutes",
    )


def _cpu(samples: Sequence[Sample], server: int) -> list[tuple[float, float]]:
    return [(sample.at_s / 60, sample.cpu[server]) for sample in samples[::EVERY_S]]


def _percent(samples: Sequence[Sample], server: int) -> list[tuple[float, float]]:
    return [(sample.at_s / 60, sample.percents[server]) for sample in samples[::EVERY_S]]


if __name__ == "__main__":
    CHART.write_text(chart(hour(adaptive=True), hour(adaptive=False)))
