"""Words that take a server out hold until a snapshot of then is adopted, and no longer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cluster_lb.early_words import WORD_S, EarlyWords
from cluster_lb.model.address import Address
from cluster_lb.model.availability import Health, ServerState
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Verdict
from cluster_lb.picking import compile_policy
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.store.bus import Hint
from tests.doubles.in_memory import Tickets

DOWN = Verdict(Health.DOWN, "L4CON", ("n1",), 1, 0)


def snapshot(epoch: int, states: Mapping[str, ServerState | Verdict] | None = None) -> Snapshot:
    """Servers a, b and c, who say `up` of themselves where `states` has nothing else."""
    servers = []
    for name in "abc":
        found = (states or {}).get(name, ServerState.UP)
        state, verdict = (ServerState.UP, found) if isinstance(found, Verdict) else (found, None)
        servers.append(Server(name, Address("127.0.0.1", 9001), state=state, verdict=verdict))
    return Snapshot("web", epoch, "round_robin", 0.5, tuple(servers))


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class Standing:
    """A pool at epoch 1 under early words."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.unreachable: set[str] = set()
        pools = LivePools(Ticker(self.clock), lambda name: Tickets())
        self.words = EarlyWords(pools, lambda pool, server: server in self.unreachable, self.clock)
        self.pool: LivePool = pools.ensure("web")
        self.held = snapshot(1)
        self.adopt(self.held)

    def hear(self, takes: str, epoch: int = 2, what: str = "state", server: str = "a") -> None:
        self.words.hear_hint(Hint("web", epoch, what, server, takes), self.held)

    def adopt(self, found: Snapshot) -> None:
        self.held = found
        self.pool.adopt(found, compile_policy(found))
        self.words.on_adopted(self.pool)

    @property
    def out(self) -> str:
        return "".join(server.id for server in self.pool.servers.values() if server.out)

    def takes_bound(self, server_id: str = "a") -> bool:
        return self.pool.servers[server_id].takes_bound

    def picks(self) -> set[str]:
        found = [self.pool.pick(number) for number in range(12)]
        return {server.id for server in found if server is not None}


@pytest.fixture
def standing() -> Standing:
    return Standing()


@pytest.mark.parametrize(("takes", "keeps_bound"), [("persists", True), ("refuses", False)])
def test_a_hint_takes_a_server_out_at_once(standing: Standing, takes: str, keeps_bound: bool) -> None:
    standing.hear(takes)
    assert standing.picks() == {"b", "c"}
    assert standing.takes_bound() is keeps_bound


def test_the_last_one_is_taken_out_by_a_snapshot_alone(standing: Standing) -> None:
    for server in "abc":
        standing.hear("refuses", server=server)
    assert standing.picks() == {"c"}
    found = snapshot(2, dict.fromkeys("abc", ServerState.DOWN))
    standing.words.hear_snapshot(found)
    assert standing.picks() == {"c"}
    standing.adopt(found)
    assert standing.picks() == set()


def test_a_snapshot_that_leaves_nobody_is_not_obeyed_early(standing: Standing) -> None:
    standing.words.hear_snapshot(snapshot(2, dict.fromkeys("abc", ServerState.DOWN)))
    assert standing.picks() == set("abc")


def test_a_hint_that_takes_nobody_out_changes_nothing(standing: Standing) -> None:
    standing.hear("")
    standing.hear("refuses", server="gone")
    assert standing.out == ""


def test_a_hint_of_what_is_known_already_changes_nothing(standing: Standing) -> None:
    standing.adopt(snapshot(2))
    standing.hear("refuses", epoch=2)
    assert standing.out == ""


def test_the_stricter_of_two_words_holds(standing: Standing) -> None:
    standing.hear("refuses", epoch=2)
    standing.hear("persists", epoch=3)
    assert not standing.takes_bound()


def test_a_word_holds_until_a_snapshot_of_then_is_adopted(standing: Standing) -> None:
    standing.hear("refuses", epoch=3)
    standing.adopt(snapshot(2))
    assert standing.out == "a"
    standing.adopt(snapshot(4))  # in which it is up again
    assert standing.out == ""
    assert standing.picks() == {"a", "b", "c"}


def test_a_word_that_no_snapshot_confirms_ends(standing: Standing) -> None:
    standing.hear("refuses")
    standing.words.on_tick(standing.clock.now + WORD_S - 0.1)
    assert standing.out == "a"
    standing.words.on_tick(standing.clock.now + WORD_S)
    assert standing.out == ""


def test_a_server_that_cannot_be_reached_stays_out_whatever_ends(standing: Standing) -> None:
    standing.hear("persists")
    standing.unreachable.add("a")
    standing.words.settle("web", "a")
    assert not standing.takes_bound()
    standing.words.on_tick(standing.clock.now + WORD_S)
    assert standing.out == "a"


@pytest.mark.parametrize("what", ["verdict", "eject"])
def test_in_a_panic_what_says_the_health_is_ignored(standing: Standing, what: str) -> None:
    standing.adopt(snapshot(2, {"a": DOWN, "b": DOWN}))
    standing.hear("refuses", epoch=3, what=what, server="c")
    assert standing.out == ""
    standing.hear("refuses", epoch=4, what="state", server="c")
    assert standing.out == "c"


def test_a_snapshot_takes_out_before_it_is_compiled(standing: Standing) -> None:
    words = {"a": ServerState.DRAIN, "b": DOWN}
    standing.words.hear_snapshot(snapshot(2, {**words, "c": ServerState.BUSY}))
    assert standing.picks() == {"c"}
    assert standing.takes_bound("a")
    assert not standing.takes_bound("b")
    standing.adopt(snapshot(2, words))
    assert standing.out == ""  # the snapshot itself leaves them out
    assert standing.picks() == {"c"}


def test_a_snapshot_in_which_a_server_is_back_lets_it_in_before_it_is_compiled(standing: Standing) -> None:
    standing.hear("refuses", epoch=2)
    standing.hear("refuses", epoch=4, server="b")
    standing.words.hear_snapshot(snapshot(3))
    assert standing.out == "b"  # of which the snapshot does not know yet


def test_a_snapshot_takes_out_who_left(standing: Standing) -> None:
    found = snapshot(2)
    standing.words.hear_snapshot(Snapshot("web", 2, "round_robin", 0.5, found.servers[1:]))
    assert standing.out == "a"
    assert not standing.takes_bound("a")
