"""The shared sequence of tickets, and the nodes' runs of it, which are the product's own."""

from __future__ import annotations

from cluster_lb.model.ticket_run import BlockRequest, TicketRun
from scripts.simulation.events import Events


class Sequence:
    """The counter in the store; hands out what cluster_lb/store/lua/take_tickets-2.lua would."""

    def __init__(self) -> None:
        self.epoch = 1
        self._next = 0

    def take(self, request: BlockRequest) -> tuple[int, int]:
        """(first ticket, count); count 0: none."""
        if request.epoch != self.epoch:
            return 0, 0
        continues = request.continues_at in (-1, self._next)
        first, count = self._next, request.count if continues else request.apart
        self._next += count
        return first, count


def shared_tickets(events: Events, sequence: Sequence, delay_s: float) -> TicketRun:
    """A run that takes its blocks from `sequence`, `delay_s` away."""

    def ask() -> None:
        request = run.request(events.now)
        events.after(delay_s, answer, request)

    def answer(request: BlockRequest) -> None:
        events.after(delay_s, run.deliver, request, *sequence.take(request))

    # The run says in the middle of its own work that it needs a block: ask when that is done.
    run = TicketRun(wake=lambda: events.after(0.0, ask))
    return run


def lone_tickets(start: int) -> TicketRun:
    """A run that never gets a block, and counts for itself from `start`: a node without a cluster."""
    return TicketRun(wake=_nothing, start=start)


def _nothing() -> None:
    """No block comes."""
