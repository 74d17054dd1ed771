"""How long requests take."""

from random import Random
from statistics import fmean

import pytest

from scripts.simulation.service import Service, constant, exponential, heavy_tail

DRAWS = 200_000


@pytest.mark.parametrize(("service", "tolerance"), [(constant, 0.0), (exponential, 0.02), (heavy_tail, 0.05)])
def test_the_mean_is_one(service: Service, tolerance: float) -> None:
    random = Random(1)
    assert fmean(service(random) for _ in range(DRAWS)) == pytest.approx(1.0, abs=tolerance)


def test_one_in_a_hundred_takes_ten_times_the_mean_where_the_tail_is_heavy() -> None:
    random = Random(1)
    long = sum(heavy_tail(random) > 10 for _ in range(DRAWS))
    assert 0.008 < long / DRAWS < 0.013
