"""A registration around another program: held while it serves, given up before it is told to end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence

from tenacity import AsyncRetrying, retry_if_exception_type, wait_fixed

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.address import Address
from cluster_lb.sdk.check import Check
from cluster_lb.sdk.registration import Registration
from cluster_lb.sdk.signals import SignalQueue, caught, next_within
from cluster_lb.tasks import TaskSet

_ENDING = (signal.SIGTERM, signal.SIGINT)
_PASSED_ON = (*_ENDING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_POLL_S = 0.05  # between two looks at a port that does not answer yet
_CONNECT_S = 1.0
_SLOW_START_S = 10.0  # then a line says what is being waited for

_log = logging.getLogger("cluster_lb.sdk")


async def hold(registration: Registration, check: Check | None = None) -> None:
    """Registered until SIGTERM or SIGINT; then drain and leave. A second signal cuts the drain short. `check`
    says meanwhile how the server is."""
    tasks = TaskSet()
    with caught(_ENDING) as signals:
        await _register(registration, check, tasks)
        await signals.get()
        await tasks.stop()
        if await registration.leave():
            await next_within(signals, registration.drain_s)


async def _register(
    registration: Registration,
    check: Check | None,
    tasks: TaskSet,
    is_wanted: Callable[[], bool] = lambda: True,
) -> None:
    """Register with what `check` finds, and keep checking; unless it is not wanted any more by then."""
    if check is not None:
        registration.report_state(*await check.once())
        if not is_wanted():
            return
        tasks.start(check.keep_telling(registration.report_state), "check")
    await registration.start()


class Sidecar:
    """Runs `command`, and keeps it registered from when its port answers until it ends.

    SIGTERM and SIGINT: leave, wait for `drain_s` of the registration, then pass the signal on; a further
    signal cuts the wait short. SIGHUP, SIGUSR1 and SIGUSR2 are passed on at once. `check` says meanwhile how
    the server is.
    """

    def __init__(
        self, registration: Registration, command: Sequence[str], check: Check | None = None
    ) -> None:
        self._registration = registration
        self._command = command
        self._check = check
        self._tasks = TaskSet()
        self._told_to_end = False

    async def run(self) -> int:
        """The exit code of the command, 128 + n for signal n; 1 if it ended well before its port answered.

        Raises InvalidValueError when the command cannot be started or the pool refuses the address.
        """
        with caught(_PASSED_ON) as signals:
            child = await self._spawn()
            try:
                self._tasks.start(self._pass_on(signals, child), "signals")
                return await self._follow(child)
            finally:
                await self._tasks.stop()
                await self._registration.leave()
                await _end(child)

    async def _spawn(self) -> asyncio.subprocess.Process:
        try:
            # In a process group of its own: Ctrl-C at a terminal must not reach it before the drain.
            return await asyncio.create_subprocess_exec(*self._command, process_group=0)
        except OSError as error:
            raise InvalidValueError(f"command {self._command[0]!r}: {error.strerror}") from None

    async def _follow(self, child: asyncio.subprocess.Process) -> int:
        ended = self._tasks.start(child.wait(), "command")
        answered = await self._wait_for_port(ended)
        if answered and not self._told_to_end:
            await _register(self._registration, self._check, self._tasks, lambda: not self._told_to_end)
        code: int = await ended
        status = 128 - code if code < 0 else code
        if not answered and not self._told_to_end:
            _log.error("the command ended with %d before %s answered", status, self._registration.address)
            return status or 1
        if not self._told_to_end:
            _log.warning("the command ended by itself with %d: leaving the pool", status)
        return status

    async def _wait_for_port(self, ended: asyncio.Task[int]) -> bool:
        """Whether the port answered before the command ended."""
        port = self._tasks.start(_answers(Address.parse(self._registration.address)), "port")
        done, _ = await asyncio.wait(
            {ended, port}, timeout=_SLOW_START_S, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            _log.warning("%s does not answer yet: registered when it does", self._registration.address)
            await asyncio.wait({ended, port}, return_when=asyncio.FIRST_COMPLETED)
        return not ended.done()

    async def _pass_on(self, signals: SignalQueue, child: asyncio.subprocess.Process) -> None:
        while True:
            received = await signals.get()
            if received not in _ENDING:
                _send(child, received)
                continue
            self._told_to_end = True
            further = None
            if await self._registration.leave():
                further = await next_within(signals, self._registration.drain_s)
            _send(child, received)
            if further not in (None, received):
                _send(child, further)


async def _answers(address: Address) -> None:
    """Return once a TCP connection to `address` is accepted."""
    polling = AsyncRetrying(wait=wait_fixed(_POLL_S), retry=retry_if_exception_type(OSError))
    await polling(_connect, address)


async def _connect(address: Address) -> None:
    async with asyncio.timeout(_CONNECT_S):
        _, writer = await asyncio.open_connection(address.host, address.port)
    writer.close()


def _send(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if child.returncode is None:
        child.send_signal(number)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.terminate()
        await child.wait()
