"""What cluster-lb is to reach, beside what was measured: the first table of the report."""

from dataclasses import dataclass
from enum import Enum

from scripts.benchmark.modes import named
from scripts.benchmark.results import Results

NO_GOAL = "–"  # noqa: RUF001


class Figure(Enum):
    """What a goal is about."""

    CPU = "as a multiple of the baseline's"
    P99 = "as a multiple of that of `Goal.against`"
    ADDED = "microseconds over the mode that this one extends"


@dataclass(frozen=True)
class Goal:
    """Less is better. `reach` and `beyond`: None where there is no such goal."""

    mode: str
    reach: float | None
    beyond: float | None
    figure: Figure = Figure.CPU
    against: str = ""

    @property
    def title(self) -> str:
        mode = named(self.mode)
        if self.figure is Figure.P99:
            return f"{mode.title}: 99th percentile of latency against {self.against}'s"
        return f"{mode.title}: added to each request" if self.figure is Figure.ADDED else mode.title

    def measured(self, results: Results, base: str, ours: str) -> float | None:
        """The figure of `ours`, or None where it was not measured."""
        if self.figure is Figure.ADDED:
            return results.added(ours, self.mode, named(self.mode).extends)
        if self.figure is Figure.P99:
            return results.ratio(ours, self.against, self.mode, "p99_ms")
        return results.ratio(ours, base, self.mode)

    def row(self, value: float) -> list[str]:
        """Title, both goals, what was measured, and which of the goals that reaches."""
        figures = map(self._text, (self.reach, self.beyond, value))
        return [self.title, *figures, self.reached(value)]

    def reached(self, value: float) -> str:
        if self.beyond is not None and value <= self.beyond:
            return "the goal beyond"
        return "yes" if self.reach is not None and value <= self.reach else "no"

    def _text(self, value: float | None) -> str:
        if value is None:
            return NO_GOAL
        return f"{value:+.1f} us" if self.figure is Figure.ADDED else f"{value:.2f} x"


GOALS = (
    Goal("small", 1.25, 1.0),
    Goal("browser", 1.3, 1.1),
    Goal("distinct", 1.6, 1.3),
    Goal("post", 1.1, 0.9),
    Goal("10k", 1.0, 0.9),
    Goal("1m", 0.9, 0.75),
    Goal("connect", 1.5, 1.2),
    Goal("tls", 1.25, 1.05),
    Goal("tls-full", 1.5, 1.2),
    Goal("tls-resumed", 1.5, 1.2),
    Goal("log", 2.0, 1.0, Figure.ADDED),
    Goal("routes", 2.0, None, Figure.ADDED),
    Goal("small", 1.0, None, Figure.P99, "Envoy"),
    Goal("small", None, 1.0, Figure.P99, "nginx"),
)
