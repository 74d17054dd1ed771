"""Keys that move."""

from scripts.simulation.studies.movement import homes, moved, movement
from scripts.simulation.study import Options


def test_moved_is_the_share_of_keys_with_another_server() -> None:
    assert moved(["a", "b", "c", "d"], ["a", "c", "c", "a"]) == 0.5


def test_the_home_of_a_key_is_its_first_server() -> None:
    assert homes("round_robin", ["a", "b", "c"], [0, 1, 5]) == ["a", "b", "c"]


def test_policies_without_keys_are_not_studied() -> None:
    assert movement(Options(("round_robin",))) is None
