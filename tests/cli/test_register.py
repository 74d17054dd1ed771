"""`cluster-lb register` as a process of its own, with real signals, around real commands."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from cluster_lb.cli import main
from cluster_lb.model.server import Server
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from tests.doubles.ports import free_port
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually

# Listens on the port that it is given; writes the number of each signal to a file; SIGTERM ends it with 7.
SERVER = """
import signal, socket, sys
heard = open(sys.argv[2], "a", buffering=1)
def note(number, frame):
    print(number, file=heard)
    if number == signal.SIGTERM:
        sys.exit(7)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, note)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        listener.accept()[0].close()
"""

# Listens only when it hears SIGTERM, and ends with 7 after its first client.
LATE_SERVER = """
import signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
with open(sys.argv[2], "a") as heard:
    print("ready", file=heard)
signal.sigwait([signal.SIGTERM])
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    listener.accept()[0].recv(1)
sys.exit(7)
"""

START_S = 30.0  # Python, the command line and the command may take so long on a busy machine

Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run(shared_server: RedisServer, namespace: str) -> Iterator[Run]:
    """Starts `cluster-lb register ARGUMENTS` in the test's namespace; kills it and its command at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        settings = {"CLUSTER_LB_REDIS": shared_server.url, "CLUSTER_LB_NAMESPACE": namespace}
        process = subprocess.Popen(
            [sys.executable, "-m", "cluster_lb", "register", *arguments],
            env={**os.environ, **settings, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children():
                child.kill()
            process.kill()
        process.communicate()


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid4().hex[:12]}"


@pytest.fixture
async def registry(shared_server: RedisServer, namespace: str) -> AsyncIterator[Registry]:
    async with Store.from_url(shared_server.url, namespace, command_timeout_s=5.0) as store:
        yield Registry(store)


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """Where the command writes the signals that it got."""
    path = tmp_path / "signals"
    path.touch()
    return path


async def servers(registry: Registry) -> tuple[Server, ...]:
    reading = await registry.read_pool("web")
    return reading.snapshot.servers if reading else ()


async def gone(registry: Registry) -> bool:
    return not await servers(registry)


def signals(heard: Path) -> list[str]:
    """The numbers of the signals that the command got, in order."""
    return heard.read_text().split()


async def ended(process: subprocess.Popen[str]) -> int:
    """Its exit code."""
    await eventually(lambda: process.poll() is not None)
    assert process.returncode is not None
    return process.returncode


def command(port: int, heard: Path) -> list[str]:
    return ["--", sys.executable, "-c", SERVER, str(port), str(heard)]


async def answers(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def test_without_a_command_it_leaves_at_sigterm_and_a_second_one_cuts_the_drain_short(
    run: Run, registry: Registry
) -> None:
    process = run("--pool", "web", "--address", "127.0.0.1:9001", "--drain", "3600")
    await eventually(lambda: servers(registry), START_S)
    process.send_signal(signal.SIGTERM)
    await eventually(lambda: gone(registry))
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 0


async def test_all_of_it_can_come_from_the_environment(run: Run, registry: Registry) -> None:
    settings = {
        "CLUSTER_LB_POOL": "web",
        "CLUSTER_LB_ADDRESS": "127.0.0.1:9001",
        "CLUSTER_LB_ID": "a",
        "CLUSTER_LB_WEIGHT": "5",
        "CLUSTER_LB_ZONE": "north",
        "CLUSTER_LB_PRIORITY": "2",
        "CLUSTER_LB_TTL": "600",
        "CLUSTER_LB_DRAIN": "0",
    }
    process = run(environment=settings)
    (server,) = await eventually(lambda: servers(registry), START_S)
    assert (server.id, str(server.address), server.weight, server.zone) == ("a", "127.0.0.1:9001", 5, "north")
    assert server.priority == 2
    assert server.lease_ms > 500_000
    process.send_signal(signal.SIGINT)
    assert await ended(process) == 0
    assert await gone(registry)


async def test_a_command_hears_of_sigterm_when_it_has_left_and_drained(
    run: Run, registry: Registry, heard: Path
) -> None:
    port = free_port()
    process = run("--pool", "web", "--address", f"127.0.0.1:{port}", "--drain", "3600", *command(port, heard))
    await eventually(lambda: servers(registry), START_S)
    process.send_signal(signal.SIGTERM)
    await eventually(lambda: gone(registry))
    assert signals(heard) == []
    assert await answers(port)
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 7
    assert signals(heard) == ["15"]


async def test_other_signals_are_passed_on_at_once_and_so_is_one_that_cuts_the_drain_short(
    run: Run, registry: Registry, heard: Path
) -> None:
    port = free_port()
    process = run("--pool", "web", "--address", f"127.0.0.1:{port}", "--drain", "3600", *command(port, heard))
    await eventually(lambda: servers(registry), START_S)
    for count, number in enumerate((signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2), start=1):
        process.send_signal(number)
        await eventually(lambda count=count: len(signals(heard)) == count)
    assert await servers(registry)
    process.send_signal(signal.SIGINT)
    await eventually(lambda: gone(registry))
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 7
    assert signals(heard) == ["1", "10", "12", "2", "15"]


async def test_a_command_whose_port_does_not_answer_is_told_to_end_at_once_and_not_registered_any_more(
    run: Run, registry: Registry, heard: Path
) -> None:
    port = free_port()
    process = run(
        "--pool",
        "web",
        "--address",
        f"127.0.0.1:{port}",
        "--drain",
        "3600",
        *("--", sys.executable, "-c", LATE_SERVER, str(port), str(heard)),
    )
    await eventually(lambda: signals(heard) == ["ready"], START_S)
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 7
    assert await registry.read_pool("web") is None


async def test_a_command_starts_while_redis_is_frozen(run: Run, own_server: RedisServer, heard: Path) -> None:
    port = free_port()
    own_server.freeze()
    process = run(
        "--pool", "web", "--address", f"127.0.0.1:{port}", "--redis", own_server.url, *command(port, heard)
    )
    await eventually(lambda: answers(port), START_S)
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 7
    own_server.thaw()


async def test_standard_output_belongs_to_the_command(run: Run) -> None:
    script = "print('mine'); raise SystemExit(4)"
    process = run("--pool", "web", "--address", "127.0.0.1:1", "--", sys.executable, "-c", script)
    out, err = process.communicate(timeout=START_S)
    assert process.returncode == 4
    assert out == "mine\n"
    assert "the command ended with 4 before 127.0.0.1:1 answered" in err


def test_a_command_that_cannot_be_started_is_one_line_and_exit_code_2(run: Run) -> None:
    process = run("--pool", "web", "--address", "127.0.0.1:9001", "--", "./no-such-server")
    _, err = process.communicate(timeout=START_S)
    assert process.returncode == 2
    assert err == "cluster-lb: command './no-such-server': No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--address", "9001"], "address '9001': write HOST:PORT, or [IPv6]:PORT"),
        (["--address", "127.0.0.1:1", "--priority", "-1"], "priority -1: must be in 0..128"),
        (["--address", "127.0.0.1:1", "--weight", "300"], "weight 300: must be in 0..256"),
        (["--address", "127.0.0.1:1", "--ttl", "0.5"], "ttl_s 0.5: must be in 1..3600 seconds"),
        ([], "Missing option '--address'"),
    ],
)
def test_a_bad_value_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], error: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["register", "--pool", "web", *arguments])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"cluster-lb: {error}")
    assert err.count("\n") == 1
