"""What was measured, and the medians and ratios over it."""

from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Sample:
    """One contender in one mode in one round. `errors` counts wrong statuses and socket errors."""

    contender: str
    mode: str
    round: int
    cpu_us: float  # of the contender, per request
    requests_per_s: float
    p99_ms: float
    errors: int = 0
    # Redis commands per 1000 requests, where there is a Redis: sent by the contender, executed by Redis
    redis_per_1000: float | None = None
    redis_executed_per_1000: float | None = None


@dataclass
class Results:
    """Everything of one run; `missing` and `faults` say why a contender, or one of its modes, is left out."""

    samples: list[Sample] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, contender: str, mode: str) -> list[Sample]:
        return [sample for sample in self.samples if (sample.contender, sample.mode) == (contender, mode)]

    def median(self, contender: str, mode: str, figure: str) -> float | None:
        """The median over the rounds of one field of Sample; None where nothing was measured."""
        values = [getattr(sample, figure) for sample in self.of(contender, mode)]
        present = [value for value in values if value is not None]
        return median(present) if present else None

    def ratio(self, contender: str, base: str, mode: str) -> float | None:
        """CPU per request against `base`: the median of the rounds' ratios, so slow spells cancel out."""
        of_base = {sample.round: sample.cpu_us for sample in self.of(base, mode)}
        ratios = [
            sample.cpu_us / of_base[sample.round]
            for sample in self.of(contender, mode)
            if of_base.get(sample.round)
        ]
        return median(ratios) if ratios else None

    def errors(self, contender: str, mode: str) -> int:
        """Errors over all rounds."""
        return sum(sample.errors for sample in self.of(contender, mode))
