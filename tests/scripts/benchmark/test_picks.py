"""The table of picks has a row for every policy."""

from __future__ import annotations

from cluster_lb.picking import POLICIES
from scripts.benchmark import picks


def test_every_policy_has_its_row(capsys, monkeypatch):
    monkeypatch.setattr(picks, "PLANS", 1)
    picks.main(sizes=(3, 20), runs=2)
    header, line, *rows = capsys.readouterr().out.splitlines()
    assert header == ("| policy | pick of 3, µs | pick of 20, µs | plan of 20, ms | picker of it, ms |")
    assert line.count("---") == 5
    assert [row.split("`")[1] for row in rows] == sorted(POLICIES)
    for row in rows:
        assert all(float(cell) >= 0 for cell in row.strip("| ").split(" | ")[1:])
