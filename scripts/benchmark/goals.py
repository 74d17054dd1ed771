"""What cluster-lb is to reach, beside what was measured: the first table of the report."""

from dataclasses import dataclass
from enum import Enum

from scripts.benchmark.modes import MODES
from scripts.benchmark.results import Results

NO_GOAL = "–"  # noqa: RUF001


class Figure(Enum):
    """What a goal is about; the value is how such a figure is written."""

    CPU = "{:.2f} x"  # against that of the baseline
    P99 = " {:.2f} x"  # against that of `Goal.against`
    ADDED = "{:+.1f} us"  # over the mode that this one extends


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
        mode = next(mode for mode in MODES if mode.name == self.mode)
        if self.figure is Figure.P99:
            return f"{mode.title}: 99th percentile of latency against {self.against}'s"
        return f"{mode.title}: added to each request" if self.figure is Figure.ADDED else mode.title

    def measured(self, results: Results, base: str, ours: str) -> float | None:
        """The figure of `ours`, or None where it was not measured."""
        if self.figure is Figure.ADDED:
            extended = next(mode.extends for mode in MODES if mode.name == self.mode)
            return results.added(ours, self.mode, extended)
        if self.figure is Figure.P99:
            return results.ratio(ours, self.against, self.mode, "p99_ms")
        return results.ratio(ours, base, self.mode)

    def row(self, value: float) -> list[str]:
        """Title, both goals, what was measured, and which of the goals that reaches."""
        numbers = [self._text(self.reach), self._text(self.beyond), self._text(value)]
        return [self.title, *numbers, self.reached(value)]

    def reached(self, value: float) -> str:
        if self.beyond is not None and value <= self.beyond:
            return "the goal beyond" if self.reach is not None else "yes"
        return "yes" if self.reach is not None and value <= self.reach else "no"

    def _text(self, value: float | None) -> str:
        return NO_GOAL if value is None else self.figure.value.format(value).strip()


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
