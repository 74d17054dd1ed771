"""The shapes of field blocks that the clients of a listener send."""

from __future__ import annotations

from cluster_lb.wire.shape import Shape, pattern_of

_MAX_SHAPES = 256  # a browser has a handful


class Shapes:
    """Compiling one takes about a millisecond, and a client can make up as many as it likes: so there is at
    most one a tick, and the others are analysed as if there were no shapes."""

    def __init__(self) -> None:
        self._by_pattern: dict[bytes, Shape] = {}
        self._compiled_at = -1.0

    def find(self, block: bytes, now: float) -> Shape | None:
        """The shape of a valid block, at the time `now` of a tick; None where there is none, or none yet."""
        pattern = pattern_of(block)
        if pattern is None:
            return None
        shape = self._by_pattern.get(pattern)
        if shape is None and now != self._compiled_at:
            self._compiled_at = now
            if len(self._by_pattern) >= _MAX_SHAPES:
                self._by_pattern.clear()
            shape = self._by_pattern[pattern] = Shape(pattern, block.count(b"\n"))
        return shape
