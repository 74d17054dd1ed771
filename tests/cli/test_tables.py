"""Tables fit the terminal by leaving columns out, not by cutting ids."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cluster_lb.cli.tables import nodes_table, pools_table, servers_table

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


NODE = {
    "id": "lb-1",
    "zone": "",
    "listeners": ["0.0.0.0:8080"],
    "admin": "10.0.0.5:9900",
    "version": "0.1.0",
    "lease_ms": 4100,
    "snapshot_age_ms": 500,
    "epochs": {f"p{n}": 3 for n in range(30)},
}
POOL = {
    "name": "web",
    "policy": "round_robin",
    "epoch": 7,
    "panics": False,
    "backups_serve": False,
    "servers": [SERVER],
}


def drawn(table, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


def printed(width: int, measured=None, *, wide: bool = False, **changes) -> str:
    return drawn(servers_table([SERVER | changes], measured, width, wide=wide), width)


@pytest.mark.parametrize(("width", "whole"), [(80, False), (140, True)])
def test_a_narrow_terminal_gets_no_addresses(width, whole):
    text = printed(width, {("web", "app-1"): 0.6})
    for cell in ("web", "app-1", "READY", "DOWN", "62.5 %", "60.0 %", "3 of 5", "12", "4.1 s"):
        assert cell in text
    assert ("10.0.0.1:8000" in text) is whole


def test_a_narrow_terminal_gets_below_what_keeps_servers_from_traffic():
    *_, last = printed(80, reason="L4CON [refused]").splitlines()
    assert last.rstrip() == "web/app-1: L4CON [refused]"
    assert "L4CON" in printed(80, health="UP", ejected=True)
    assert "cpu 0.90" in printed(80, health="UP", percent_reason="cpu 0.90 against 0.50")
    well = printed(80, health="UP", admin_state="MAINT", reason="L4OK")
    assert "L4OK" not in well
    assert len(well.splitlines()) == 2


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


@pytest.mark.parametrize("table", ["servers", "nodes"])
def test_a_long_text_takes_several_lines_and_cuts_no_other_column(table):
    if table == "servers":
        text = printed(120, reason=" ".join(f"because{n}" for n in range(30)))
        assert "10.0.0.1:8000" in text
        assert "because29" in text
    else:
        text = drawn(nodes_table([NODE], 80), 80)
        assert "0.0.0.0:8080  4.1 s" in text
        assert "p29:3" in text


def test_a_narrow_terminal_gets_no_admin_addresses_and_versions():
    assert "10.0.0.5:9900  0.1.0" in drawn(nodes_table([NODE], 140), 140)
    assert "9900" not in drawn(nodes_table([NODE], 80), 80)


@pytest.mark.parametrize(
    ("most", "shown", "trouble"), [(0, "12 ", ""), (13, "12 of 13", ""), (12, "12 of 12", "full")]
)
def test_a_pool_shows_what_is_in_flight_and_when_it_is_full(most, shown, trouble):
    text = drawn(
        pools_table([POOL | {"settings": {"health": {"kind": "tcp"}, "limits": {"pool_requests": most}}}]),
        140,
    )
    assert shown in text
    assert ("full: requests queue" in text) is bool(trouble)


def test_markup_in_a_name_is_text():
    assert "[red]" in printed(140, reason="[red]")


def test_the_strictest_word_of_operator_and_server_is_shown_with_both_reasons():
    assert "busy" in printed(300, state="busy")
    shown = printed(300, state="drain", state_reason="deploying")
    assert "drain" in shown
    assert "L4CON connection refused; deploying" in shown
    assert "MAINT" in printed(300, state="drain", admin_state="MAINT")
