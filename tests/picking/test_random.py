"""random: all servers alike."""

from __future__ import annotations

from collections import Counter
from random import Random

from cluster_lb.picking.random import random
from tests.doubles.candidates import candidates
from tests.doubles.snapshots import weighted
from tests.picking.distributions import chi_square_ratio


def test_weights_above_0_do_not_matter():
    weights = {f"s{number}": 1 + number * 20 for number in range(12)}
    drawn = random(weighted(weights)).bind(candidates(weights))
    bits = Random(3)
    counts = Counter(drawn.first(bits.getrandbits(64)).id for _ in range(50_000))
    assert chi_square_ratio(counts, dict.fromkeys(weights, 1)) < 3
