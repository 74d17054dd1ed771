"""What the data path is handed, as protocols: it never sees Redis."""

from __future__ import annotations

from typing import Protocol


class Tickets(Protocol):
    """Numbers of the shared sequence of one pool. `take` never waits: with no block at hand it goes on
    from a local ticket."""

    def take(self) -> int:
        """The next ticket of this node, any non-negative integer."""
