"""A server at 90 % cpu beside ones at 30 % is relieved soon, gets all back, and nothing swings meanwhile."""

from __future__ import annotations

import pytest

from scripts.simulation.document import DOCUMENT
from scripts.simulation.studies.adaptive import (
    CHART,
    HOT_FROM,
    HOT_UNTIL,
    HOUR_S,
    TROUBLES,
    Trouble,
    adaptive,
    chart,
    hour,
    relief,
)
from scripts.simulation.study import Options

each_trouble = pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.why)


@each_trouble
@pytest.mark.parametrize(("servers", "seeds"), [(3, 12), (10, 6), (50, 2)])
def test_half_of_its_weight_is_out_of_force_within_10_s(trouble: Trouble, servers: int, seeds: int) -> None:
    found = [relief(trouble, servers, seed) for seed in range(seeds)]
    assert max(one.cut_s for one in found) <= 5
    assert max(one.halved_s for one in found) <= 10


@each_trouble
@pytest.mark.parametrize(("noise", "delay_s"), [(0.0, 0.1), (0.08, 0.1), (0.04, 2.0)])
def test_so_it_is_with_other_noise_and_with_reports_that_come_late(
    trouble: Trouble, noise: float, delay_s: float
) -> None:
    found = [relief(trouble, 4, seed, noise=noise, delay_s=delay_s) for seed in range(6)]
    assert max(one.halved_s for one in found) <= 10


def test_where_its_cpu_follows_its_weight_it_ends_as_busy_as_the_others() -> None:
    trouble = next(trouble for trouble in TROUBLES if trouble.ends_alike)
    assert max(relief(trouble, 4, seed).alike_s for seed in range(6)) <= 90


@each_trouble
@pytest.mark.parametrize(("servers", "end_s"), [(3, HOUR_S), (10, HOUR_S / 2), (50, HOUR_S / 5)])
def test_over_an_hour_nothing_swings_and_all_comes_back(trouble: Trouble, servers: int, end_s: float) -> None:
    samples = hour(trouble, servers, 1, end_s=end_s)
    hot = [s.percents[0] for s in samples if HOT_FROM * end_s + 60 <= s.at_s < HOT_UNTIL * end_s]
    assert max(hot) <= 50
    assert max(hot) - min(hot) <= 10
    assert samples[-1].percents[0] >= 80  # what the dead band leaves, at 30 % cpu
    assert min(min(s.percents[1:]) for s in samples) >= 80


@each_trouble
def test_with_constant_weights_it_stays_hot(trouble: Trouble) -> None:
    samples = hour(trouble, 3, 1, end_s=300, adaptive=False)
    assert min(s.cpu[0] for s in samples if HOT_FROM * 300 <= s.at_s < HOT_UNTIL * 300) > 0.85
    assert samples[-1].epochs == 0


def test_the_picture_in_the_documents_is_the_one_of_the_present_model() -> None:
    assert DOCUMENT.with_name(f"{CHART}.svg").read_text() == chart(Options.seed)


def test_nothing_is_studied_without_a_policy_that_goes_by_weight() -> None:
    assert adaptive(Options(("round_robin",))) is None
