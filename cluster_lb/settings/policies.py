"""The policies that a pool may have, by the names that `picking.POLICIES` has them under."""

from __future__ import annotations

from typing import Literal

PolicyName = Literal[
    "round_robin",
    "weighted_round_robin",
    "random",
    "weighted_random",
    "least_requests",
    "two_choices",
    "least_time",
    "consistent_hash",
    "rendezvous_hash",
]

#: To these all servers are alike, whatever their weights (`picking.Policy.weighted`).
UNWEIGHTED = frozenset({"round_robin", "random"})

#: One key, one server, whatever node (`picking.Numbers.KEY`): such a policy cannot prefer what is near.
BY_KEY = frozenset({"consistent_hash", "rendezvous_hash"})
