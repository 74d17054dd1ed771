"""The tables of docs/benchmarks.md, made from results; nothing here reads or writes a file."""

from collections.abc import Callable, Iterable, Sequence

from scripts.benchmark.goals import GOALS
from scripts.benchmark.modes import SMALL, Mode
from scripts.benchmark.results import Results

BEGIN = "<!-- figures: written by scripts/bench -->"
END = "<!-- figures: end -->"
NOTHING = "–"  # noqa: RUF001

COMPARED = "CPU per request against HAProxy's, where nothing else is said."
MULTIPLE = "Microseconds, and the multiple of HAProxy's."
APART = "Microseconds in the contender's own code, and in the kernel on its behalf."
ADDED = "CPU microseconds on top of the same requests without it."

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
        return "\n\n".join(
            [
                circumstances,
                self._versions(),
                *self._goals(),
                *self._section("CPU per request", MULTIPLE, self.cpu),
                *self._against("CPU per request", "cpu_us"),
                *self._section("CPU per request: user + system", APART, self.user_and_system),
                *self._section("What a feature adds", ADDED, self.added),
                *self._section("Requests per second", "", self.rate),
                *self._section("Latency, 99th percentile", "Milliseconds.", self.p99),
                *self._against("Latency, 99th percentile", "p99_ms"),
                *self._redis(),
                *self._gaps(),
            ]
        )

    def cpu(self, contender: str, mode: Mode) -> str:
        value = self.results.median(contender, mode.name, "cpu_us")
        if value is None:
            return NOTHING
        ratio = self.results.ratio(contender, self.base, mode.name)
        errors = self.results.errors(contender, mode.name)
        text = f"{value:.1f}" if ratio is None else f"{value:.1f} ({ratio:.2f} x)"
        return f"{text}, **{errors} errors**" if errors else text

    def user_and_system(self, contender: str, mode: Mode) -> str:
        user = self.results.median(contender, mode.name, "user_us")
        system = self.results.median(contender, mode.name, "system_us")
        return NOTHING if user is None or system is None else f"{user:.1f} + {system:.1f}"

    def added(self, contender: str, mode: Mode) -> str:
        value = self.results.added(contender, mode.name, mode.extends) if mode.extends else None
        return NOTHING if value is None else f"{value:+.1f}"

    def rate(self, contender: str, mode: Mode) -> str:
        value = self.results.median(contender, mode.name, "requests_per_s")
        return NOTHING if value is None else f"{value:,.0f}"

    def p99(self, contender: str, mode: Mode) -> str:
        value = self.results.median(contender, mode.name, "p99_ms")
        return NOTHING if value is None else f"{value:.1f}"

    def _goals(self) -> list[str]:
        measured = [(goal, goal.measured(self.results, self.base, self.ours)) for goal in GOALS]
        rows = [goal.row(value) for goal, value in measured if value is not None]
        header = ["", "to reach", "goal beyond", "measured", "reached"]
        return [f"### Goals of {self.ours}", COMPARED, table(header, rows)] if rows else []

    def _against(self, heading: str, figure: str) -> list[str]:
        """How ours compares with each of the others in one figure of Sample."""

        def cell(contender: str, mode: Mode) -> str:
            if contender == self.ours:
                return NOTHING
            ratio = self.results.ratio(self.ours, contender, mode.name, figure)
            return NOTHING if ratio is None else f"{ratio:.2f} x"

        return self._section(f"{heading}: {self.ours} as a multiple of each", "", cell)

    def _section(self, heading: str, about: str, cell: Cell) -> list[str]:
        """Contenders down, modes across; without the rows and columns that would hold nothing."""
        cells = {(row, mode.name): cell(row, mode) for row in self.rows for mode in self.modes}
        filled = [key for key, text in cells.items() if text != NOTHING]
        if not filled:
            return []
        modes = [mode for mode in self.modes if mode.name in {name for _, name in filled}]
        rows = [row for row in self.rows if row in {name for name, _ in filled}]
        lines = [[row, *(cells[row, mode.name] for mode in modes)] for row in rows]
        return list(
            filter(None, [f"### {heading}", about, table(["", *(mode.title for mode in modes)], lines)])
        )

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
