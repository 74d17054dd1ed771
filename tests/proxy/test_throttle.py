"""A flood of events of one kind becomes a few and a number."""

from __future__ import annotations

from cluster_lb.proxy.throttle import MAX_EVENTS, Throttle


def burst(throttle: Throttle, count: int) -> int:
    return sum(throttle.allows() for _ in range(count))


def test_so_many_are_allowed_in_a_window_and_the_rest_is_counted(events):
    throttle = Throttle("request failed")
    throttle.on_tick(100.0)
    assert burst(throttle, 1000) == MAX_EVENTS
    throttle.on_tick(100.75)
    assert burst(throttle, 5) == 0
    assert events == []
    throttle.on_tick(101.0)
    assert events == [
        {
            "event": "events left out",
            "log_level": "warning",
            "of": "request failed",
            "left_out": 1005 - MAX_EVENTS,
        }
    ]
    assert burst(throttle, 3) == 3


def test_a_window_in_which_all_were_allowed_says_nothing(events):
    throttle = Throttle("request failed")
    throttle.on_tick(0.0)
    burst(throttle, MAX_EVENTS)
    throttle.on_tick(1.0)
    throttle.on_tick(2.0)
    assert events == []
