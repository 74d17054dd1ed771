"""Who is started in which setup, and who is measured when."""

from contextlib import nullcontext
from pathlib import Path

from scripts.benchmark.contenders import Contender, Running
from scripts.benchmark.modes import MODES, SMALL, Mode, named
from scripts.benchmark.processes import Process
from scripts.benchmark.run import Entrant, Plan, order, rotated
from scripts.benchmark.setups import LOGGING, PLAIN, TLS, Setup

RUNNING = Running(Process("none", 0, Path("none.log")))


def contender(name: str, *setups: Setup) -> Contender:
    return Contender(name, lambda: None, lambda: "1.0", lambda site: nullcontext(RUNNING), setups)


def plan(*modes: Mode, contenders: tuple[Contender, ...] = ()) -> Plan:
    return Plan(contenders, modes, rounds=1, seconds=1)


def entrants(*started: tuple[str, Setup]) -> list[Entrant]:
    return [Entrant(name, setup, 0, RUNNING) for name, setup in started]


def steps(of: Plan, started: list[Entrant], number: int) -> list[str]:
    return [
        f"{entrant.name} {mode.name} {entrant.setup.name}" for entrant, mode in order(of, started, number)
    ]


def test_each_contender_comes_first_in_turn() -> None:
    assert [rotated("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert rotated([], 3) == []


class TestSetups:
    def test_only_those_that_a_mode_needs_are_started(self) -> None:
        both = contender("a", PLAIN, LOGGING, TLS)
        assert plan(SMALL, named("tls"), named("tls-full")).setups(both) == [PLAIN, TLS]

    def test_a_contender_stays_out_of_what_it_does_not_do(self) -> None:
        assert plan(*MODES).setups(contender("a", PLAIN)) == [PLAIN]
        assert plan(named("tls")).setups(contender("a", PLAIN)) == []


class TestOrder:
    def test_modes_follow_each_other_and_contenders_take_turns(self) -> None:
        started = entrants(("a", PLAIN), ("b", PLAIN))
        assert steps(plan(SMALL, named("1m")), started, 1) == [
            "b small plain",
            "a small plain",
            "b 1m plain",
            "a 1m plain",
        ]

    def test_a_mode_that_extends_another_follows_it_at_each_contender(self) -> None:
        started = entrants(("a", PLAIN), ("a", LOGGING), ("b", PLAIN), ("b", LOGGING))
        assert steps(plan(SMALL, named("log")), started, 0) == [
            "a small plain",
            "a log access log",
            "b small plain",
            "b log access log",
        ]

    def test_a_setup_that_did_not_start_is_passed_over(self) -> None:
        started = entrants(("a", PLAIN), ("b", PLAIN), ("b", TLS))
        assert steps(plan(SMALL, named("tls")), started, 0) == [
            "a small plain",
            "b small plain",
            "b tls TLS",
        ]
