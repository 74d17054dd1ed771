"""The truth table of the three axes, row by row."""

from __future__ import annotations

import itertools
import re

import pytest

from cluster_lb.model import availability as module
from cluster_lb.model.availability import (
    AdminState,
    Availability,
    Health,
    ServerState,
    availability,
    willingness,
)

ROWS = {
    "READY up": "ACCEPTS ACCEPTS REFUSES",
    "READY busy": "YIELDS YIELDS REFUSES",
    "READY drain": "PERSISTS PERSISTS REFUSES",
    "READY down": "REFUSES REFUSES REFUSES",
    "DRAIN up": "PERSISTS PERSISTS REFUSES",
    "DRAIN busy": "PERSISTS PERSISTS REFUSES",
    "DRAIN drain": "PERSISTS PERSISTS REFUSES",
    "DRAIN down": "REFUSES REFUSES REFUSES",
    "MAINT up": "REFUSES REFUSES REFUSES",
    "MAINT busy": "REFUSES REFUSES REFUSES",
    "MAINT drain": "REFUSES REFUSES REFUSES",
    "MAINT down": "REFUSES REFUSES REFUSES",
}
EVERYTHING = list(itertools.product(AdminState, ServerState))


def found(admin_state: AdminState, state: ServerState, weight: int = 1) -> list[Availability]:
    return [availability(admin_state, state, health, weight) for health in Health]


@pytest.mark.parametrize(("admin_state", "state"), EVERYTHING)
def test_each_row_of_the_table(admin_state: AdminState, state: ServerState) -> None:
    expected = ROWS[f"{admin_state} {state}"].split()
    assert [result.name for result in found(admin_state, state)] == expected


@pytest.mark.parametrize(("admin_state", "state"), EVERYTHING)
def test_a_weight_of_0_takes_nothing_new(admin_state: AdminState, state: ServerState) -> None:
    for with_weight, without in zip(found(admin_state, state), found(admin_state, state, 0), strict=True):
        refuses = with_weight is Availability.REFUSES
        assert without is (Availability.REFUSES if refuses else Availability.PERSISTS)


@pytest.mark.parametrize(("admin_state", "state"), EVERYTHING)
def test_where_health_is_ignored_the_word_of_operator_and_server_holds(admin_state, state) -> None:
    assert willingness(admin_state, state, 1) is availability(admin_state, state, Health.UP, 1)


def test_the_table_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"^ +(\w+) +\| (\w+) +\| (\w+) +\| (\w+) +\| (\w+)$", module.__doc__ or "", re.M)
    rows = {f"{admin} {state}": " ".join(cells) for admin, state, *cells in drawn}
    assert rows.pop("MAINT any") == ROWS["MAINT up"]
    assert rows == {name: cells for name, cells in ROWS.items() if not name.startswith("MAINT")}


def test_words_are_in_the_order_of_their_strictness() -> None:
    assert [state.strictness for state in ServerState] == [0, 1, 2, 3]
