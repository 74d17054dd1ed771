"""Which priority groups of a pool serve: the primaries, and the backups that are needed to fill in.

Group 0 (the lowest that is there) are the primaries; the others are backups, which join group by group.

    share    what accepts, of the serving groups, in parts of all primaries; both by configured weight, so
             that a primary in DRAIN, MAINT or DOWN, or an ejected one, is missing, and one of weight 0 is
             worth nothing; a busy one accepts
    panic    fewer servers of the serving groups are healthy than `panic_threshold` of the READY primaries
             (of the first group with READY servers, where all primaries were taken out); one that says
             itself that it drains or is down counts as neither

     somebody accepts | share < backup_below | panic | a further group || then
    ------------------+----------------------+-------+-----------------++--------------------------
     no               | any                  | any   | yes             || the next group joins
     yes              | yes                  | any   | yes             || the next group joins
     yes              | no                   | yes   | yes             || the next group joins
     yes              | no                   | no    | yes             || those that accept serve
     any              | any                  | no    | no              || those that accept serve
     any              | any                  | yes   | no              || PANIC: health is ignored

Precedents: HAProxy's backups serve only where no primary is left, which is `backup_below` 0. Envoy spills
over where health times 1.4 drops under 100 %, which is 0.71, and it too ignores health only when all
priorities together are not enough; then each READY server serves, of whatever group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from cluster_lb.model.availability import AdminState, ServerState
from cluster_lb.model.server import Server

_priority = attrgetter("priority")
_SERVING = (ServerState.UP, ServerState.BUSY)


class Serving(NamedTuple):
    """Groups up to `priority` serve. `has_backups`: not the first alone; `panics`: health is ignored."""

    priority: int = 0
    has_backups: bool = False
    panics: bool = False


def serving_groups(servers: Iterable[Server], backup_below: float, panic_threshold: float) -> Serving:
    """Both thresholds are shares, 0..1."""
    groups = [list(group) for _, group in groupby(sorted(servers, key=_priority), _priority)]
    if not groups:
        return Serving()
    least_weight = backup_below * sum(server.weight for server in groups[0])
    least_healthy = panic_threshold * next(filter(None, map(_ready, groups)), 0)
    accepting = healthy = 0
    for group in groups[:-1]:
        accepting += _accepting(group)
        healthy += _healthy(group)
        if accepting > 0 and accepting >= least_weight and healthy >= least_healthy:
            return Serving(group[0].priority, group is not groups[0])
    healthy += _healthy(groups[-1])
    return Serving(groups[-1][0].priority, len(groups) > 1, healthy < least_healthy)


def _ready(group: Sequence[Server]) -> int:
    return sum(_is_wanted(server) for server in group)


def _healthy(group: Sequence[Server]) -> int:
    return sum(_is_wanted(server) and server.healthy for server in group)


def _is_wanted(server: Server) -> bool:
    """What operators take out, and what says itself that it drains or is down, is no reason to panic."""
    return server.admin_state is AdminState.READY and server.state in _SERVING


def _accepting(group: Sequence[Server]) -> int:
    return sum(server.weight for server in group if server.availability.takes_new)
