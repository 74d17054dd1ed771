"""How far counts are from the shares that they should have."""

from __future__ import annotations

from collections.abc import Mapping


def chi_square_ratio(counts: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """Pearson's statistic over its degrees of freedom: about 1 for draws by these weights, and with a
    dozen kinds above 3 only once in 2,000 times."""
    total, whole = sum(counts.values()), sum(weights.values())
    expected = {name: total * weight / whole for name, weight in weights.items()}
    assert set(counts) <= set(weights)
    return sum((counts.get(name, 0) - mean) ** 2 / mean for name, mean in expected.items()) / (
        len(weights) - 1
    )
