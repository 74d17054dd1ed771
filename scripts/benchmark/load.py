"""The load on one contender in one mode: by wrk, or by `openssl s_time` where handshakes are counted."""

from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark import handshakes, wrk
from scripts.benchmark.modes import Mode
from scripts.benchmark.results import LoadResult


@dataclass(frozen=True)
class Generators:
    """Paths of the programs; without `openssl` there is no TLS mode."""

    wrk: str
    openssl: str | None


def run(generators: Generators, port: int, mode: Mode, seconds: int, folder: Path) -> LoadResult:
    """Loads the port of 127.0.0.1 for `seconds`. Raises ValueError when a generator fails."""
    if mode.handshake is None:
        return wrk.run(generators.wrk, port, mode, seconds, folder)
    if generators.openssl is None:
        raise ValueError(f"mode {mode.name} needs the program openssl")
    return handshakes.run(generators.openssl, port, mode.handshake, seconds)
