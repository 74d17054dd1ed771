"""What holds for every policy: a plan made of a snapshot's eligible servers, a picker that gives orders."""

from __future__ import annotations

import pytest

from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, Numbers, compile_policy
from cluster_lb.settings.policies import BY_KEY, UNWEIGHTED
from cluster_lb.settings.schema import PoolSettings
from tests.doubles.candidates import candidates

every_policy = pytest.mark.parametrize("policy", sorted(POLICIES))
NUMBERS = [0, 1, 2, 7, 10**9, 2**63 + 12345, 2**64 - 1]


def snapshot(policy: str, *servers: Server) -> Snapshot:
    return Snapshot("web", 1, policy, 0.5, servers)


def server(name: str, weight: int = 1, **more) -> Server:
    return Server(name, Address("127.0.0.1", 9001), weight=weight, effective_weight=weight, **more)


def mixed_pool(policy: str) -> Snapshot:
    """Of five servers three are eligible: a, c and e."""
    return snapshot(
        policy,
        server("a", 2),
        server("b", 1, admin_state=AdminState.DRAIN),
        server("c"),
        server("d", 0),
        server("e", 200),
    )


def bound(plan, pool: Snapshot):
    """A new picker among live servers without any load, those that are not eligible among them."""
    return plan.bind(candidates(server.id for server in pool.servers))


def picker_of(pool: Snapshot):
    return bound(compile_policy(pool), pool)


def test_every_policy_of_the_settings_is_there():
    names = PoolSettings.model_json_schema()["properties"]["policy"]["enum"]
    assert sorted(POLICIES) == sorted(names)


def test_the_settings_know_which_policies_go_by_no_weights_and_which_by_a_key():
    assert {name for name, policy in POLICIES.items() if not policy.weighted} == UNWEIGHTED
    assert {name for name, policy in POLICIES.items() if policy.numbers is Numbers.KEY} == BY_KEY


@every_policy
def test_an_order_has_each_eligible_server_once(policy):
    pool = mixed_pool(policy)
    plan = compile_policy(pool)
    for number in NUMBERS:
        order = [server.id for server in bound(plan, pool).order(number)]
        assert sorted(order) == ["a", "c", "e"]


@every_policy
def test_the_first_of_the_order_is_what_is_picked(policy):
    pool = mixed_pool(policy)
    plan = compile_policy(pool)
    for number in NUMBERS:
        order = bound(plan, pool).order(number)
        first = bound(plan, pool).first(number)
        assert first is not None
        assert first.id == next(order).id


@every_policy
def test_a_pool_without_servers_has_nobody_to_pick(policy):
    empty = picker_of(snapshot(policy, server("d", 0)))
    assert empty.first(3) is None
    assert list(empty.order(3)) == []


@every_policy
def test_turns_and_a_period_are_for_policies_that_take_tickets_and_go_by_nothing_else(policy):
    pool = mixed_pool(policy)
    turns = picker_of(pool).turns
    if turns:
        assert POLICIES[policy].numbers is Numbers.TICKET
        assert compile_policy(pool).period == len(turns)
        assert [picker_of(pool).first(number).id for number in range(9)] == [
            turns[number % len(turns)].id for number in range(9)
        ]


@pytest.mark.parametrize(
    ("policy", "turns"), [("round_robin", ["a", "c"]), ("weighted_round_robin", ["a", "c", "a"])]
)
def test_only_eligible_servers_have_turns(policy, turns):
    servers = server("a", 2), server("b", 1, admin_state=AdminState.DRAIN), server("c"), server("d", 0)
    assert [server.id for server in picker_of(snapshot(policy, *servers)).turns] == turns


@every_policy
def test_a_plan_without_servers_has_no_period(policy):
    assert compile_policy(snapshot(policy)).period == 0
