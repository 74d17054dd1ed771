"""The local rise/fall count of one server: one integer, as HAProxy keeps it.

    count             | success        | failure
    ------------------+----------------+----------------
    0 .. rise-2       | count + 1      | 0
    rise-1            | top, flip UP   | 0
    rise              | top            | 0, flip DOWN
    rise+1 .. top     | top            | count - 1          top = rise + fall - 1

Below `rise` the server is down, from `rise` on it is up. Each opposite result starts the count anew, so
consecutive means consecutive. A server begins at `rise`: just up, the next failure brings it down, the
next success lifts it to the top.
"""

from __future__ import annotations

from cluster_lb.model.availability import Health


def next_count(count: int, ok: bool, rise: int, fall: int) -> int:
    """The table above: the count after one more result."""
    if ok:
        return count + 1 if count < rise - 1 else rise + fall - 1
    return count - 1 if count > rise else 0


class Tally:
    """Rise/fall count of one server. Begins just up, or (`up` false) at the bottom."""

    __slots__ = ("_count", "_fall", "_rise")

    def __init__(self, rise: int, fall: int, *, up: bool = True) -> None:
        self._rise = rise
        self._fall = fall
        self._count = rise if up else 0

    @property
    def up(self) -> bool:
        return self._count >= self._rise

    @property
    def health(self) -> Health:
        return Health.UP if self.up else Health.DOWN

    @property
    def settled(self) -> bool:
        """Whether the last results were all alike, as many as it takes."""
        return self._count in (0, self._rise + self._fall - 1)

    def add(self, ok: bool) -> Health | None:
        """Count one result; the new state when it flips, else None."""
        was_up = self.up
        self._count = next_count(self._count, ok, self._rise, self._fall)
        return None if self.up == was_up else self.health

    def __repr__(self) -> str:
        return f"<Tally {self._count} of 0..{self._rise + self._fall - 1}, {self.health}>"
