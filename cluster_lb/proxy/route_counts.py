"""What is counted of a route."""

from __future__ import annotations


class RouteCounts:
    """Survives changes of the table by the route's name. `statuses[n]`: exchanges of class n (1..5) that took
    the route. `mirrored`: requests repeated to the mirror; `unmirrored`: those that were due for it, and had
    too large a body or found too many in flight."""

    __slots__ = ("mirrored", "statuses", "unmirrored")

    def __init__(self) -> None:
        self.statuses = [0] * 6
        self.mirrored = 0
        self.unmirrored = 0
