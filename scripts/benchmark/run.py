"""The run itself: starts everything, checks it, then measures in interleaved rounds."""

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scripts.benchmark import backends, check, cpu, load, processes
from scripts.benchmark.contenders import Contender, RedisCommands, Running, Site, StartError
from scripts.benchmark.modes import Mode
from scripts.benchmark.results import Results, Sample

MICROSECONDS = 1_000_000

Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan:
    """What to measure; `seconds` is the length of one measurement."""

    contenders: tuple[Contender, ...]
    modes: tuple[Mode, ...]
    rounds: int
    seconds: int


@dataclass(frozen=True)
class Meters:
    """What a contender has used so far; `redis_commands` is None where there is no Redis."""

    cpu_seconds: float
    redis_commands: RedisCommands | None = None


@dataclass(frozen=True)
class Entrant:
    """A contender that runs and serves."""

    name: str
    port: int
    running: Running

    def read_meters(self) -> Meters:
        count = self.running.redis_commands
        return Meters(cpu.seconds_of(self.running.process.pid), count() if count else None)


class Run:
    """One run of a plan. `folder` holds everything that is written, `wrk` is the load generator's path."""

    def __init__(self, plan: Plan, wrk: str, folder: Path) -> None:
        self.plan, self.wrk, self.folder = plan, wrk, folder
        self.results = Results()

    def measure(self, cores: tuple[int, int]) -> None:
        """Fills `results`. The contenders get the first core, this process and all the rest the second."""
        os.sched_setaffinity(0, {cores[1]})
        with ExitStack() as stack:
            servers = stack.enter_context(backends.running(self.folder, cores[1]))
            self.results.versions["backends"] = servers.program
            entrants = self._start(stack, servers.ports, cores)
            for number in range(self.plan.rounds):
                for mode in self.plan.modes:
                    for entrant in rotated(entrants, number):
                        self._measure_one(entrant, mode, number)

    def _start(self, stack: ExitStack, servers: tuple[int, ...], cores: tuple[int, int]) -> list[Entrant]:
        entrants = []
        for contender in self.plan.contenders:
            reason = contender.missing()
            if reason is None:
                try:
                    entrants.append(self._enter(stack, contender, servers, cores))
                except StartError as error:
                    reason = str(error)
            if reason:
                self.results.missing[contender.name] = reason
                say(f"{contender.name} is left out: {reason}")
        return entrants

    def _enter(
        self, stack: ExitStack, contender: Contender, servers: tuple[int, ...], cores: tuple[int, int]
    ) -> Entrant:
        folder = self.folder / contender.name.replace(" ", "-")
        folder.mkdir()
        site = Site(processes.free_port(), servers, folder, *cores)
        running = stack.enter_context(contender.start(site))
        fault = check.wait_until_serving(site.port)
        if fault:
            raise StartError(f"it does not serve: {fault}; it printed: {running.process.last_words()}")
        self.results.versions[contender.name] = contender.version()
        for mode in self.plan.modes:
            if wrong := check.fault(site.port, mode):
                self._fault(contender.name, mode, wrong)
        return Entrant(contender.name, site.port, running)

    def _measure_one(self, entrant: Entrant, mode: Mode, number: int) -> None:
        if (entrant.name, mode.name) in self.results.faults:
            return
        before = entrant.read_meters()
        result = load.run(self.wrk, entrant.port, mode, self.plan.seconds, self.folder)
        after = entrant.read_meters()
        if not result.requests:
            last_words = entrant.running.process.last_words()
            self._fault(entrant.name, mode, f"no request was served; it printed: {last_words}")
            return
        sample = make_sample(entrant.name, mode, number, result, before, after)
        self.results.samples.append(sample)
        say(
            f"round {number + 1}/{self.plan.rounds}  {mode.name:8} {entrant.name:24}"
            f" {sample.cpu_us:8.1f} us a request {sample.requests_per_s:9.0f}/s  p99 {sample.p99_ms:8.2f} ms"
            + (
                f"  {result.bad_status} bad statuses, {result.socket_errors} socket errors"
                if result.errors
                else ""
            )
        )

    def _fault(self, contender: str, mode: Mode, reason: str) -> None:
        self.results.faults[contender, mode.name] = reason
        say(f"{contender}, {mode.name}: {reason}")


def make_sample(
    contender: str, mode: Mode, number: int, result: load.LoadResult, before: Meters, after: Meters
) -> Sample:
    """The figures of one measurement, from what wrk counted and the meters around it."""
    sent = executed = None
    if before.redis_commands is not None and after.redis_commands is not None:
        sent = (after.redis_commands.sent - before.redis_commands.sent) * 1000 / result.requests
        executed = (after.redis_commands.executed - before.redis_commands.executed) * 1000 / result.requests
    return Sample(
        contender,
        mode.name,
        number,
        cpu_us=(after.cpu_seconds - before.cpu_seconds) * MICROSECONDS / result.requests,
        requests_per_s=result.requests_per_s,
        p99_ms=result.p99_ms,
        errors=result.errors,
        redis_per_1000=sent,
        redis_executed_per_1000=executed,
    )


def rotated(items: Sequence[Item], by: int) -> list[Item]:
    """The order of round number `by`: each item comes first in turn."""
    cut = by % len(items) if items else 0
    return [*items[cut:], *items[:cut]]


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(plan: Plan, wrk: str, cores: tuple[int, int]) -> Results:
    """Carries out the plan in a folder of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cluster-lb-bench-") as folder:
        session = Run(plan, wrk, Path(folder))
        session.measure(cores)
        return session.results
