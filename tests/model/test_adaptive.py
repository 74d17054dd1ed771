"""Adaptive factors: who is cut, by how much, and what is neutral."""

from __future__ import annotations

import pytest

from cluster_lb.model.adaptive import Measured, adapt, utilisation

NOW, LAST = 100_000.0, 99_000.0


def reported(factor: float = 1.0, latency_ms: float | None = None, **figures: float) -> Measured:
    return Measured(1, factor, NOW - 500, figures, latency_ms)


def factors(*servers: Measured) -> list[float]:
    return [factor for factor, _ in adapt(servers, NOW, LAST)]


def test_the_hot_one_falls_by_its_distance_from_the_mean_less_the_dead_band():
    assert factors(reported(cpu=0.5), *[reported(cpu=0.38)] * 3)[0] == pytest.approx(1 - 0.4 * (0.09 - 0.05))


def test_what_is_far_from_the_mean_counts_twice():
    (factor, why), *others = adapt([reported(cpu=0.9), reported(cpu=0.3), reported(cpu=0.3)], NOW, LAST)
    assert factor == pytest.approx(1 - 0.4 * ((0.9 - 0.5 - 0.05) + (0.9 - 0.5 - 0.15)))
    assert why == "cpu 0.90 against 0.50"
    assert [other for other, _ in others] == [1.0, 1.0]


def test_within_the_dead_band_nothing_moves():
    assert factors(reported(cpu=0.54), reported(cpu=0.5), reported(0.8, cpu=0.49)) == [1.0, 1.0, 0.8]


def test_one_report_moves_at_most_30_percent_down_and_a_tenth_up():
    assert factors(reported(cpu=1.0), *[reported(cpu=0.0)] * 9) == [0.7] + [1.0] * 9
    assert factors(reported(0.5, cpu=0.0), reported(cpu=0.9))[0] == pytest.approx(0.55)


def test_only_those_with_nearly_all_of_their_weight_are_the_yardstick():
    assert factors(reported(0.1, cpu=0.95), reported(cpu=0.3), reported(0.5, cpu=0.3)) == [0.1, 1.0, 0.5]


def test_a_server_that_is_stronger_than_all_others_sees_them_fall_to_its_level():
    weak, strong = [reported(0.89, cpu=0.9)] * 3, reported(cpu=0.3)
    assert factors(*weak, strong) == [pytest.approx(0.89 * 0.7)] * 3 + [1.0]


def test_somebody_always_has_all_of_its_weight():
    assert factors(reported(0.4, cpu=0.5), reported(0.2, cpu=0.5)) == [1.0, 0.5]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"cpu": 0.4, "load_average": 0.9}, ("cpu", 0.4)),
        ({"load_average": 7.0}, ("load average", 1.0)),
        ({"cpu": 0.4, "bandwidth": 0.6}, ("bandwidth", 0.6)),
        ({"cpu": 0.4, "memory": 0.79}, ("cpu", 0.4)),
        ({"cpu": 0.4, "memory": 0.95}, ("memory pressure", pytest.approx(0.75))),
        ({"memory": 0.5}, None),
        ({}, None),
    ],
)
def test_utilisation_is_the_greatest_of_what_is_reported(figures, expected):
    assert utilisation(figures) == expected


def test_a_server_without_figures_is_neutral_and_returns_to_all():
    assert factors(reported(), reported(0.5), reported(cpu=0.9)) == [1.0, 0.55, 1.0]


def test_a_report_acts_once_and_an_old_one_not_at_all():
    used = Measured(1, 0.7, LAST - 1, {"cpu": 1.0})
    old = Measured(1, 0.7, NOW - 30_001, {"cpu": 1.0})
    assert factors(used, old, reported(cpu=0.2)) == [0.7, 0.75, 1.0]


def test_slowness_counts_in_doublings_beyond_twice_the_median():
    fast = [reported(latency_ms=10.0)] * 2
    assert factors(reported(latency_ms=80.0), *fast)[0] == pytest.approx(1 - 0.4 * 0.5)
    assert factors(reported(latency_ms=40.0), *fast)[0] == pytest.approx(1 - 0.4 * 0.25)
    assert factors(reported(0.5, latency_ms=18.0), *fast)[0] == 0.5
    assert factors(reported(0.5, latency_ms=14.0), *fast)[0] == pytest.approx(0.52)


def test_differences_of_a_few_milliseconds_are_noise():
    assert factors(reported(latency_ms=9.0), reported(latency_ms=0.2), reported(latency_ms=0.2)) == [1.0] * 3


def test_requests_in_flight_count_for_the_weight():
    servers = [Measured(weight, 1.0, NOW - 500, {"in_flight": 40.0}) for weight in (4, 1, 4)]
    found = adapt(servers, NOW, LAST)
    assert [factor for factor, _ in found] == [1.0, pytest.approx(1 - 0.4 * 0.25), 1.0]
    assert found[1][1] == "in flight 120 against 30"


def test_a_slow_server_does_not_rise_because_its_cpu_is_idle():
    crowd = [reported(cpu=0.5, latency_ms=10.0)] * 2
    assert factors(reported(0.5, cpu=0.1, latency_ms=18.0), *crowd)[0] == 0.5
    assert factors(reported(0.5, cpu=0.1, latency_ms=10.0), *crowd)[0] == pytest.approx(0.55)


def test_without_servers_there_is_nothing_to_do():
    assert adapt([], NOW, LAST) == []
