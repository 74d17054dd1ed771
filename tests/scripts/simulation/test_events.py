"""The clock of a simulation."""

from scripts.simulation.events import Events


def test_what_is_due_next_happens_next_and_equals_keep_their_order() -> None:
    events, seen = Events(), []
    for name, delay_s in (("late", 2.0), ("first", 1.0), ("second", 1.0)):
        events.after(delay_s, lambda name: seen.append((events.now, name)), name)
    events.run()
    assert seen == [(1.0, "first"), (1.0, "second"), (2.0, "late")]


def test_an_event_may_add_others() -> None:
    events, seen = Events(), []

    def again(left: int) -> None:
        seen.append(events.now)
        if left:
            events.after(0.5, again, left - 1)

    events.after(1.0, again, 2)
    events.run()
    assert seen == [1.0, 1.5, 2.0]


def test_a_run_stops_before_its_end_and_goes_on_from_there() -> None:
    events, seen = Events(), []
    events.after(1.0, seen.append, "before")
    events.after(2.0, seen.append, "at the end")
    events.run(2.0)
    assert (seen, events.now) == (["before"], 2.0)
    events.after(1.0, seen.append, "after")
    events.run()
    assert (seen, events.now) == (["before", "at the end", "after"], 3.0)
