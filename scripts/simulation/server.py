"""A simulated server: some requests at once, the others in a queue, first come, first served."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from scripts.simulation.events import Events
from scripts.simulation.scenario import Kind

REFUSAL_S = 0.001  # how quickly a failing server refuses

Done = Callable[[bool], None]


class Server:
    """`in_flight`: attempts that it works on, or that wait in its queue. `offered`: ever."""

    __slots__ = ("_events", "_queue", "_random", "_working", "id", "in_flight", "kind", "offered")

    def __init__(self, server_id: str, kind: Kind, events: Events, random: Random) -> None:
        self.id = server_id
        self.kind = kind
        self.in_flight = 0
        self.offered = 0
        self._events = events
        self._random = random
        self._working = 0
        self._queue: deque[tuple[float, Done]] = deque()

    @property
    def fullness(self) -> float:
        """Attempts in flight for each slot: 1 is a full server without a queue."""
        return self.in_flight / self.kind.slots

    def offer(self, work_s: float, done: Done) -> None:
        """Take an attempt that would take a server of usual speed `work_s`; `done(went_well)` ends it."""
        self.in_flight += 1
        self.offered += 1
        if self.kind.failing and self._random.random() < self.kind.failing:
            self._events.after(REFUSAL_S, self._refuse, done)
        elif self._working < self.kind.slots:
            self._work(work_s, done)
        else:
            self._queue.append((work_s, done))

    def _refuse(self, done: Done) -> None:
        self.in_flight -= 1
        done(False)

    def _work(self, work_s: float, done: Done) -> None:
        self._working += 1
        self._events.after(work_s * self.kind.slowness, self._finish, done)

    def _finish(self, done: Done) -> None:
        self.in_flight -= 1
        self._working -= 1
        if self._queue:
            self._work(*self._queue.popleft())
        done(True)
