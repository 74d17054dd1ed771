"""What a contender is: a proxy that can be started on a port, over two servers, on one core."""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scripts.benchmark import processes
from scripts.benchmark.identity import Identity
from scripts.benchmark.setups import PLAIN, Setup

HEALTH_PATH = "/healthz"
HEALTH_INTERVAL_S = 2  # for every contender that checks actively
UPSTREAM_KEEPALIVE = 128  # idle upstream connections kept, where a contender asks for a number


class StartError(Exception):
    """An installed contender, or a server behind it, did not come up; the text says why."""


@dataclass(frozen=True)
class Site:
    """What a contender is given: where to listen, what to balance over, a folder and a core of its own.

    `identity` is there where `setup` wants TLS.
    """

    port: int
    servers: tuple[int, ...]  # ports on 127.0.0.1
    folder: Path
    core: int  # of the contender
    helper_core: int  # of what it needs beside it
    setup: Setup = PLAIN
    identity: Identity | None = None


class RedisCommands(NamedTuple):
    """`sent`: by the contender; `executed`: by Redis, those inside scripts and of other clients too."""

    sent: int
    executed: int


@dataclass(frozen=True)
class Running:
    """A started contender. `redis_commands`: so far, where it has a Redis."""

    process: processes.Process
    redis_commands: Callable[[], RedisCommands] | None = None


@dataclass(frozen=True)
class Launch:
    """How to start a program that needs nothing but its configuration."""

    arguments: list[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """A row of the tables. `missing` says why it cannot run on this machine, or None.

    `setups` are those that tell something about it; it takes no part in the modes of others.
    """

    name: str
    missing: Callable[[], str | None]
    version: Callable[[], str]
    start: Callable[[Site], AbstractContextManager[Running]]
    setups: tuple[Setup, ...] = (PLAIN,)


def label(contender: str, setup: Setup) -> str:
    """The name of a contender in one setup."""
    return contender if setup == PLAIN else f"{contender} ({setup.name})"


def program(
    name: str,
    executable: str,
    source: str,
    version_flag: str,
    configure: Callable[[Site], Launch],
    setups: tuple[Setup, ...],
) -> Contender:
    """A contender that is one program; `source` tells where to get it, `configure` writes its settings."""

    def missing() -> str | None:
        found = processes.find_program(executable)
        return None if found else f"`{executable}` is not installed ({source})"

    def version() -> str:
        done = subprocess.run([_path(executable), version_flag], capture_output=True, text=True, check=True)
        found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)  # nginx prints it on stderr
        return found.group() if found else "unknown"

    @contextmanager
    def start(site: Site) -> Iterator[Running]:
        launch = configure(site)
        argv = [_path(executable), *launch.arguments]
        title = label(name, site.setup)
        with processes.running(title, argv, core=site.core, folder=site.folder, env=launch.env) as process:
            yield Running(process)

    return Contender(name, missing, version, start, setups)


def _path(executable: str) -> str:
    path = processes.find_program(executable)
    if path is None:
        raise FileNotFoundError(f"{executable} is not installed")
    return path
