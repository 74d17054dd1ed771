"""CPU time of a process and all its descendants, from /proc/<pid>/stat (proc(5))."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class CpuSeconds(NamedTuple):
    """CPU time of a process tree: in its own code, and in the kernel on its behalf."""

    user: float
    system: float


@dataclass(frozen=True)
class Stat:
    """One process: its user and system ticks, with those of the children it has already reaped."""

    pid: int
    parent: int
    user: int
    system: int


def parse_stat(line: str) -> Stat:
    """Reads one /proc/<pid>/stat line. Raises ValueError when it is not one."""
    # The command's name, in parentheses, may hold spaces and parentheses itself: count from the last one.
    head, closing, tail = line.rpartition(")")
    fields = tail.split()
    if not closing or len(fields) < 15:
        raise ValueError(f"not a /proc/<pid>/stat line: {line!r}")
    utime, stime, cutime, cstime = map(int, fields[11:15])
    return Stat(int(head.split(" (", 1)[0]), int(fields[1]), user=utime + cutime, system=stime + cstime)


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


def seconds_of(root: int) -> CpuSeconds:
    """What `root` and its descendants have used. Raises ProcessLookupError when it is gone."""
    family = tree(root, read_stats())
    if not family:
        raise ProcessLookupError(f"process {root} has ended")
    user, system = sum(stat.user for stat in family), sum(stat.system for stat in family)
    return CpuSeconds(user / TICKS_PER_SECOND, system / TICKS_PER_SECOND)
