"""What the data path is handed, as protocols: it never sees Redis."""

from __future__ import annotations

from typing import Protocol


class Tickets(Protocol):
    """Numbers of the shared sequence of one pool. `take` never waits: with no block at hand it goes on
    from a local ticket."""

    def take(self) -> int:
        """The next ticket of this node, any non-negative integer."""

    def adopt(self, epoch: int, period: int) -> None:
        """Tickets are for `epoch` from now on, whose schedule repeats after `period` of them; what is held
        of another epoch is void."""
