"""Tickets of simulated nodes."""

from scripts.simulation.events import Events
from scripts.simulation.tickets import Sequence, lone_tickets, shared_tickets


def test_two_runs_take_every_ticket_of_the_sequence_once() -> None:
    events, sequence = Events(), Sequence()
    runs = [shared_tickets(events, sequence, 0.001) for _ in range(2)]
    for run in runs:
        run.adopt(sequence.epoch, 5)
    taken = []
    for step in range(1000):
        events.run(0.01 * (step + 1))
        taken += [run.take() for run in runs]
    assert sorted(taken)[:1500] == list(range(1500))


def test_blocks_of_another_epoch_are_not_given() -> None:
    events, sequence = Events(), Sequence()
    run = shared_tickets(events, sequence, 0.001)
    run.adopt(sequence.epoch + 1, 5)
    events.run(1.0)
    assert run.blocks == 0


def test_a_lone_run_counts_for_itself() -> None:
    run = lone_tickets(7)
    run.adopt(1, 5)
    assert [run.take() for _ in range(20)] == list(range(7, 27))
