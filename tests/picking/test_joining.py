"""A new server in a running pool: it has nothing in flight, and every node sees that."""

from __future__ import annotations

import pytest

from cluster_lb.picking import POLICIES
from tests.doubles.fleet import Fleet

JOIN_S = 1.5


@pytest.mark.parametrize("policy", ["least_requests", "two_choices", "least_time"])
@pytest.mark.parametrize(
    ("servers", "in_flight", "service_s"), [(4, 4, 0.02), (10, 4, 0.1), (10, 20, 0.1), (50, 4, 0.1)]
)
def test_a_new_server_fills_up_to_what_others_have_and_no_further(policy, servers, in_flight, service_s):
    """Eight nodes. `in_flight`: on each server, on average."""
    traffic = {"rate": servers * in_flight / service_s, "service_s": service_s, "servers": servers}
    fleet = Fleet(POLICIES[policy], [1] * 8, join_s=JOIN_S, **traffic).run(JOIN_S + 1.0)
    new = fleet.peaks.pop("new")
    assert in_flight <= new <= 1.25 * max(fleet.peaks.values())
