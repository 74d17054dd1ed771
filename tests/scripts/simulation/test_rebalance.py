"""Shares over a change of the pool."""

from collections import Counter

import pytest

from scripts.simulation.studies.rebalance import BUCKETS, DOUBLED, IDS, PHASES, Watched, watch
from scripts.simulation.study import Options

EACH = BUCKETS // len(PHASES)


def shares(picks: Counter[str]) -> dict[str, float]:
    return {server_id: count / picks.total() for server_id, count in picks.items()}


def test_every_phase_settles_at_its_exact_shares() -> None:
    watched = watch("weighted_round_robin", Options(("weighted_round_robin",), requests=20_000))
    assert len(watched.picks) == BUCKETS
    for phase, (_, weights) in enumerate(PHASES):
        settled = sum(watched.picks[phase * EACH + 5 : (phase + 1) * EACH], Counter())
        exact = {server_id: weight / sum(weights.values()) for server_id, weight in weights.items()}
        assert shares(settled) == pytest.approx(exact, abs=0.005)


def test_the_greatest_excess_is_that_of_the_first_buckets_after_the_change() -> None:
    exact = Counter({server_id: 10 * weight for server_id, weight in DOUBLED.items()})
    burst = exact + Counter({IDS[5]: 20})
    picks = [exact] * BUCKETS
    picks[2 * EACH + 1] = burst
    picks[3 * EACH - 1] = exact + Counter({IDS[5]: 1000})
    assert Watched(picks, 1.0).greatest_excess(2) == pytest.approx(40 / 160 * 7)


def test_lines_are_percentages_over_time() -> None:
    lines = Watched([Counter({IDS[0]: 1, IDS[1]: 3}), Counter()], 0.5).lines()
    assert lines[IDS[1]] == [(0.0, 75.0), (0.5, 0.0)]
    assert lines[IDS[2]] == [(0.0, 0.0), (0.5, 0.0)]
