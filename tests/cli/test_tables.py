"""Tables fit the terminal by leaving columns out, not by cutting ids."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cluster_lb.cli.tables import servers_table

SERVER = {
    "pool": "web",
    "id": "app-1",
    "address": "10.0.0.1:8000",
    "admin_state": "READY",
    "state": "up",
    "state_reason": "",
    "health": "DOWN",
    "stale": False,
    "share": 0.625,
    "zone": "",
    "priority": 0,
    "weight": 5,
    "effective_weight": 3,
    "in_flight": 12,
    "max_requests": 0,
    "lease_ms": 4100,
    "reason": "L4CON connection refused",
    "percent_reason": "",
    "ejected": False,
    "verdict": {
        "votes": {
            "n1": {"health": "DOWN", "reason": "L4CON connection refused", "at_ms": 1_700_000_000_000},
            "n2": {"health": "UP", "reason": "L4OK", "at_ms": 1_700_000_001_000},
        }
    },
}


def printed(width: int, measured=None, *, wide: bool = False, **changes) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(servers_table([SERVER | changes], measured, width, wide=wide))
    return out.getvalue()


@pytest.mark.parametrize(("width", "whole"), [(80, False), (140, True)])
def test_a_narrow_terminal_gets_no_addresses_and_reasons(width, whole):
    text = printed(width, {("web", "app-1"): 0.6})
    for cell in ("web", "app-1", "READY", "DOWN", "62.5 %", "60.0 %", "3 of 5", "12", "4.1 s"):
        assert cell in text
    assert ("10.0.0.1:8000" in text) is whole
    assert ("L4CON connection refused" in text) is whole


def test_there_is_no_measured_column_where_nothing_was_measured():
    assert "MEASURED" not in printed(140)
    assert "MEASURED" in printed(140, {})


@pytest.mark.parametrize(("title", "value"), [("ZONE", "north"), ("PRIORITY", 2)])
def test_zones_and_priorities_are_shown_where_there_are_any(title, value):
    assert title not in printed(140)
    text = printed(140, **{title.lower(): value})
    assert title in text
    assert str(value) in text
    assert title not in printed(80, **{title.lower(): value})


def test_a_weight_that_is_not_all_in_force_says_why():
    text = printed(140, reason="", percent_reason="cpu 0.90 against 0.50", effective_weight=4.25)
    assert "4.25 of 5" in text
    assert "cpu 0.90 against 0.50" in text


def test_a_limit_is_shown_beside_what_is_in_flight():
    assert "12 of 30" in printed(140, max_requests=30)
    assert "12 of" not in printed(140)


def test_a_stale_server_is_shown_as_stale():
    assert "stale" in printed(140, stale=True)
    assert "DOWN" not in printed(140, stale=True)


def test_an_ejected_server_is_shown_as_ejected():
    assert "ejected" in printed(140, ejected=True)


def test_a_wide_table_tells_who_votes_what_and_when():
    text = printed(300, wide=True)
    assert "n1 DOWN L4CON connection refused (22:13:20 UTC); n2 UP L4OK (22:13:21 UTC)" in text
    assert "n1 DOWN" not in printed(300)


def test_markup_in_a_name_is_text():
    assert "[red]" in printed(140, reason="[red]")


def test_the_strictest_word_of_operator_and_server_is_shown_with_both_reasons():
    assert "busy" in printed(300, state="busy")
    shown = printed(300, state="drain", state_reason="deploying")
    assert "drain" in shown
    assert "L4CON connection refused; deploying" in shown
    assert "MAINT" in printed(300, state="drain", admin_state="MAINT")
