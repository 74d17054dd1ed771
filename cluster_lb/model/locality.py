"""Where a node is among the others: what its preference for near servers rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from cluster_lb.model.member import Member


@dataclass(frozen=True, slots=True)
class Locality:
    """`zone`: the node's own, empty for none. `nodes`: zone -> live nodes in it, this one among them; nodes
    without a zone are not counted: they have no preference."""

    zone: str = ""
    nodes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, node_id: str, zone: str, members: Iterable[Member]) -> Self:
        """That of the node `node_id`, which `members` may not know yet."""
        zones = {member.id: member.zone for member in members} | {node_id: zone}
        return cls(zone, dict(Counter(filter(None, zones.values()))))
