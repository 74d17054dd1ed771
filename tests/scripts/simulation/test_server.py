"""A simulated server."""

from random import Random

from scripts.simulation.events import Events
from scripts.simulation.scenario import Kind
from scripts.simulation.server import REFUSAL_S, Server


def ends(kind: Kind, works_s: list[float]) -> list[tuple[float, int, bool]]:
    """When the n-th of these attempts, offered at once, ends, and whether it went well."""
    events, seen = Events(), []
    server = Server("a", kind, events, Random(1))
    for number, work_s in enumerate(works_s):
        server.offer(work_s, lambda went_well, number=number: seen.append((events.now, number, went_well)))
    assert server.in_flight == server.offered == len(works_s)
    events.run()
    assert server.in_flight == 0
    return seen


def test_what_finds_no_slot_waits_its_turn() -> None:
    assert ends(Kind(slots=2), [1.0, 3.0, 1.0, 1.0]) == [
        (1.0, 0, True),
        (2.0, 2, True),
        (3.0, 1, True),
        (3.0, 3, True),
    ]


def test_a_slow_server_takes_longer_for_the_same() -> None:
    assert ends(Kind(slots=1, slowness=2.0), [1.0, 1.0]) == [(2.0, 0, True), (4.0, 1, True)]


def test_a_failing_server_refuses_at_once_and_keeps_no_slot_busy() -> None:
    assert ends(Kind(slots=1, failing=1.0), [1.0, 1.0]) == [
        (REFUSAL_S, 0, False),
        (REFUSAL_S, 1, False),
    ]


def test_fullness_counts_the_queue() -> None:
    server = Server("a", Kind(slots=2), Events(), Random(1))
    for _ in range(5):
        server.offer(1.0, lambda went_well: None)
    assert server.fullness == 2.5
