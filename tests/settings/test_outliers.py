"""Settings of outlier detection."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cluster_lb.settings.schema import PoolSettings


def test_writing_the_table_switches_it_on():
    assert not PoolSettings().outliers.enabled
    assert PoolSettings.model_validate({"outliers": {}}).outliers.enabled
    assert PoolSettings.model_validate({"outliers": {"consecutive_5xx": 3}}).outliers.enabled


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"max_ejected": 1.5}, "less than or equal to 1"),
        ({"failure_percentage": 101}, "less than or equal to 100"),
        ({"base_ejection_s": 400}, "max_ejection_s 300.0 is less than base_ejection_s 400.0"),
    ],
)
def test_what_makes_no_sense_is_refused(setting, problem):
    with pytest.raises(ValidationError, match=problem):
        PoolSettings.model_validate({"outliers": setting})
