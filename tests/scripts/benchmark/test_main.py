"""The command line: what is written, and when it ends with an error."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from scripts.benchmark import __main__ as command
from scripts.benchmark import history, report
from scripts.benchmark.load import Generators
from scripts.benchmark.modes import MODES, SMALL
from scripts.benchmark.peers import BASELINE, OURS
from scripts.benchmark.results import Results
from scripts.benchmark.run import Plan
from tests.scripts.benchmark.figures import results


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of documents in the place of docs/, beside a machine that has everything."""
    (tmp_path / "benchmarks.md").write_text(f"prose\n{report.BEGIN}\n{report.END}\n")
    monkeypatch.setattr(command, "DOCUMENT", tmp_path / "benchmarks.md")
    monkeypatch.setattr(command, "HISTORY", tmp_path / "history.jsonl")
    monkeypatch.setattr(command, "draw", lambda *_: None)
    monkeypatch.setattr(command, "two_cores", lambda: (0, 1))
    monkeypatch.setattr(command, "find_generators", lambda: Generators("wrk", "openssl"))
    return tmp_path


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`measuring(ratio)`: from now on ours costs so many times what the baseline does."""

    def measure(ratio: float) -> None:
        def run(plan: Plan, *_: object) -> Results:
            figures = {(name, mode.name): [10.0] for mode in plan.modes for name in (BASELINE, OURS)}
            figures |= {(OURS, mode.name): [10.0 * ratio] for mode in plan.modes}
            return results(figures)

        monkeypatch.setattr(command, "run", run)

    return measure


def past(docs: Path) -> list[history.Entry]:
    return history.read(docs / "history.jsonl")


def test_a_whole_run_is_written_and_becomes_history(docs: Path, measuring: Callable[[float], None]) -> None:
    measuring(1.2)
    command.main()
    assert "| small | 1.25 x | 1.00 x | 1.20 x | yes |" in (docs / "benchmarks.md").read_text()
    (entry,) = past(docs)
    assert entry.ratios == dict.fromkeys((mode.name for mode in MODES), 1.2)
    assert (entry.rounds, entry.seconds) == (5, 2)


@pytest.mark.parametrize(
    "options",
    [{"modes": "small"}, {"contenders": "haproxy,cluster-lb"}, {"quick": True}, {"no_write": True}],
    ids=str,
)
def test_a_part_of_it_is_not(
    docs: Path, measuring: Callable[[float], None], options: dict[str, bool]
) -> None:
    measuring(1.2)
    before = (docs / "benchmarks.md").read_text()
    command.main(**options)
    assert (docs / "benchmarks.md").read_text() == before
    assert past(docs) == []


def test_a_mode_that_got_worse_is_told_and_fails_only_with_check(
    docs: Path, measuring: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    measuring(1.2)
    command.main()
    measuring(1.4)
    command.main(modes=SMALL.name)
    assert "- small: 1.40 x, was 1.20 x" in capsys.readouterr().out
    with pytest.raises(typer.Exit) as ended:
        command.main(modes=SMALL.name, check=True)
    assert ended.value.exit_code == 1


def test_check_passes_where_nothing_got_worse(docs: Path, measuring: Callable[[float], None]) -> None:
    measuring(1.2)
    command.main(check=True)  # no earlier run
    command.main(check=True)


def test_a_history_that_cannot_be_read_is_told_before_anything_runs(
    docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (docs / "history.jsonl").write_text("nonsense\n")
    with pytest.raises(typer.Exit) as ended:
        command.main()
    assert ended.value.exit_code == 2
    assert "history.jsonl, line 1" in capsys.readouterr().err


def test_an_unknown_mode_is_told_with_those_that_there_are(
    docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        command.main(modes="small,tlss")
    assert ended.value.exit_code == 2
    assert "--modes: unknown tlss; there are: 10k, 1m, browser" in capsys.readouterr().err


def test_rounds_and_length_are_part_of_the_history(docs: Path, measuring: Callable[[float], None]) -> None:
    measuring(1.2)
    command.main(rounds=7, seconds=3)
    (entry,) = past(docs)
    assert (entry.rounds, entry.seconds) == (7, 3)
