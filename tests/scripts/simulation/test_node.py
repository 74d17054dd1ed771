"""What a simulated node does with a request that failed, and with what it hears."""

from random import Random

from cluster_lb.model.place import Place
from cluster_lb.picking import compile_policy
from scripts.simulation.events import Events
from scripts.simulation.node import Node, Request
from scripts.simulation.outcome import Outcome
from scripts.simulation.pool import pool_of
from scripts.simulation.scenario import Kind
from scripts.simulation.server import Server
from scripts.simulation.tickets import lone_tickets


def node(*kinds: Kind) -> tuple[Node, list[Server], Outcome, Events]:
    """A node over such servers, in turns from the first one on."""
    events, outcome = Events(), Outcome()
    servers = [Server(f"server-{number}", kind, events, Random(1)) for number, kind in enumerate(kinds)]
    made = Node(events, servers, lone_tickets(0), Random(1), outcome)
    pool = pool_of({server.id: 1 for server in servers}, "round_robin")
    made.adopt(pool, compile_policy(pool))
    return made, servers, outcome, events


def test_a_failed_request_goes_on_with_servers_that_it_has_not_tried() -> None:
    made, servers, outcome, events = node(Kind(failing=1.0), Kind(failing=1.0), Kind())
    made.serve(Request(0.0, 0.01, 0))
    events.run(1.0)
    assert [server.offered for server in servers] == [1, 1, 1]
    assert (outcome.served, outcome.failed, outcome.retried) == (1, 0, 2)


def test_a_request_fails_when_there_is_no_other_server() -> None:
    made, servers, outcome, events = node(Kind(failing=1.0), Kind(failing=1.0))
    made.serve(Request(0.0, 0.01, 0))
    events.run(1.0)
    assert [server.offered for server in servers] == [1, 1]
    assert (outcome.served, outcome.failed, outcome.retried) == (0, 1, 1)


def test_retries_end_with_their_budget() -> None:
    made, _, outcome, events = node(Kind(failing=1.0), Kind(slots=1000))
    for _ in range(400):
        made.serve(Request(0.0, 0.01, 0))
    events.run(0.5)
    assert (outcome.retried, outcome.failed) == (30, 170)


def test_a_node_counts_what_it_has_in_flight_and_what_others_have() -> None:
    made, servers, _, events = node(Kind(), Kind())
    for _ in range(3):
        made.serve(Request(0.0, 0.01, 0))
    assert made.loads() == {servers[0].id: 2, servers[1].id: 1}
    made.hear(Place(0, 2), {servers[1].id: 5}, {servers[1].id: 2000})
    assert [seen.elsewhere for seen in made.seen.values()] == [0, 5]
    assert [seen.latency_s for seen in made.seen.values()] == [0.0, 0.002]
    events.run(1.0)
    assert made.loads() == {}
    assert set(made.latencies()) == {server.id for server in servers}
