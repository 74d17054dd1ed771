"""Refusals carry what the log and the client need."""

from __future__ import annotations

from cluster_lb.errors import ClusterLBError
from cluster_lb.wire.errors import BadRequestError, BadResponseError


def test_a_bad_request_is_a_400_unless_told():
    assert (BadRequestError("why").status, BadRequestError("why", 431).status) == (400, 431)
    assert BadRequestError("why").reason == str(BadRequestError("why")) == "why"


def test_both_are_errors_of_ours():
    assert isinstance(BadRequestError("why"), ClusterLBError)
    assert isinstance(BadResponseError("why"), ClusterLBError)
    assert BadResponseError("why").reason == "why"
