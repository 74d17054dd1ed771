"""The balancing policies: pure arithmetic on a snapshot, one algorithm a file.

A policy is compiled from a snapshot, away from the data path, and answers with an order, not with a
server: a retry goes on in the order, so it neither asks the policy twice nor tries one server twice.
"""

from cluster_lb.picking import (
    consistent_hash,
    least_requests,
    least_time,
    random,
    rendezvous_hash,
    round_robin,
    two_choices,
    weighted_random,
    weighted_round_robin,
)
from cluster_lb.picking.compiling import compile_policy
from cluster_lb.picking.policy import POLICIES, Numbers, Picker, Plan, Policy, goes_by_load
from cluster_lb.picking.rotation import Rotation

__all__ = [
    "POLICIES",
    "Numbers",
    "Picker",
    "Plan",
    "Policy",
    "Rotation",
    "compile_policy",
    "consistent_hash",
    "goes_by_load",
    "least_requests",
    "least_time",
    "random",
    "rendezvous_hash",
    "round_robin",
    "two_choices",
    "weighted_random",
    "weighted_round_robin",
]
