"""Signals to this very process."""

from __future__ import annotations

import os
import signal

from cluster_lb.sdk.signals import caught, next_within


async def test_signals_come_out_in_order_and_do_nothing_else() -> None:
    with caught((signal.SIGUSR1, signal.SIGUSR2)) as signals:
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            os.kill(os.getpid(), number)
            assert await next_within(signals, 10.0) is number


async def test_what_signals_did_before_is_restored() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with caught((signal.SIGUSR1,)):
        assert signal.getsignal(signal.SIGUSR1) is not before
    assert signal.getsignal(signal.SIGUSR1) is before


async def test_no_signal_in_time_is_none() -> None:
    with caught((signal.SIGUSR1,)) as signals:
        assert await next_within(signals, 0.0) is None
