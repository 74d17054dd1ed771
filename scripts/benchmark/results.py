"""What was measured, and the medians and ratios over it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class LoadResult:
    """What a load generator counted in one run; `p99_ms` is None where it measures no latency."""

    requests: int
    requests_per_s: float
    p99_ms: float | None
    bad_status: int = 0
    socket_errors: int = 0
    wrong_handshakes: int = 0

    @property
    def errors(self) -> int:
        return self.bad_status + self.socket_errors + self.wrong_handshakes


@dataclass(frozen=True)
class Sample:
    """One contender in one mode in one round. `errors` counts whatever was not as asked."""

    contender: str
    mode: str
    round: int
    user_us: float  # CPU time of the contender, per request
    system_us: float
    requests_per_s: float
    p99_ms: float | None
    errors: int = 0
    # Redis commands per 1000 requests, where there is a Redis: sent by the contender, executed by Redis
    redis_per_1000: float | None = None
    redis_executed_per_1000: float | None = None

    @property
    def cpu_us(self) -> float:
        return self.user_us + self.system_us


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

    def ratio(
        self, contender: str, base: str, mode: str, figure: str = "cpu_us", base_mode: str = ""
    ) -> float | None:
        """A figure against that of `base`: the median of the rounds' ratios, so slow spells cancel out.

        `base_mode`: the base's mode, where it is another.
        """
        measured, reference = (contender, mode), (base, base_mode or mode)
        return self._paired(measured, reference, figure, lambda value, other: value / other)

    def added(self, contender: str, mode: str, plain: str) -> float | None:
        """CPU microseconds per request that `mode` costs over mode `plain`: the median over the rounds."""
        return self._paired(
            (contender, mode), (contender, plain), "cpu_us", lambda value, other: value - other
        )

    def _paired(
        self,
        measured: tuple[str, str],
        reference: tuple[str, str],
        figure: str,
        compare: Callable[[float, float], float],
    ) -> float | None:
        """The median of `compare` over the rounds that have the figure of both (contender, mode)."""
        of_reference = {sample.round: getattr(sample, figure) for sample in self.of(*reference)}
        pairs = [(getattr(sample, figure), of_reference.get(sample.round)) for sample in self.of(*measured)]
        compared = [compare(value, other) for value, other in pairs if value is not None and other]
        return median(compared) if compared else None

    def errors(self, contender: str, mode: str) -> int:
        """Errors over all rounds."""
        return sum(sample.errors for sample in self.of(contender, mode))
