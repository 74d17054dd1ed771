"""The compiled table: which of its routes a request takes."""

from __future__ import annotations

from collections.abc import Sequence

from cluster_lb.routing.candidate import Candidate
from cluster_lb.routing.host import without_port
from cluster_lb.routing.match import Match
from cluster_lb.routing.path_table import PathTable

# RFC 1035 section 2.3.4 with a last dot. A longer Host names nothing that a table has, and is not remembered.
MAX_HOST_BYTES = 255
_REMEMBERED_HOSTS = 1024
_ASTERISK, _QUESTION_MARK = b"*?"  # an int in bytes is looked for far quicker than bytes in bytes


class MatchTable:
    """Compiled from the matches of all routes, in the order of the table. Immutable."""

    __slots__ = ("_ordered", "_tables")

    def __init__(self, matches: Sequence[Match]) -> None:
        order = sorted(range(len(matches)), key=lambda number: matches[number].specificity(), reverse=True)
        self._ordered = len({match.priority for match in matches}) < 2
        by_host: dict[bytes, list[tuple[Match, Candidate]]] = {}
        for rank, number in enumerate(order):
            match = matches[number]
            by_host.setdefault(match.host, []).append((match, Candidate(match, number, rank)))
        self._tables = _TablesByHost(
            {host: PathTable(found, ordered=self._ordered) for host, found in by_host.items()}
        )

    def find(self, host: bytes, method: bytes, target: bytes, block: bytes) -> int | None:
        """The number of the route for a request: `host` as it came, with any port; `target`: path with query;
        `block`: its end-to-end field lines. None where no route matches."""
        if target[0] == _ASTERISK:  # OPTIONS * is about the server, not about a path
            return None
        path = b""
        found: Candidate | None = None
        for table in self._tables[host]:
            candidate = table.whole
            if candidate is None:
                path = path or (target.partition(b"?")[0] if _QUESTION_MARK in target else target)
                candidate = table.find(method, path, block)
            if candidate is not None:
                if self._ordered:
                    return candidate.number
                if found is None or candidate.rank < found.rank:
                    found = candidate
        return None if found is None else found.number

    def section(self, host: bytes, target: bytes) -> tuple[bytes, int | None] | None:
        """What targets have to begin with to take the same route as `target`, whatever else their requests to
        `host` say, and that route, as `find` gives it; None where more than the first segment decides."""
        end = target.find(b"/", 1)
        segment, prefix = target[:end], b""
        for table in self._tables[host]:
            if not self._ordered:
                return None
            if table.whole is not None:
                return prefix, table.whole.number
            if end < 0 or _QUESTION_MARK in segment or not table.is_elsewhere(segment):
                return None
            prefix = segment + b"/"
            if table.elsewhere is not None:
                return prefix, table.elsewhere.number
        return prefix, None


class _TablesByHost(dict[bytes, tuple[PathTable, ...]]):
    """The tables of a Host as it came, kept for those that were asked for lately: its own, those of wildcards
    above it from the longest on, those of any host. `hosts`: each one's own."""

    def __init__(self, hosts: dict[bytes, PathTable]) -> None:
        super().__init__()
        self._hosts = hosts

    def __missing__(self, host: bytes) -> tuple[PathTable, ...]:
        if len(host) > MAX_HOST_BYTES:
            host = b""
        if len(self) >= _REMEMBERED_HOSTS:
            self.clear()
        name = without_port(host).lower().removesuffix(b".")
        names = [name] if name else []
        while name := name.partition(b".")[2]:
            names.append(b"*." + name)
        tables = self[host] = tuple(self._hosts[name] for name in [*names, b""] if name in self._hosts)
        return tables
