"""Results with chosen figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.benchmark.modes import SMALL
from scripts.benchmark.results import Results, Sample


def sample(contender: str, cpu_us: float, *, mode: str = SMALL.name, number: int = 0, **more: Any) -> Sample:
    """A sample of round `number`: a quarter of its CPU time is user time."""
    figures = {"requests_per_s": 1e6 / cpu_us, "p99_ms": 1.0, **more}
    return Sample(contender, mode, number, user_us=cpu_us / 4, system_us=cpu_us * 3 / 4, **figures)


def results(figures: Mapping[tuple[str, str], Sequence[float]]) -> Results:
    """By contender and mode: the CPU figure of each round."""
    samples = [
        sample(contender, cpu_us, mode=mode, number=number)
        for (contender, mode), values in figures.items()
        for number, cpu_us in enumerate(values)
    ]
    names = dict.fromkeys(contender for contender, _ in figures)
    return Results(samples, versions={"backends": "nginx", **dict.fromkeys(names, "1.0")})


def measured(**figures: Sequence[float]) -> Results:
    """The same, in mode small alone: the CPU figure of each round by contender."""
    return results({(contender, SMALL.name): values for contender, values in figures.items()})
