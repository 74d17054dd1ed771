"""Commands with a registration around them; their signals are tested with the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.availability import ServerState
from cluster_lb.sdk import Registration
from cluster_lb.sdk import sidecar as module
from cluster_lb.sdk.check import Check
from cluster_lb.sdk.sidecar import Sidecar
from cluster_lb.store.registry import Registry
from tests.doubles.ports import free_port
from tests.doubles.waiting import eventually
from tests.sdk.conftest import Pool

# Listens on the port that it is given, and ends with 7 once a client has sent a byte.
SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while not listener.accept()[0].recv(1):
        pass
sys.exit(7)
"""


@pytest.fixture
def port() -> int:
    return free_port()


def sidecar(pool: Pool, port: int, *command: str, check: Check | None = None) -> Sidecar:
    return Sidecar(Registration("web", f"127.0.0.1:{port}", drain_s=0, **pool.redis), command, check)


async def test_a_command_is_registered_from_when_its_port_answers_until_it_ends(
    pool: Pool, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    running = asyncio.ensure_future(sidecar(pool, port, sys.executable, "-c", SERVER, str(port)).run())
    await eventually(pool.servers)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"!")
    assert await running == 7
    assert not await pool.servers()
    assert "the command ended by itself with 7: leaving the pool" in caplog.text
    writer.close()
    await writer.wait_closed()


async def test_a_check_says_how_the_command_is_from_its_registration_on(
    pool: Pool, port: int, tmp_path: Path
) -> None:
    ill = tmp_path / "ill"
    ill.write_text("warming up")
    check = Check(("sh", "-c", f"! cat {ill} 2>/dev/null"), interval_s=0.01, timeout_s=30.0)
    command = (sys.executable, "-c", SERVER, str(port))
    running = asyncio.ensure_future(sidecar(pool, port, *command, check=check).run())
    [server] = (await eventually(pool.servers)).values()
    assert (server.state, server.state_reason) == (ServerState.DOWN, "exit 1: warming up")
    ill.unlink()
    await eventually(lambda: _says_up(pool))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"!")
    assert await running == 7
    writer.close()
    await writer.wait_closed()


async def test_a_command_that_is_told_to_end_while_its_first_check_runs_is_not_registered(
    pool: Pool, port: int, tmp_path: Path
) -> None:
    runs, done = tmp_path / "runs", tmp_path / "done"
    check = Check(("sh", "-c", f"touch {runs}; until [ -e {done} ]; do sleep 0.01; done"), timeout_s=30.0)
    command = (sys.executable, "-c", SERVER, str(port))
    running = asyncio.ensure_future(sidecar(pool, port, *command, check=check).run())
    await eventually(runs.exists)
    os.kill(os.getpid(), signal.SIGTERM)
    await eventually(lambda: _refuses(port))
    done.touch()
    assert await running == 128 + signal.SIGTERM
    assert await Registry(pool.store).read_pool("web") is None


async def _refuses(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    await writer.wait_closed()
    return False


async def _says_up(pool: Pool) -> bool:
    [server] = (await pool.servers()).values()
    return server.state is ServerState.UP


@pytest.mark.parametrize(("ended_with", "code"), [(3, 3), (0, 1)])
async def test_a_command_that_ends_before_its_port_answers_has_failed(
    pool: Pool, port: int, caplog: pytest.LogCaptureFixture, ended_with: int, code: int
) -> None:
    command = [sys.executable, "-c", f"raise SystemExit({ended_with})"]
    assert await sidecar(pool, port, *command).run() == code
    assert f"the command ended with {ended_with} before 127.0.0.1:{port} answered" in caplog.text
    assert not await pool.servers()


async def test_a_command_that_a_signal_ended_counts_from_128(pool: Pool, port: int) -> None:
    script = "import os; os.kill(os.getpid(), 9)"
    assert await sidecar(pool, port, sys.executable, "-c", script).run() == 137


async def test_a_command_that_cannot_be_started_is_named(pool: Pool, port: int) -> None:
    with pytest.raises(InvalidValueError, match=r"command '\./no-such-server': No such file or directory"):
        await sidecar(pool, port, "./no-such-server").run()


async def test_a_command_whose_address_the_pool_refuses_is_ended(pool: Pool, port: int) -> None:
    await pool.allow("10.0.0.0/8")
    with pytest.raises(InvalidValueError, match="allows 10"):
        await sidecar(pool, port, sys.executable, "-c", SERVER, str(port)).run()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_that_takes_long_to_answer_is_named_and_waited_for(
    pool: Pool, port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLOW_START_S", 0.0)
    running = asyncio.ensure_future(sidecar(pool, port, sys.executable, "-c", SERVER, str(port)).run())
    await eventually(pool.servers)
    assert f"127.0.0.1:{port} does not answer yet" in caplog.text
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"!")
    assert await running == 7
    writer.close()
    await writer.wait_closed()
