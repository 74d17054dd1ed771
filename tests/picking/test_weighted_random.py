"""weighted_random: by effective weight."""

from __future__ import annotations

from collections import Counter
from random import Random

from cluster_lb.picking.weighted_random import weighted_random
from tests.doubles.candidates import candidates
from tests.doubles.snapshots import weighted
from tests.picking.distributions import chi_square_ratio


def test_servers_are_drawn_by_their_effective_weights():
    weights = {f"s{number}": 1 + number * 20 for number in range(12)}
    drawn = weighted_random(weighted(weights)).bind(candidates(weights))
    bits = Random(4)
    counts = Counter(drawn.first(bits.getrandbits(64)).id for _ in range(50_000))
    assert chi_square_ratio(counts, weights) < 3
