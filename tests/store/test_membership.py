"""Members: a lease, and what a node says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.member import Member
from cluster_lb.store.client import Store
from cluster_lb.store.membership import Membership
from tests.doubles.keyspace import hash_at, key_names, now_ms

MEMBER = Member(
    "lb-1",
    "1.2.3",
    zone="z",
    listeners=("0.0.0.0:8080", "[::]:8443"),
    admin="127.0.0.1:9900",
    started_at_ms=17,
    snapshot_age_ms=250,
    epochs={"web": 4, "api.v1": 9},
)


async def test_a_member_reads_as_it_was_written(store: Store) -> None:
    membership = Membership(store, lease_ms=5000)
    await membership.renew(MEMBER)
    (member,) = await membership.members()
    assert 4000 < member.lease_ms <= 5000
    assert member == Member(
        **{**{f: getattr(MEMBER, f) for f in MEMBER.__slots__}, "lease_ms": member.lease_ms}
    )
    assert 4000 < await store.call("PTTL", "lb:member:lb-1") <= 5000
    fields = await hash_at(store, "lb:member:lb-1")
    assert (fields["epoch.web"], fields["admin"], fields["zone"]) == ("4", "127.0.0.1:9900", "z")


async def test_who_renews_is_told_what_was_said_before_under_its_id(store: Store) -> None:
    membership = Membership(store)
    assert (await membership.renew(MEMBER)).started_at_ms == 0
    before = await membership.renew(replace(MEMBER, started_at_ms=18, admin="10.0.0.2:9900"))
    assert (before.started_at_ms, before.admin) == (17, MEMBER.admin)
    assert (await membership.renew(MEMBER)).admin == "10.0.0.2:9900"


async def test_a_lease_that_ended_ends_the_membership(store: Store) -> None:
    membership = Membership(store)
    await membership.renew(MEMBER)
    await membership.renew(Member("lb-0", "1"))
    assert [member.id for member in await membership.members()] == ["lb-0", "lb-1"]
    await store.call("ZADD", "lb:members", await now_ms(store), "lb-1")
    assert list(await membership.leases()) == ["lb-0"]
    await membership.renew(Member("lb-0", "1"))
    assert await store.call("ZRANGE", "lb:members", 0, -1) == ["lb-0"]


async def test_while_redis_is_away_no_membership_ends(store: Store) -> None:
    membership = Membership(store)
    for node in ("lb-0", "lb-1"):
        await membership.renew(Member(node, "1"))
    for node in ("lb-0", "lb-1"):
        await store.call("ZADD", "lb:members", await now_ms(store) - 10_000, node)
    assert await membership.leases() == {}
    await membership.renew(Member("lb-0", "1"))
    leases = await membership.leases()
    assert list(leases) == ["lb-0", "lb-1"]
    assert max(leases.values()) <= 5000


async def test_a_node_that_leaves_is_gone_at_once(store: Store) -> None:
    membership = Membership(store)
    await membership.renew(MEMBER)
    await membership.leave("lb-1")
    assert await membership.members() == ()
    assert await key_names(store) == set()


async def test_a_member_without_usable_fields_is_still_a_member(store: Store) -> None:
    membership = Membership(store)
    await membership.renew(MEMBER)
    await store.call("DEL", "lb:member:lb-1")
    await store.call("HSET", "lb:member:lb-1", "listeners", "garbage", "started_at_ms", "x", "epoch.web", "-")
    (member,) = await membership.members()
    assert (member.id, member.listeners, member.started_at_ms, member.epochs) == ("lb-1", (), 0, {"web": 0})


async def test_foreign_contents_give_way(store: Store) -> None:
    await store.call("SET", "lb:members", "garbage")
    assert await Membership(store).members() == ()
    await Membership(store).renew(MEMBER)
    assert len(await Membership(store).members()) == 1


async def test_foreign_contents_of_one_member_hide_no_other_and_give_way(store: Store) -> None:
    await Membership(store).renew(MEMBER)
    await Membership(store).renew(replace(MEMBER, id="lb-2"))
    await store.call("DEL", "lb:member:lb-1")
    await store.call("SET", "lb:member:lb-1", "garbage")
    assert [member.version for member in await Membership(store).members()] == ["", MEMBER.version]
    await Membership(store).renew(MEMBER)
    assert [member.version for member in await Membership(store).members()] == [MEMBER.version] * 2
    assert 0 < await store.call("PTTL", "lb:member:lb-1") <= 5000


async def test_a_bad_node_id_is_refused(store: Store) -> None:
    with pytest.raises(InvalidValueError, match="node id"):
        await Membership(store).renew(Member("a b", "1"))
