"""When a pool is given back; what that leaves in Redis is in test_view.py."""

from __future__ import annotations

import pytest

from cluster_lb.store.readings import PoolReading, parse_reading
from cluster_lb.store.reseed import needs_seeding


def reading(epoch: int = 5, created_ms: int = 1000, seeds: int = 1) -> PoolReading:
    config = {"created_ms": str(created_ms), "seeds": str(seeds)}
    empty: dict[str, dict[str, str]] = {key: {} for key in ("servers", "verdicts", "nodes", "seen", "load")}
    return parse_reading("web", {"epoch": epoch, "now_ms": 1, "config": config, **empty}, [])


@pytest.mark.parametrize(
    ("found", "needed"),
    [
        (reading(), False),
        (reading(epoch=6), False),
        (None, True),  # the pool is gone
        (reading(epoch=4), True),  # an older copy
        (reading(created_ms=2000, epoch=9), True),  # made anew
        (reading(created_ms=500), True),  # another node, which knew it for longer, gave it back
        (reading(seeds=2, epoch=6), True),  # another node gave it back: add what only this one knows
        (reading(seeds=0), False),
    ],
)
def test_a_pool_is_given_back_when_redis_forgot_something(found: PoolReading | None, needed: bool) -> None:
    assert needs_seeding(reading(), found) is needed
