"""The table of picks has a row for every policy."""

from __future__ import annotations

from types import SimpleNamespace

from cluster_lb.picking import POLICIES
from scripts.benchmark import picks
from scripts.benchmark.picks import LEAST_RUNS, least_s, main, pick_s


def test_every_policy_has_its_row(capsys, monkeypatch):
    monkeypatch.setattr(picks, "LEAST_RUNS", 1)
    main(sizes=(3, 20), take_s=0)
    header, line, *rows = capsys.readouterr().out.splitlines()
    assert header == ("| policy | pick of 3, µs | pick of 20, µs | plan of 20, ms | picker of it, ms |")
    assert line.count("---") == 5
    assert {row.split("`")[1] for row in rows} == set(POLICIES)
    for row in rows:
        assert all(float(cell) >= 0 for cell in row.strip("| ").split(" | ")[1:])


def test_a_figure_is_the_least_of_several_runs():
    clock = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])
    runs = []
    assert least_s(lambda: runs.append(1), lambda: next(clock), 0) == 2.0
    assert len(runs) == LEAST_RUNS


def test_of_new_keys_each_run_has_its_own():
    asked, drawn = [], iter(range(100))
    picker = SimpleNamespace(first=asked.append)
    pick_s(picker, lambda: [next(drawn)], again=False, take_s=0)
    assert len(set(asked)) == len(asked) >= LEAST_RUNS
    asked.clear()
    pick_s(picker, lambda: [next(drawn)], again=True, take_s=0)
    assert len(set(asked)) == 1
