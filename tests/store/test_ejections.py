"""Ejections as they are read."""

from __future__ import annotations

import json

import pytest

from cluster_lb.model.address import Address
from cluster_lb.model.ejection import Ejection
from cluster_lb.model.server import Server
from cluster_lb.store.ejections import read_ejection

SERVER = Server("a", Address("127.0.0.1", 9001), registered_at_ms=500)
WRITTEN = {"kind": "latency", "reason": "slow", "by": "n1", "at_ms": 1000, "until_ms": 31_000, "times": 2}


def test_one_that_holds_and_one_that_is_over():
    problems: list[str] = []
    holds = read_ejection(SERVER, json.dumps(WRITTEN), problems)
    assert holds == Ejection("latency", "slow", "n1", 1000, 31_000, 2)
    assert holds.holds
    over = read_ejection(
        SERVER, json.dumps(WRITTEN | {"recovered_at_ms": 9000, "ended_by": "probes"}), problems
    )
    assert over is not None
    assert (over.holds, over.recovered_at_ms, over.ended_by) == (False, 9000, "probes")
    assert problems == []


def test_one_from_before_the_registration_is_void():
    assert read_ejection(SERVER, json.dumps(WRITTEN | {"at_ms": 499}), []) is None
    assert read_ejection(SERVER, None, []) is None


@pytest.mark.parametrize(
    "text",
    [
        "garbage",
        "[]",
        '{"kind": "x"}',
        json.dumps(WRITTEN | {"times": "x"}),
        json.dumps(WRITTEN | {"times": 1e999}),
    ],
)
def test_what_is_none_is_named(text):
    problems: list[str] = []
    assert read_ejection(SERVER, text, problems) is None
    assert "ejection of 'a'" in problems[0]
