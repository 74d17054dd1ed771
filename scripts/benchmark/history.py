"""docs/benchmarks-history.jsonl: one line a run, and what got worse since the last that can be compared."""

import datetime
import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.benchmark.modes import Mode
from scripts.benchmark.results import Results

WORSE = 1.10  # times the earlier ratio; less is the noise of five rounds on a shared machine


@dataclass(frozen=True)
class Entry:
    """One run. `ratios`: by mode, CPU per request as a multiple of `baseline`'s, which names its version."""

    date: str
    version: str
    commit: str
    machine: str
    baseline: str
    rounds: int
    seconds: int
    ratios: dict[str, float]

    def comparable(self, later: "Entry") -> bool:
        """Measured on the same machine, against the same, and for at least as long."""
        same = (self.machine, self.baseline) == (later.machine, later.baseline)
        return same and self.rounds * self.seconds >= later.rounds * later.seconds


@dataclass(frozen=True)
class Comparison:
    """`worse`: the modes that got worse by more than WORSE, or that could not be measured any more."""

    text: str
    worse: tuple[str, ...] = ()


def entry(
    results: Results, modes: Sequence[Mode], plan: tuple[int, int], machine: str, names: tuple[str, str]
) -> Entry:
    """The line of a run now. `plan`: rounds and seconds; `names`: ours and the baseline.

    Where the baseline does not take part in a mode, its figure in the extended mode stands for it.
    """
    ours, base = names
    ratios = {}
    for mode in modes:
        ratio = results.ratio(ours, base, mode.name)
        if ratio is None and mode.extends:
            ratio = results.ratio(ours, base, mode.name, base_mode=mode.extends)
        if ratio is not None:
            ratios[mode.name] = round(ratio, 3)
    return Entry(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        version=results.versions.get(ours, "none"),
        commit=commit(),
        machine=machine,
        baseline=f"{base} {results.versions.get(base, 'none')}",
        rounds=plan[0],
        seconds=plan[1],
        ratios=ratios,
    )


def compare(now: Entry, past: Sequence[Entry], modes: Sequence[Mode]) -> Comparison:
    """`now` against the last entry of `past` that is comparable, in the modes that both were to measure."""
    if not now.ratios:
        return Comparison("No ratio was measured, so there is nothing to compare with earlier runs.")
    last = next((earlier for earlier in reversed(past) if earlier.comparable(now)), None)
    if last is None:
        return Comparison("No earlier run to compare with: none of this machine, baseline and length.")
    since = f"since {last.date} ({last.version}, {last.commit})"
    worse = {
        mode.name: told
        for mode in modes
        if mode.name in last.ratios and (told := _worse(now.ratios.get(mode.name), last.ratios[mode.name]))
    }
    if not worse:
        return Comparison(f"No mode got more than {WORSE - 1:.0%} worse {since}.")
    lines = [f"- {name}: {told}" for name, told in worse.items()]
    return Comparison("\n".join([f"Worse {since}, as multiples of {now.baseline}:", *lines]), tuple(worse))


def _worse(now: float | None, before: float) -> str:
    """What to say of a mode that got worse; nothing for one that did not."""
    if now is None:
        return f"was {before:.2f} x, could not be measured now"
    return f"{now:.2f} x, was {before:.2f} x" if now > before * WORSE else ""


def commit() -> str:
    """The commit that is checked out, with `-dirty` where files differ from it."""
    argv = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(argv, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # not a clone, or no git
        return "unknown"
    return done.stdout.strip()


def read(path: Path) -> list[Entry]:
    """The entries so far, oldest first. Raises ValueError that names the line that is none."""
    if not path.exists():
        return []
    entries = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            entries.append(Entry(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path.name}, line {number}: not an entry: {error}") from error
    return entries


def append(path: Path, new: Entry) -> None:
    with path.open("a") as file:
        file.write(json.dumps(asdict(new)) + "\n")
