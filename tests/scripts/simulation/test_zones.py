"""Nodes that prefer the servers of their own zone."""

import pytest

from scripts.simulation.cluster import localities
from scripts.simulation.studies.zones import BASE, SCENARIOS, look, zones
from scripts.simulation.study import Options

OPTIONS = Options(("weighted_round_robin",), requests=6000)
NO_PREFERENCE, EVEN, UNEVEN, EMPTY, _ = SCENARIOS


def test_nodes_have_the_zones_by_turns_and_know_how_many_are_where() -> None:
    assert [locality.zone for locality in localities(BASE)] == ["a", "b", "c"] * 2
    assert localities(BASE)[0].nodes == {"a": 2, "b": 2, "c": 2}
    assert localities(NO_PREFERENCE)[0].nodes == {}


def test_without_a_preference_a_third_stays_in_each_zone() -> None:
    assert list(look(NO_PREFERENCE, OPTIONS).stays.values()) == pytest.approx([1 / 3] * 3, abs=0.05)


def test_all_stays_where_capacities_are_even() -> None:
    assert list(look(EVEN, OPTIONS).stays.values()) == [1.0] * 3


def test_a_small_zone_keeps_its_part_and_none_is_overloaded() -> None:
    found = look(UNEVEN, OPTIONS)
    assert list(found.stays.values()) == pytest.approx([1.0, 1.0, 0.5], abs=0.02)
    assert list(found.load.values()) == pytest.approx([1.0] * 3, abs=0.06)


def test_a_zone_without_servers_has_no_load() -> None:
    found = look(EMPTY, OPTIONS)
    assert (found.stays["c"], found.load["c"]) == (0.0, None)


def test_without_its_policy_there_is_nothing_to_study() -> None:
    assert zones(Options(("round_robin",))) is None
