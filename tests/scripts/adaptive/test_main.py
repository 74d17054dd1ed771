"""docs/adaptive-weights.svg is what the simulation draws."""

from __future__ import annotations

from scripts.adaptive.__main__ import CHART, chart, hour


def test_the_chart_in_the_documents_is_the_one_of_the_present_model():
    assert CHART.read_text() == chart(hour(adaptive=True), hour(adaptive=False))
