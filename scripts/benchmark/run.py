"""The run itself: starts everything, checks it, then measures in interleaved rounds."""

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from scripts.benchmark import backends, check, cpu, identity, load, processes
from scripts.benchmark.contenders import Contender, Running, Site, StartError, label
from scripts.benchmark.identity import Identity
from scripts.benchmark.meters import Meters, make_sample
from scripts.benchmark.modes import Mode
from scripts.benchmark.results import LoadResult, Results, Sample
from scripts.benchmark.setups import Setup

WARM_UP_S = 1

Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan:
    """What to measure; `seconds` is the length of one measurement."""

    contenders: tuple[Contender, ...]
    modes: tuple[Mode, ...]
    rounds: int
    seconds: int

    def setups(self, contender: Contender) -> list[Setup]:
        """In which setups the contender has to run."""
        wanted = {mode.setup for mode in self.modes}
        return [setup for setup in contender.setups if setup in wanted]


@dataclass(frozen=True)
class Entrant:
    """A contender that runs and serves in one setup."""

    name: str
    setup: Setup
    port: int
    running: Running

    def read_meters(self) -> Meters:
        count = self.running.redis_commands
        return Meters(cpu.seconds_of(self.running.process.pid), count() if count else None)


class Run:
    """One run of a plan. `folder` holds everything that is written; the contenders get the first core."""

    def __init__(self, plan: Plan, generators: load.Generators, folder: Path, cores: tuple[int, int]) -> None:
        self.plan, self.generators, self.folder, self.cores = plan, generators, folder, cores
        self.results = Results()
        self.identity: Identity | None = None
        self.servers: tuple[int, ...] = ()

    def measure(self) -> None:
        """Fills `results`. This process and all but the contenders get the second core."""
        os.sched_setaffinity(0, {self.cores[1]})
        if self.generators.openssl and any(mode.setup.tls for mode in self.plan.modes):
            self.identity = identity.make(self.generators.openssl, self.folder)
        with ExitStack() as stack:
            servers = stack.enter_context(backends.running(self.folder, self.cores[1]))
            self.servers = servers.ports
            self.results.versions["backends"] = servers.program
            entrants = self._start(stack)
            self._warm_up(entrants)
            for number in range(self.plan.rounds):
                for entrant, mode in order(self.plan, entrants, number):
                    self._measure_one(entrant, mode, number)

    def _start(self, stack: ExitStack) -> list[Entrant]:
        entrants = []
        for contender in self.plan.contenders:
            if reason := contender.missing():
                self._missing(contender.name, reason)
                continue
            for setup in self.plan.setups(contender):
                try:
                    entrants.append(self._enter(stack, contender, setup))
                except StartError as error:
                    self._missing(label(contender.name, setup), str(error))
        return entrants

    def _enter(self, stack: ExitStack, contender: Contender, setup: Setup) -> Entrant:
        if setup.tls and self.identity is None:
            raise StartError("`openssl` is not installed, which makes the certificate and the handshakes")
        folder = self.folder / label(contender.name, setup).replace(" ", "-")
        folder.mkdir()
        shown = self.identity if setup.tls else None
        site = Site(processes.free_port(), self.servers, folder, *self.cores, setup, shown)
        running = stack.enter_context(contender.start(site))
        client = shown.client_context() if shown else None
        fault = check.wait_until_serving(site.port, client)
        if fault:
            raise StartError(f"it does not serve: {fault}; it printed: {running.process.last_words()}")
        self.results.versions[contender.name] = contender.version()
        for mode in self.plan.modes:
            if mode.setup == setup and (wrong := check.fault(site.port, mode, client)):
                self._fault(contender.name, mode, wrong)
        return Entrant(contender.name, setup, site.port, running)

    def _warm_up(self, entrants: Sequence[Entrant]) -> None:
        """Load that nobody counts: a process that has just started still has things to do and to learn."""
        for entrant in entrants:
            mode = next(mode for mode in self.plan.modes if mode.setup == entrant.setup)
            self._load(entrant, mode, WARM_UP_S)

    def _measure_one(self, entrant: Entrant, mode: Mode, number: int) -> None:
        before = entrant.read_meters()
        result = self._load(entrant, mode, self.plan.seconds)
        after = entrant.read_meters()
        if result is not None:
            sample = make_sample(entrant.name, mode, number, result, before, after)
            self.results.samples.append(sample)
            say(f"round {number + 1}/{self.plan.rounds}  {line(sample, result)}")

    def _load(self, entrant: Entrant, mode: Mode, seconds: int) -> LoadResult | None:
        """None where the mode is at fault, which is noted: it is not tried again."""
        if (entrant.name, mode.name) in self.results.faults:
            return None
        try:
            result = load.run(self.generators, entrant.port, mode, seconds, self.folder)
        except ValueError as error:
            self._fault(entrant.name, mode, str(error))
            return None
        if not result.requests:
            last_words = entrant.running.process.last_words()
            self._fault(entrant.name, mode, f"no request was served; it printed: {last_words}")
            return None
        return result

    def _missing(self, name: str, reason: str) -> None:
        self.results.missing[name] = reason
        say(f"{name} is left out: {reason}")

    def _fault(self, contender: str, mode: Mode, reason: str) -> None:
        self.results.faults[contender, mode.name] = reason
        say(f"{contender}, {mode.name}: {reason}")


def order(plan: Plan, entrants: Sequence[Entrant], number: int) -> list[tuple[Entrant, Mode]]:
    """Round `number`: modes one after the other, each contender first in turn.

    A mode that extends another follows it at each contender, so that their difference sees no slow spell.
    """
    by_setup = {(entrant.name, entrant.setup): entrant for entrant in entrants}
    names = rotated(list(dict.fromkeys(entrant.name for entrant in entrants)), number)
    families = [list(modes) for _, modes in groupby(plan.modes, lambda mode: mode.family)]
    return [
        (by_setup[name, mode.setup], mode)
        for modes in families
        for name in names
        for mode in modes
        if (name, mode.setup) in by_setup
    ]


def rotated(items: Sequence[Item], by: int) -> list[Item]:
    """The order of round number `by`: each item comes first in turn."""
    cut = by % len(items) if items else 0
    return [*items[cut:], *items[:cut]]


def line(sample: Sample, result: LoadResult) -> str:
    """One measurement, for the terminal."""
    text = f"{sample.mode:12} {sample.contender:12} {sample.cpu_us:8.1f} us a request"
    text += f" {sample.requests_per_s:9.0f}/s"
    if sample.p99_ms is not None:
        text += f"  p99 {sample.p99_ms:8.2f} ms"
    if result.errors:
        text += f"  {result.bad_status} bad statuses, {result.socket_errors} socket errors"
        text += f", {result.wrong_handshakes} wrong handshakes"
    return text


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(plan: Plan, generators: load.Generators, cores: tuple[int, int]) -> Results:
    """Carries out the plan in a folder of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cluster-lb-bench-") as folder:
        session = Run(plan, generators, Path(folder), cores)
        session.measure()
        return session.results
