"""The percent in force: slow start x adaptive factor, in calm steps."""

from __future__ import annotations

import pytest

from cluster_lb.model.adaptive import Measured
from cluster_lb.model.slow_start import Ramp
from cluster_lb.model.weights import Rules, Weighed, adjust, rounded_percent

NOW, LAST = 100_000.0, 99_000.0
SLOW = Rules(Ramp(30_000))
BOTH = Rules(Ramp(30_000), adaptive=True)


def server(name: str, cpu: float = 0.3, factor: float = 1.0, **fields: float) -> Weighed:
    return Weighed(name, Measured(1, factor, NOW - 500, {"cpu": cpu}), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exact", "percent"), [(0.2, 1), (1.4, 1), (23.6, 24), (49.9, 50), (52.4, 50), (97.4, 95), (99.9, 100)]
)
def test_percents_are_steps_of_five_where_that_is_under_a_tenth_and_never_zero(exact, percent):
    assert rounded_percent(exact) == percent


@pytest.mark.parametrize(
    ("factor", "present", "percent"),
    [(0.91, 100, 100), (0.89, 100, 90), (0.94, 90, 90), (1.0, 95, 100), (0.46, 50, 50), (0.44, 50, 44)],
)
def test_a_percent_stays_until_it_is_off_by_a_tenth(factor, present, percent):
    adjusted = adjust([server("a", factor=factor, percent=present), server("b")], BOTH, NOW, LAST)
    assert adjusted.servers[0].percent == percent


def test_both_factors_are_multiplied_and_both_say_why():
    warming = server("a", cpu=0.9, factor=0.5, warming_from_ms=NOW - 15_000, percent=50)
    found = adjust([warming, server("b"), server("c")], BOTH, NOW, LAST).servers[0]
    assert found.percent == 18  # 0.5 x (0.5 - 30 %)
    assert found.reason == "slow start 15 s of 30, cpu 0.90 against 0.30"


def test_static_weights_forget_what_reports_said():
    found = adjust([server("a", cpu=0.9, factor=0.5, percent=50, reason="x"), server("b")], SLOW, NOW, LAST)
    assert (found.servers[0].percent, found.servers[0].reason, found.servers[0].measured.factor) == (
        100,
        "",
        1.0,
    )


def test_a_server_that_takes_nothing_keeps_its_factor():
    found = adjust([server("a", cpu=0.9, factor=0.5, percent=50, takes=False), server("b")], BOTH, NOW, LAST)
    assert found.servers[0].measured.factor == 0.5


@pytest.mark.parametrize(("since_ms", "entry"), [(NOW - 29_000, None), (NOW - 30_000, 10.0)])
def test_newcomers_begin_slowly_where_somebody_has_served_for_a_whole_warm_up(since_ms, entry):
    assert adjust([server("a", since_ms=since_ms)], SLOW, NOW, LAST).entry_percent == entry
    assert adjust([server("a", since_ms=since_ms)], Rules(), NOW, LAST).entry_percent is None


def test_with_nobody_warm_all_have_all_of_their_weight():
    servers = [server(name, warming_from_ms=NOW - 1000, percent=10) for name in "ab"]
    assert [s.percent for s in adjust(servers, SLOW, NOW, LAST).servers] == [100, 100]
    assert all(s.warming_from_ms == 0 for s in adjust(servers, SLOW, NOW, LAST).servers)
