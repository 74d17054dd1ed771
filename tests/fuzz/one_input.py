"""What one fuzzed input is held to; without a fuzzer too, for the corpus."""

from __future__ import annotations

from random import Random

from tests.doubles.in_memory import MemoryBalancer
from tests.doubles.judges import judge_requests, judge_response

_DISTRUSTING = MemoryBalancer(allow_trace=True)
_TRUSTING = MemoryBalancer(trusted_proxies=["0.0.0.0/0"])


def check_requests(data: bytes, chance: Random) -> None:
    """A client's bytes: one outcome, whole and in pieces, and one reading of each request."""
    for balancer in _DISTRUSTING, _TRUSTING:
        assert judge_requests(balancer, data, _cuts(data, chance)) == judge_requests(balancer, data)


def check_responses(data: bytes, chance: Random) -> None:
    """A server's bytes: the same for responses to GET and HEAD."""
    for head in False, True:
        whole = judge_response(_DISTRUSTING, data, head=head)
        assert judge_response(_DISTRUSTING, data, head=head, cuts=_cuts(data, chance)) == whole


def _cuts(data: bytes, chance: Random) -> list[int]:
    return [chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 5))]


KINDS = {"requests": check_requests, "responses": check_responses}
