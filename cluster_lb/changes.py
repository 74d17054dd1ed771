"""What a new reading of a pool, or of the members, changed, in an operator's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster_lb.model.availability import Health, ServerState
from cluster_lb.model.member import Member
from cluster_lb.model.priority_groups import Serving
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot

#: level, event, further fields
Change = tuple[str, str, dict[str, object]]


def changes(before: Snapshot | None, after: Snapshot) -> Iterator[Change]:
    """Each difference that an operator would want to read of, in the order of the servers' ids; of the first
    reading how many there are."""
    if before is None:
        yield "info", "pool read", {"servers": len(after.servers), "taking_traffic": len(after.eligible)}
    else:
        yield from _of_servers(before, after)
    yield from _of_groups(before, after)
    if after.panics and not (before and before.panics):
        yield "error", "panic: too few servers are healthy, so health is ignored", {}
    elif before and before.panics and not after.panics:
        yield "info", "panic is over: enough servers are healthy", {}


def member_changes(node_id: str, before: Iterable[Member], after: Iterable[Member]) -> Iterator[Change]:
    """Other nodes that came and went, in the order of their ids."""
    known, now = {member.id for member in before}, {member.id for member in after}
    for member_id in sorted((known ^ now) - {node_id}):
        if member_id in now:
            yield "info", "node joined", {"member": member_id}
        else:
            yield "warning", "node gone: it stopped, or its lease ended", {"member": member_id}


def _of_servers(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    known = {server.id: server for server in before.servers}
    for server in after.servers:
        old = known.pop(server.id, None)
        if old is None:
            yield "info", "server registered", _fields(server, address=str(server.address))
        else:
            yield from _of_server(old, server)
    for server in known.values():
        yield "info", "server left", _fields(server)


def _of_groups(before: Snapshot | None, after: Snapshot) -> Iterator[Change]:
    was, now = before.serving if before else Serving(), after.serving
    if now.has_backups and (not was.has_backups or was.priority != now.priority):
        yield "warning", "backups serve: too few primaries are healthy", {"up_to_priority": now.priority}
    elif was.has_backups and not now.has_backups:
        yield "info", "backups serve no more: enough primaries are healthy", {}


def _of_server(old: Server, new: Server) -> Iterator[Change]:
    if old.health is not new.health and new.verdict is not None:
        level = "warning" if new.health is Health.DOWN else "info"
        authors = ",".join(new.verdict.authors)
        yield level, f"server {new.health.value.lower()}", _fields(new, reason=new.verdict.reason, by=authors)
    yield from _of_ejection(old, new)
    if old.admin_state is not new.admin_state:
        yield "info", "admin state changed", _fields(new, admin_state=new.admin_state.value)
    if old.state is not new.state:
        level = "warning" if new.state is ServerState.DOWN else "info"
        yield level, f"server says {new.state.value}", _fields(new, reason=new.state_reason)
    if old.advised_weight != new.advised_weight:
        yield "info", "weight changed", _fields(new, before=old.advised_weight, now=new.advised_weight)
    if old.percent != new.percent:
        yield "debug", "percent of the weight changed", _fields(new, now=new.percent, why=new.percent_reason)
    if old.priority != new.priority:
        yield "info", "priority changed", _fields(new, before=old.priority, now=new.priority)
    if old.address != new.address:
        yield "info", "address changed", _fields(new, address=str(new.address))


def _of_ejection(old: Server, new: Server) -> Iterator[Change]:
    ejection = new.ejection
    if ejection is None or new.ejected is old.ejected:
        return
    if new.ejected:
        for_s = (ejection.until_ms - ejection.at_ms) / 1000
        yield "warning", "server ejected", _fields(new, reason=ejection.reason, by=ejection.by, for_s=for_s)
    else:
        yield "info", "server back from its ejection", _fields(new, ended_by=ejection.ended_by)


def _fields(server: Server, **more: object) -> dict[str, object]:
    return {"server": server.id, **more}
