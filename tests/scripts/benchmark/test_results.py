"""Medians, ratios and differences over the rounds."""

import pytest

from scripts.benchmark.modes import SMALL
from tests.scripts.benchmark.figures import measured, results, sample


class TestRatio:
    def test_the_median_ignores_a_slow_round(self) -> None:
        assert measured(a=[10.0, 900.0, 12.0]).median("a", SMALL.name, "cpu_us") == 12.0

    def test_nothing_measured_has_no_median(self) -> None:
        assert measured(a=[1.0]).median("b", SMALL.name, "cpu_us") is None
        assert measured(a=[1.0]).median("a", SMALL.name, "redis_per_1000") is None

    def test_the_ratio_compares_within_a_round(self) -> None:
        # Every round is slower than the one before, for both alike: the medians alone would say 40 / 10.
        found = measured(a=[20.0, 40.0, 80.0], base=[10.0, 20.0, 40.0])
        assert found.ratio("a", "base", SMALL.name) == pytest.approx(2.0)

    def test_the_ratio_takes_only_rounds_that_both_have(self) -> None:
        found = measured(a=[20.0, 90.0], base=[10.0])
        assert found.ratio("a", "base", SMALL.name) == pytest.approx(2.0)

    def test_without_the_base_there_is_no_ratio(self) -> None:
        assert measured(a=[20.0]).ratio("a", "base", SMALL.name) is None

    def test_the_base_may_be_in_another_mode(self) -> None:
        found = results({("a", "routes"): [30.0], ("base", "distinct"): [10.0]})
        assert found.ratio("a", "base", "routes", base_mode="distinct") == pytest.approx(3.0)

    def test_latency_compares_like_cpu(self) -> None:
        found = measured()
        found.samples += [sample("a", 1.0, p99_ms=30.0), sample("base", 1.0, p99_ms=20.0)]
        assert found.ratio("a", "base", SMALL.name, "p99_ms") == pytest.approx(1.5)

    def test_where_no_latency_is_measured_there_is_no_ratio_of_it(self) -> None:
        found = measured()
        found.samples += [sample("a", 1.0, p99_ms=None), sample("base", 1.0, p99_ms=None)]
        assert found.ratio("a", "base", SMALL.name, "p99_ms") is None


class TestAdded:
    def test_the_difference_is_taken_within_a_round(self) -> None:
        found = results({("a", "small"): [10.0, 90.0, 20.0], ("a", "log"): [12.0, 92.5, 21.0]})
        assert found.added("a", "log", "small") == pytest.approx(2.0)

    def test_a_mode_that_costs_less_adds_less_than_nothing(self) -> None:
        found = results({("a", "small"): [10.0], ("a", "log"): [9.0]})
        assert found.added("a", "log", "small") == pytest.approx(-1.0)

    def test_nothing_measured_adds_nothing_that_is_known(self) -> None:
        assert results({("a", "log"): [9.0]}).added("a", "log", "small") is None
