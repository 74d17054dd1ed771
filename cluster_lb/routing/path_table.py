"""The routes of one host by path: three structures, in each of which a path is looked up, not compared.

Exact paths are a dict. All regular expressions are one automaton that reads the path once (no prefilter by
their literal beginnings is needed: it stops at the first byte that none can have). Prefixes are a dict that
is asked for the path's own beginnings at its slashes, from the longest to the shortest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster_lb.routing.candidate import Candidate
from cluster_lb.routing.match import Match, PathKind
from cluster_lb.routing.patterns import PatternSet

_Group = dict[bytes, list[Candidate]]


class PathTable:
    """`candidates` with their matches, in the order of their rank. `ordered`: that is the order of paths too
    (no priority breaks it), so that the first one found is the one. `whole`: the route of all requests of
    this host, where there is one.

    `_segments`: those that exact paths and prefixes begin with. `elsewhere`: what a path takes that begins
    with none of them, where it `is_elsewhere`: most requests to a large table end here.
    """

    __slots__ = (
        "_by_pattern",
        "_decided",
        "_exact",
        "_longest",
        "_ordered",
        "_patterns",
        "_prefixes",
        "_segments",
        "elsewhere",
        "whole",
    )

    def __init__(self, candidates: Sequence[tuple[Match, Candidate]], *, ordered: bool) -> None:
        self._ordered = ordered
        self._exact = _grouped(candidates, PathKind.EXACT)
        self._prefixes = _grouped(candidates, PathKind.PREFIX)
        self._longest = max(map(len, self._prefixes), default=0)
        self._segments = frozenset(map(_first_segment, (*self._exact, *self._prefixes)))
        patterns = [
            (match.path.decode("ascii"), c) for match, c in candidates if match.kind is PathKind.REGEX
        ]
        self._by_pattern = [candidate for _, candidate in patterns]
        self._patterns = PatternSet([pattern for pattern, _ in patterns]) if patterns else None
        self.elsewhere = self._prefixes[b""][0] if b"" in self._prefixes else None
        self._decided = not patterns and (self.elsewhere is None or self.elsewhere.unconditional)
        first_match, first = candidates[0]
        covers_all = first.unconditional and first_match.kind is PathKind.PREFIX and not first_match.path
        self.whole = first if covers_all else None

    def find(self, method: bytes, path: bytes, block: bytes) -> Candidate | None:
        """The first route by rank that matches `path`, which begins with a slash."""
        segment = _first_segment(path)
        if self.is_elsewhere(segment):
            return self.elsewhere
        found = None
        if path in self._exact:
            found = _first(self._exact[path], method, block)
        if self._patterns is not None and (found is None or not self._ordered):
            numbers = self._patterns.matching(path)
            found = _better(found, _first([self._by_pattern[n] for n in numbers], method, block))
        if found is not None and self._ordered:
            return found
        path = path if segment in self._segments else b""
        return _better(found, self._by_prefix(method, path, block))

    def is_elsewhere(self, segment: bytes) -> bool:
        """Whether a path that begins with `segment` takes `elsewhere`, whatever else its request says."""
        return self._decided and segment not in self._segments

    def _by_prefix(self, method: bytes, path: bytes, block: bytes) -> Candidate | None:
        found = None
        if len(path) > self._longest:  # never more steps than the longest prefix has segments
            path = path[: path.rfind(b"/", 0, self._longest + 1)]
        prefixes = self._prefixes
        while True:
            if path in prefixes:
                for candidate in prefixes[path]:
                    if candidate.unconditional or candidate.holds(method, block):
                        if self._ordered:
                            return candidate
                        found = _better(found, candidate)
                        break
            if not path:
                return found
            path = path[: path.rfind(b"/")]


def _first_segment(path: bytes) -> bytes:
    end = path.find(b"/", 1)
    return path if end < 0 else path[:end]


def _grouped(candidates: Iterable[tuple[Match, Candidate]], kind: PathKind) -> _Group:
    groups: _Group = {}
    for match, candidate in candidates:
        if match.kind is kind:
            groups.setdefault(match.path, []).append(candidate)
    return groups


def _first(candidates: Sequence[Candidate], method: bytes, block: bytes) -> Candidate | None:
    for candidate in candidates:
        if candidate.unconditional or candidate.holds(method, block):
            return candidate
    return None


def _better(one: Candidate | None, other: Candidate | None) -> Candidate | None:
    if one is None or (other is not None and other.rank < one.rank):
        return other
    return one
