"""Which certificate a name picks."""

from __future__ import annotations

import pytest

from cluster_lb.tls.names import ByName

CHOICES = [
    (["a.example", "*.a.example"], "first"),
    (["x.a.example"], "exact"),
    (["a.example", "*.example"], "late"),
]


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("a.example", "first"),
        ("A.EXAMPLE.", "first"),
        ("x.a.example", "exact"),
        ("y.a.example", "first"),
        ("y.x.a.example", None),
        ("b.example", "late"),
        ("example", None),
        ("", None),
    ],
)
def test_exact_before_wildcard_and_the_first_before_later_ones(name, choice):
    assert ByName(CHOICES).find(name) == choice
