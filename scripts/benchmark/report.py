"""The tables of docs/benchmarks.md, made from results; nothing here reads or writes a file."""

from collections.abc import Callable, Iterable, Sequence

from scripts.benchmark.modes import SMALL, Mode
from scripts.benchmark.results import Results

BEGIN = "<!-- figures: written by scripts/bench -->"
END = "<!-- figures: end -->"
NOTHING = "–"  # noqa: RUF001

Cell = Callable[[str, Mode], str]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table, its first column left-aligned and the rest right-aligned."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class Report:
    """The report over `results`: ratios refer to `base`; `ours` is compared with each."""

    def __init__(self, results: Results, modes: Sequence[Mode], base: str, ours: str) -> None:
        self.results, self.modes, self.base, self.ours = results, modes, base, ours
        measured = {sample.contender for sample in results.samples}
        self.rows = [name for name in results.versions if name in measured]

    def markdown(self, circumstances: str) -> str:
        """Everything between the markers; `circumstances` says on what and how long it was measured."""
        parts = [circumstances, self._versions()]
        parts += [
            "### CPU per request",
            "Microseconds, and the multiple of HAProxy's.",
            self._table(self.cpu),
        ]
        against = [row for row in self.rows if row != self.ours]
        if self.ours in self.rows and against:
            parts += [f"### CPU per request: {self.ours} as a multiple of each"]
            parts += [self._table(self.against, against)]
        parts += ["### Requests per second", self._table(self.rate)]
        parts += ["### Latency, 99th percentile", "Milliseconds.", self._table(self.p99)]
        return "\n\n".join([*parts, *self._redis(), *self._gaps()])

    def cpu(self, contender: str, mode: Mode) -> str:
        value = self.results.median(contender, mode.name, "cpu_us")
        if value is None:
            return NOTHING
        ratio = self.results.ratio(contender, self.base, mode.name)
        errors = self.results.errors(contender, mode.name)
        text = f"{value:.1f}" if ratio is None else f"{value:.1f} ({ratio:.2f} x)"
        return f"{text}, **{errors} errors**" if errors else text

    def against(self, contender: str, mode: Mode) -> str:
        ratio = self.results.ratio(self.ours, contender, mode.name)
        return NOTHING if ratio is None else f"{ratio:.2f} x"

    def rate(self, contender: str, mode: Mode) -> str:
        value = self.results.median(contender, mode.name, "requests_per_s")
        return NOTHING if value is None else f"{value:,.0f}"

    def p99(self, contender: str, mode: Mode) -> str:
        value = self.results.median(contender, mode.name, "p99_ms")
        return NOTHING if value is None else f"{value:.1f}"

    def _table(self, cell: Cell, rows: Sequence[str] | None = None) -> str:
        header = ["", *(mode.title for mode in self.modes)]
        named = self.rows if rows is None else rows
        return table(header, ([row, *(cell(row, mode) for mode in self.modes)] for row in named))

    def _versions(self) -> str:
        versions = [
            f"{name} {version}" for name, version in self.results.versions.items() if name in self.rows
        ]
        return f"Versions: {', '.join(versions)}. Servers behind them: {self.results.versions['backends']}."

    def _redis(self) -> list[str]:
        counts = []
        for row in self.rows:
            sent = self.results.median(row, SMALL.name, "redis_per_1000")
            executed = self.results.median(row, SMALL.name, "redis_executed_per_1000")
            if sent is not None and executed is not None:
                counts.append(f"{row} {sent:.2f} (executed, with those inside scripts: {executed:.2f})")
        return (
            [f"Redis commands per 1000 requests, mode {SMALL.title}: {', '.join(counts)}."] if counts else []
        )

    def _gaps(self) -> list[str]:
        lines = [f"- {name}: {reason}" for name, reason in self.results.missing.items()]
        lines += [f"- {name}, {mode}: {reason}" for (name, mode), reason in self.results.faults.items()]
        return ["Not measured:", "\n".join(lines)] if lines else []


def check_markers(document: str) -> None:
    """Raises ValueError unless the document has both markers, once each and in order."""
    if document.count(BEGIN) != 1 or document.count(END) != 1 or document.index(BEGIN) > document.index(END):
        raise ValueError(f"the document needs the lines {BEGIN!r} and {END!r} once each, in this order")


def replace_figures(document: str, figures: str) -> str:
    """The document with `figures` between its markers. Raises ValueError when they are not there."""
    check_markers(document)
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{rest.partition(END)[2]}"
