"""Adaptive weights in a closed loop: nothing swings, and what is not their business they leave alone."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest

from scripts.simulation.closed_loop import Machine, Sample, run

TWENTY_MINUTES_S = 1200


def samples_of(
    machines: list[Machine],
    load: float,
    seed: int = 1,
    noise: float = 0.04,
    duration_s: int = TWENTY_MINUTES_S,
) -> list[Sample]:
    return list(run(machines, lambda at_s: load, duration_s, random=Random(seed), noise=noise))


@pytest.mark.parametrize("seed", range(2))
def test_servers_of_unequal_strength_end_equally_busy_and_stay_so(seed):
    strengths = [500, 1000, 1000, 2000]
    samples = samples_of([Machine(strength) for strength in strengths], 3000.0, seed)
    settled = [sample for sample in samples if sample.at_s > 300]
    for number in range(4):
        cpu = [sample.cpu[number] for sample in settled]
        assert mean(cpu) == pytest.approx(3000 / sum(strengths), abs=0.06)
        assert max(cpu) - min(cpu) < 0.2
    assert samples[-1].epochs < TWENTY_MINUTES_S / 15


@pytest.mark.parametrize("noise", [0.0, 0.04, 0.08])
def test_equal_servers_keep_nearly_equal_weights_however_noisy_their_reports(noise):
    samples = samples_of([Machine(1000)] * 10, 6000.0, 1, noise)
    assert min(min(sample.percents) for sample in samples) >= 100 - 320 * noise
    assert mean(mean(sample.percents) for sample in samples) >= 100 - 50 * noise
    if noise < 0.05:
        assert samples[-1].epochs < TWENTY_MINUTES_S / 50


def test_a_pool_that_is_saturated_as_a_whole_changes_nothing():
    samples = samples_of([Machine(1000)] * 4, 5000.0)
    assert samples[-1].epochs == 0


def test_a_load_that_jumps_does_not_make_weights_swing():
    def load(at_s: float) -> float:
        return 3600.0 if int(at_s / 120) % 2 else 600.0

    samples = list(run([Machine(1000)] * 4, load, TWENTY_MINUTES_S, random=Random(1)))
    assert min(min(sample.percents) for sample in samples) >= 75
    assert samples[-1].epochs < TWENTY_MINUTES_S / 50


def test_with_static_weights_a_hot_server_stays_hot():
    machines = [Machine(1000, neighbour=lambda at_s: 0.6), *[Machine(1000)] * 3]
    samples = list(run(machines, lambda at_s: 1200.0, 60, random=Random(1), adaptive=False))
    assert samples[-1].cpu[0] == pytest.approx(0.9)
    assert samples[-1].epochs == 0
