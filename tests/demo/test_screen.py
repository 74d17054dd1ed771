"""Lines where there is no terminal, tables that stay at the end."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from cluster_lb.demo.client import Answer
from cluster_lb.demo.screen import Screen
from cluster_lb.demo.traffic import Tally
from cluster_lb.demo.watch import Sight

SIGHT = Sight(
    epoch=4,
    age_s=0.5,
    servers={"s1": {"share": 1.0, "health": "UP", "in_flight": 2}},
    nodes={"n1": {"epochs": {"web": 4}, "snapshot_age_ms": 700}},
)


def _place(name: str, *, runs: bool = True) -> SimpleNamespace:
    return SimpleNamespace(id=name, port=9001, child=SimpleNamespace(pid=7, runs=runs))


def _screen(paper: io.StringIO, *, terminal: bool = False) -> Screen:
    cluster = SimpleNamespace(
        servers={"s1": _place("s1"), "s2": _place("s2", runs=False)}, nodes={"n1": _place("n1")}
    )
    tally = Tally()
    tally.add(Answer("n1", "s1", 200, 1, 0.1))
    return Screen(Console(file=paper, width=120, force_terminal=terminal), cluster, tally)


def test_without_a_terminal_it_tells_at_once_and_sums_up_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cluster_lb.demo.screen.LINE_EVERY_S", 0.0)
    paper = io.StringIO()
    with _screen(paper) as screen:
        screen.tell("killed server s2")
        screen.show(SIGHT)
    told, summed = paper.getvalue().splitlines()
    assert told.endswith("s  killed server s2")
    assert "1 requests, 0 failed, 1 answered by another node" in summed
    assert summed.endswith("s1 0.0% of 100.0%")


def test_the_last_tables_show_servers_and_nodes_also_those_that_are_gone() -> None:
    paper = io.StringIO()
    with _screen(paper) as screen:
        screen.show(SIGHT)
        screen.show(None)  # no node answers: the last sight stays
    screen.finish()
    rows = {line.split()[0]: line.split() for line in paper.getvalue().splitlines() if line}
    assert rows["s1"][1:] == ["127.0.0.1:9001", "pid", "7", "UP", "1", "0.0%", "100.0%", "2"]
    assert rows["s2"][2:6] == ["killed", "not", "registered", "0"]
    assert rows["n1"][4:] == ["yes", "1", "4", "1.2", "s"]


def test_a_terminal_sees_the_tables_and_what_happened_redrawn() -> None:
    paper = io.StringIO()
    with _screen(paper, terminal=True) as screen:
        screen.tell("killed server s2")
        screen.show(SIGHT)
    assert "SERVER" in paper.getvalue()
    assert "killed server s2" in paper.getvalue()
