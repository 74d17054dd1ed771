"""CPU time of a process and all its descendants, from /proc/<pid>/stat (proc(5))."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stat:
    """One process: `ticks` is its user and system time with that of the children it has already reaped."""

    pid: int
    parent: int
    ticks: int


def parse_stat(line: str) -> Stat:
    """Reads one /proc/<pid>/stat line. Raises ValueError when it is not one."""
    # The command's name, in parentheses, may hold spaces and parentheses itself: count from the last one.
    head, closing, tail = line.rpartition(")")
    fields = tail.split()
    if not closing or len(fields) < 15:
        raise ValueError(f"not a /proc/<pid>/stat line: {line!r}")
    ticks = sum(int(value) for value in fields[11:15])  # utime stime cutime cstime
    return Stat(pid=int(head.split(" (", 1)[0]), parent=int(fields[1]), ticks=ticks)


def tree(root: int, stats: Iterable[Stat]) -> list[Stat]:
    """`root` and all its descendants among `stats`."""
    everyone = list(stats)
    found = [stat for stat in everyone if stat.pid == root]
    for ancestor in found:  # grows while it is walked
        found.extend(stat for stat in everyone if stat.parent == ancestor.pid)
    return found


def read_stats() -> Iterator[Stat]:
    """Every process that can be read now."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended between the listing and the reading
            yield parse_stat(line)


def seconds_of(root: int) -> float:
    """CPU seconds that `root` and its descendants have used. Raises ProcessLookupError when it is gone."""
    family = tree(root, read_stats())
    if not family:
        raise ProcessLookupError(f"process {root} has ended")
    return sum(stat.ticks for stat in family) / TICKS_PER_SECOND
