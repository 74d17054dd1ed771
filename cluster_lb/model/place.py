"""Which one of the cluster's nodes a node is: what is dealt out among them rests on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Place:
    """The node's number among `nodes` live ones, from 0, in the order of their ids."""

    number: int = 0
    nodes: int = 1

    @classmethod
    def of(cls, node_id: str, members: Iterable[str]) -> Self:
        """That of the node `node_id` among the ids of `members`, who may not know it yet."""
        ids = sorted({node_id, *members})
        return cls(ids.index(node_id), len(ids))
