"""Membership: which nodes live. A lease that a node renews each second, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cluster_lb.model.member import Member
from cluster_lb.model.names import check_id
from cluster_lb.store.client import Store
from cluster_lb.store.foreign import UNREADABLE
from cluster_lb.store.scripts import load

_RENEW = load("renew_member")
_DESCRIBE = load("describe_member")
_READ = load("read_member")
_READ_ALL = load("read_members")
_EPOCH = "epoch."


class Membership:
    """Members of the cluster. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store, lease_ms: int = 5000) -> None:
        self._store = store
        self._lease_ms = lease_ms

    async def renew(self, member: Member) -> Member:
        """Say that the node lives, and all that the others may know of it. Returns what was said before under
        its id."""
        key = self._store.keys.member(check_id(member.id, "node"))
        await self._store.run(_RENEW, [self._store.keys.members], [member.id, self._lease_ms])
        before = await self._store.run(_DESCRIBE, [key], [self._lease_ms, json.dumps(_to_fields(member))])
        return _from_fields(member.id, 0, _table(before))

    async def leave(self, node_id: str) -> None:
        """Say that the node ends now."""
        keys = self._store.keys
        await self._store.batch([("ZREM", keys.members, node_id), ("DEL", keys.member(node_id))])

    async def leases(self) -> dict[str, int]:
        """Live nodes -> what is left of their lease, ms."""
        flat = await self._store.run(_READ_ALL, [self._store.keys.members], [])
        return dict(sorted(zip(flat[::2], map(int, flat[1::2]), strict=True)))

    async def members(self) -> tuple[Member, ...]:
        """The live members, in the order of their ids."""
        leases = await self.leases()
        said = await self._store.run_each(_READ, [(self._store.keys.member(node), ()) for node in leases])
        return tuple(
            _from_fields(node, lease_ms, _table(flat))
            for (node, lease_ms), flat in zip(leases.items(), said, strict=True)
        )


def _table(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _to_fields(member: Member) -> dict[str, str | int]:
    fields: dict[str, str | int] = {
        "version": member.version,
        "zone": member.zone,
        "listeners": json.dumps(member.listeners),
        "admin": member.admin,
        "started_at_ms": member.started_at_ms,
        "snapshot_age_ms": member.snapshot_age_ms,
    }
    return fields | {_EPOCH + pool: epoch for pool, epoch in member.epochs.items()}


def _from_fields(node_id: str, lease_ms: int, fields: Mapping[str, str]) -> Member:
    """A member whose hash is gone or foreign is still a member: its lease says that it lives."""
    try:
        listeners = tuple(str(text) for text in json.loads(fields.get("listeners", "[]")))
    except UNREADABLE:
        listeners = ()
    return Member(
        id=node_id,
        version=fields.get("version", ""),
        zone=fields.get("zone", ""),
        listeners=listeners,
        admin=fields.get("admin", ""),
        started_at_ms=_integer(fields.get("started_at_ms")),
        lease_ms=lease_ms,
        snapshot_age_ms=_integer(fields.get("snapshot_age_ms")),
        epochs={
            name.removeprefix(_EPOCH): _integer(text)
            for name, text in fields.items()
            if name.startswith(_EPOCH)
        },
    )


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
