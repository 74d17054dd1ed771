"""The history file, and what a run says against it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from scripts.benchmark import history
from scripts.benchmark.history import Entry
from scripts.benchmark.modes import SMALL, named
from tests.scripts.benchmark.figures import measured, results

PAST = Entry(
    date="2026-01-02",
    version="1.0",
    commit="abc1234",
    machine="this one",
    baseline="base 1.0",
    rounds=5,
    seconds=2,
    ratios={"small": 1.2, "1m": 0.8},
)
MODES = [SMALL, named("1m")]


def run(**changes: Any) -> Entry:
    return dataclasses.replace(PAST, **changes)


class TestEntry:
    def test_it_holds_the_ratio_of_each_mode(self) -> None:
        figures = {("ours", "small"): [12.0], ("base", "small"): [10.0], ("ours", "1m"): [400.0]}
        entry = history.entry(results(figures), MODES, (5, 2), "this one", ("ours", "base"))
        assert entry.ratios == {"small": 1.2}
        assert (entry.version, entry.baseline, entry.machine) == ("1.0", "base 1.0", "this one")
        assert (entry.rounds, entry.seconds) == (5, 2)

    def test_what_the_baseline_does_not_do_is_compared_with_what_the_mode_extends(self) -> None:
        figures = {("ours", "distinct"): [12.0], ("base", "distinct"): [10.0], ("ours", "routes"): [13.0]}
        modes = [named("distinct"), named("routes")]
        entry = history.entry(results(figures), modes, (5, 2), "this one", ("ours", "base"))
        assert entry.ratios == {"distinct": 1.2, "routes": 1.3}


class TestComparable:
    def test_another_machine_or_baseline_is_not(self) -> None:
        assert PAST.comparable(run(version="2.0", commit="fff", date="2026-02-03"))
        assert not PAST.comparable(run(machine="another"))
        assert not PAST.comparable(run(baseline="base 2.0"))

    @pytest.mark.parametrize(
        ("rounds", "seconds", "comparable"), [(5, 2, True), (10, 1, True), (3, 1, False), (9, 2, True)]
    )
    def test_a_shorter_one_is_not(self, rounds: int, seconds: int, comparable: bool) -> None:
        assert run(rounds=rounds, seconds=seconds).comparable(PAST) is comparable


class TestCompare:
    def test_more_than_a_tenth_is_worse(self) -> None:
        found = history.compare(run(ratios={"small": 1.33, "1m": 0.87}), [PAST], MODES)
        assert found.worse == ("small",)
        assert found.text == (
            "Worse since 2026-01-02 (1.0, abc1234), as multiples of base 1.0:\n- small: 1.33 x, was 1.20 x"
        )

    def test_up_to_a_tenth_is_noise(self) -> None:
        found = history.compare(run(ratios={"small": 1.31, "1m": 0.1}), [PAST], MODES)
        assert found == history.Comparison("No mode got more than 10% worse since 2026-01-02 (1.0, abc1234).")

    def test_a_mode_that_fails_now_is_worse(self) -> None:
        found = history.compare(run(ratios={"1m": 0.8}), [PAST], MODES)
        assert found.worse == ("small",)
        assert "- small: was 1.20 x, could not be measured now" in found.text

    def test_a_mode_that_was_not_asked_for_is_not(self) -> None:
        assert history.compare(run(ratios={"1m": 0.8}), [PAST], [named("1m")]).worse == ()

    def test_a_new_mode_has_nothing_to_be_worse_than(self) -> None:
        found = history.compare(run(ratios={"tls": 9.0, "small": 1.2}), [PAST], [SMALL, named("tls")])
        assert found.worse == ()

    def test_the_last_comparable_run_counts(self) -> None:
        past = [
            PAST,
            run(date="2026-01-03", ratios={"small": 2.0}),
            run(machine="another", ratios={"small": 1}),
        ]
        found = history.compare(run(ratios={"small": 2.1}), past, [SMALL])
        assert found.worse == ()
        assert "2026-01-03" in found.text

    def test_nothing_to_compare_with_is_told(self) -> None:
        found = history.compare(PAST, [run(machine="another")], MODES)
        assert found.worse == ()
        assert found.text.startswith("No earlier run to compare with")

    def test_a_run_without_the_baseline_is_told(self) -> None:
        entry = history.entry(measured(ours=[12.0]), MODES, (5, 2), "this one", ("ours", "base"))
        found = history.compare(entry, [PAST], MODES)
        assert found.worse == ()
        assert found.text.startswith("No ratio was measured")


class TestFile:
    def test_what_is_appended_is_read_again_in_order(self, tmp_path: Path) -> None:
        path = tmp_path / "history.jsonl"
        assert history.read(path) == []
        later = run(date="2026-01-03")
        history.append(path, PAST)
        history.append(path, later)
        assert history.read(path) == [PAST, later]
        assert len(path.read_text().splitlines()) == 2

    @pytest.mark.parametrize("line", ["{", "[]", '{"date": "2026-01-02"}', json.dumps({"other": 1})])
    def test_a_line_that_is_no_entry_is_named(self, tmp_path: Path, line: str) -> None:
        path = tmp_path / "history.jsonl"
        history.append(path, PAST)
        path.write_text(path.read_text() + line + "\n")
        with pytest.raises(ValueError, match=r"history.jsonl, line 2: not an entry"):
            history.read(path)
