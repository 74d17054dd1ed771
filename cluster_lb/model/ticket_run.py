"""One node's share of a pool's ticket sequence: which ticket comes next, and how many to ask for.

The cluster has one sequence of tickets; a ticket t means schedule[t mod period]. Any contiguous run of the
schedule gives each server its share to within less than 2. A node takes blocks of the sequence, and keeps
to one rule: it holds at most one block that is partly used. Then what N nodes have used is at most N
contiguous runs, so each server is within less than 2 N of its share, however the traffic is split:

    nothing at hand         a block of any size may be taken
    a block still in use    the next one must continue it (then both are one run), or be whole periods
                            (untouched, it is exactly neutral: leaving out a period shifts nothing)

With nothing at hand the node never waits: it goes on from local tickets, the numbers that follow its last
block. When the next block comes they are crossed off it, each against a ticket of the same turn (same
number mod period), so a local ticket is a shared one used early. For a lone node they are those very
tickets. What cannot be crossed off yet is owed, and crossed off later blocks.

A new epoch voids what is held and owed: the schedule is another.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

BLOCK_S = 0.1  # a block lasts about so long: 10 calls a second under load
GROWTH = 8  # a block is at most so many times the one before, or the burst that it follows
MAX_BLOCK = 65536
MAX_HELD_S = 10.0  # whole periods are taken ahead only when they last no longer


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """What to ask for: `count` tickets when the next one is `continues_at`, or when that is -1 (nothing is
    at hand); else `apart` tickets: whole periods, or 0 for none."""

    epoch: int
    continues_at: int
    count: int
    apart: int


class TicketRun:
    """Hands out tickets. `take` is on the path of every request; all else is called by the refill.

    `wake` is called once when the tickets at hand run low: half of the last block, or none. It is called
    again only after `deliver` or `adopt`. `start`: the first local ticket where no block was ever taken;
    random, so that nodes cut off from Redis do not all begin with the same server.
    """

    __slots__ = (
        "_asked",
        "_block_end",
        "_end",
        "_local_from",
        "_local_spent",
        "_low",
        "_mark",
        "_next",
        "_owed",
        "_queue",
        "_queued",
        "_request_at",
        "_request_local",
        "_request_shared",
        "_run_from",
        "_shared_spent",
        "_size",
        "_wake",
        "blocks",
        "epoch",
        "period",
    )

    def __init__(self, wake: Callable[[], None], start: int = 0) -> None:
        self._wake = wake
        self.epoch = -1
        self.period = 1
        self.blocks = 0  # taken so far
        # The run in use: _run_from.._next - 1 are used, _next.._end - 1 at hand. take() is quick up to _mark.
        self._next = self._run_from = self._end = self._mark = start
        self._queue: deque[tuple[int, int]] = deque()  # runs that follow: (first, end)
        self._queued = 0  # tickets in them
        self._size = 1  # of the last block
        self._block_end = start  # the ticket after it: where local ones go on
        self._low = 0  # with so many at hand it is time to ask
        self._asked = True  # nothing to ask for before the first epoch
        self._local_from: int | None = None  # first ticket of the local burst under way
        self._owed: dict[int, int] = {}  # turn -> local tickets used and not yet crossed off
        self._shared_spent = 0  # used in runs that ended
        self._local_spent = 0  # used in local bursts that ended
        self._request_at = -math.inf
        self._request_shared = self._request_local = 0

    def take(self) -> int:
        """The next ticket of this node."""
        ticket = self._next
        if ticket >= self._mark:
            return self._take_at_mark()
        self._next = ticket + 1
        return ticket

    @property
    def shared_used(self) -> int:
        """Tickets used out of blocks so far."""
        return self._shared_spent + (self._next - self._run_from if self._local_from is None else 0)

    @property
    def local_used(self) -> int:
        """Local tickets used so far."""
        return self._local_spent + (0 if self._local_from is None else self._next - self._local_from)

    @property
    def at_hand(self) -> int:
        """Shared tickets held and not used."""
        return self._queued + (self._end - self._next if self._local_from is None else 0)

    @property
    def owed(self) -> dict[int, int]:
        """Turn (ticket mod period) -> local tickets used there that no block has made up for yet."""
        owed = dict(self._owed)
        if self._local_from is not None:
            self._owe(owed, self._local_from, self._next)
        return owed

    def _take_at_mark(self) -> int:
        """At the low-water mark, at the end of a run, or with nothing at hand."""
        if self._local_from is None and self._next >= self._end:
            self._start_next_run()
        ticket = self._next
        self._next = ticket + 1
        if not self._asked and self.at_hand <= self._low:
            self._asked = True
            self._wake()
        self._set_mark()
        return ticket

    def _start_next_run(self) -> None:
        """Go on with the run that follows; when there is none, from local tickets."""
        self._shared_spent += self._next - self._run_from
        if self._queue:
            self._next, self._end = self._queue.popleft()
            self._queued -= self._end - self._next
        else:
            self._next = self._end = self._local_from = self._block_end
        self._run_from = self._next

    def _set_mark(self) -> None:
        if self._local_from is not None:
            self._mark = self._next  # local tickets all pass the slow road: they are few
        elif self._asked:
            self._mark = self._end
        else:
            # The ticket at the mark is the one whose use leaves `_low` at hand.
            self._mark = min(self._end, max(self._next, self._end + self._queued - self._low - 1))

    def adopt(self, epoch: int, period: int) -> None:
        """Serve `epoch`, whose schedule repeats after `period` tickets; 0: there is no server, so no ticket
        is asked for. What is held is void. The same epoch again changes nothing."""
        if epoch == self.epoch:
            return
        self._end_local_burst()
        self._shared_spent += self._next - self._run_from
        self.epoch = epoch
        self.period = max(1, period)
        self._queue.clear()
        self._queued = 0
        self._owed.clear()
        self._run_from = self._end = self._next
        self._asked = True
        if period > 0:
            self._wake()
        self._set_mark()

    def request(self, now: float) -> BlockRequest:
        """What to ask for at `now` (seconds, monotonic), from the demand since the last request."""
        local = self.local_used - self._request_local
        used = self.shared_used - self._request_shared + local
        rate = used / max(now - self._request_at, 1e-3)
        self._request_at = now
        self._request_shared, self._request_local = self.shared_used, self.local_used
        want = max(1, min(max(round(rate * BLOCK_S), local), GROWTH * max(self._size, local), MAX_BLOCK))
        if self.at_hand == 0:
            owed = sum(self.owed.values())
            return BlockRequest(self.epoch, -1, min(want + owed, MAX_BLOCK), 0)
        whole = -(-want // self.period) * self.period
        affordable = whole <= MAX_BLOCK and whole <= rate * MAX_HELD_S
        return BlockRequest(self.epoch, self._block_end, want, whole if affordable else 0)

    def deliver(self, request: BlockRequest, first: int, count: int) -> None:
        """Hold the block `first`..`first + count - 1` that `request` brought; `count` 0: it brought none,
        ask again when nothing is at hand. A block of another epoch is void."""
        if request.epoch != self.epoch:
            return
        self._asked = False
        self._low = 0
        if count > 0:
            self._hold(first, count)
        if self.at_hand == 0:  # the last went while none came, or all of the block made up for local ones
            self._asked = True
            self._wake()
        self._set_mark()

    def _hold(self, first: int, count: int) -> None:
        self._end_local_burst()
        self.blocks += 1
        self._size = count
        self._low = count // 2
        self._block_end = first + count
        for run in self._cross_off(first, first + count):
            self._queue.append(run)
            self._queued += run[1] - run[0]

    def _end_local_burst(self) -> None:
        if self._local_from is None:
            return
        self._owe(self._owed, self._local_from, self._next)
        self._local_spent += self._next - self._local_from
        self._local_from = None
        self._run_from = self._end = self._next

    def _owe(self, owed: dict[int, int], first: int, end: int) -> None:
        """Add the turns of `first`..`end - 1`; whole periods among them are even and need no making up."""
        for ticket in range(first, first + (end - first) % self.period):
            turn = ticket % self.period
            owed[turn] = owed.get(turn, 0) + 1

    def _cross_off(self, first: int, end: int) -> list[tuple[int, int]]:
        """The runs of `first`..`end - 1` that remain when each owed turn has taken its ticket."""
        runs = []
        start = first
        for ticket in range(first, end):
            if not self._owed:
                break
            turn = ticket % self.period
            if turn in self._owed:
                self._owed[turn] -= 1
                if not self._owed[turn]:
                    del self._owed[turn]
                if start < ticket:
                    runs.append((start, ticket))
                start = ticket + 1
        if start < end:
            runs.append((start, end))
        return runs
