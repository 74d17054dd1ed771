"""A route whose host and path fit a request: do its other conditions hold?"""

from __future__ import annotations

from collections.abc import Callable

from cluster_lb.routing.match import FieldCondition, Match
from cluster_lb.routing.patterns import PatternSet
from cluster_lb.wire.fields import finder

_Test = tuple[bytes, Callable[[bytes], bool]]


class Candidate:
    """`number`: the route's place in the table; `rank`: its place in the order of specificity, 0 first."""

    __slots__ = ("_find_lines", "_methods", "_tests", "number", "rank", "unconditional")

    def __init__(self, match: Match, number: int, rank: int) -> None:
        self.number = number
        self.rank = rank
        self.unconditional = not (match.methods or match.fields)
        self._methods = match.methods
        self._tests: list[_Test] = [(field.name.encode("ascii"), _test(field)) for field in match.fields]
        self._find_lines = finder(*(field.name for field in match.fields))

    def holds(self, method: bytes, block: bytes) -> bool:
        """Whether the method and the field lines of `block` satisfy it."""
        if self._methods and method not in self._methods:
            return False
        if not self._tests:
            return True
        values: dict[bytes, bytes] = {}
        for line in self._find_lines(block):
            before = values.get(line.name)
            values[line.name] = line.value if before is None else before + b", " + line.value
        return all(name in values and test(values[name]) for name, test in self._tests)


def _test(condition: FieldCondition) -> Callable[[bytes], bool]:
    if condition.pattern is not None:
        patterns = PatternSet([condition.pattern])
        return lambda value: bool(patterns.matching(value))
    if condition.value is not None:
        return condition.value.__eq__
    return lambda value: True
