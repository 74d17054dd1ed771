"""Settings of a pool as fields of a hash, there and back."""

from __future__ import annotations

import pytest

from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.pool_fields import from_fields, to_fields

FULL = PoolSettings.model_validate(
    {
        "policy": "round_robin",
        "panic_threshold": 0.25,
        "allow": ["10.0.0.0/8", "fd00::/8"],
        "health": {"kind": "http", "path": "/up?a=[1]", "probers": 5, "slow_ms": 100},
        "timeouts": {"connect_s": 0.1},
    }
)


HEALTH = PoolSettings.model_validate(
    {
        "health": {
            "kind": "http",
            "headers": {"X-A": "[1]", "X-B": '"quoted"'},
            "expect_status": [200, "300-305"],
            "expect_body": "[1]",
            "agent": {"port": 9, "send": "[2]"},
        }
    }
)


@pytest.mark.parametrize("settings", [PoolSettings(), FULL, HEALTH])
def test_settings_come_back_as_they_were(settings: PoolSettings) -> None:
    assert from_fields(to_fields(settings)) == (settings, [])


def test_fields_read_well() -> None:
    fields = to_fields(FULL)
    assert fields["policy"] == "round_robin"
    assert fields["health.interval_s"] == "2.0"
    assert fields["allow"] == '["10.0.0.0/8", "fd00::/8"]'


def test_a_pool_that_nobody_configured_has_the_defaults() -> None:
    assert from_fields({"created_ms": "17", "revision": "0", "seeds": "1"}) == (PoolSettings(), [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("attempts", "many"),
        ("attempts", "99"),
        ("policy", "coin"),
        ("allow", '["10.0.0.0/8", "x"]'),
        ("allow", "[garbage"),
        ("health.kind", "icmp"),
        ("health", "http"),
        ("health.path.x", "1"),
        ("unknown", "1"),
        ("health.unknown", "1"),
    ],
)
def test_a_bad_field_is_named_and_has_its_default_and_the_rest_holds(name: str, text: str) -> None:
    settings, problems = from_fields({name: text, "timeouts.connect_s": "0.5", "panic_threshold": "0.1"})
    assert settings == PoolSettings.model_validate({"timeouts": {"connect_s": 0.5}, "panic_threshold": 0.1})
    assert len(problems) == 1
    assert problems[0].startswith(f"config {name} {text!r}: ")


def test_a_group_and_a_field_of_it_do_not_collide() -> None:
    settings, problems = from_fields({"health": "x", "health.path": "/up"})
    assert settings.health.path == "/up"
    assert problems == []
