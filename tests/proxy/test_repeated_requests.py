"""Requests that say again what the last one said: servers get the same as if each were the first one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.proxy.router import Router
from tests.doubles.in_memory import MemoryBalancer, Outcome


def post(body: bytes, path: bytes = b"/p", more: bytes = b"") -> bytes:
    lines = b"Host: h\r\nContent-Length: %d\r\n%b\r\n" % (len(body), more)
    return b"POST " + path + b" HTTP/1.1\r\n" + lines + body


LENGTH = len(post(b"a" * 100)) - 100  # of a head, which is less than its body
REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    post(b"a" * 100),
    post(b"b" * 100),
    post(b"a" * 100, b"/q"),
    post(b"a" * 99),
    post(post(b"a" * 100)),
    post(b"a" * 100, more=b"Connection: close\r\n"),
    b"POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
]


def alone(request: bytes) -> bytes:
    (forwarded,) = MemoryBalancer().requests([request]).forwarded
    return forwarded


def cut(data: bytes, places: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in pairwise(places)]


@given(st.lists(st.tuples(st.sampled_from(REQUESTS), st.lists(st.integers(0, 400), max_size=2)), max_size=8))
def test_each_request_is_forwarded_as_if_it_were_the_first(asked):
    balancer = MemoryBalancer()
    pieces: list[bytes] = []
    expected: list[bytes] = []
    for request, places in asked:
        pieces += cut(request, places)
        expected.append(alone(request))
        if b"close" in request:  # the next one comes on another connection
            assert balancer.requests(pieces) == Outcome(expected, refused=False, closed=True)
            pieces, expected = [], []
    assert balancer.requests(pieces).forwarded == expected


@pytest.mark.parametrize("request_bytes", [REQUESTS[3], post(b"a" * 100, more=b"Connection: close\r\n")])
def test_the_last_request_of_each_connection_ends_it(request_bytes):
    balancer = MemoryBalancer()
    for _ in range(3):
        assert balancer.requests([request_bytes]) == Outcome(
            [alone(request_bytes)], refused=False, closed=True
        )


@pytest.mark.parametrize("arrived", [LENGTH, (LENGTH + 100) // 2, LENGTH + 1, LENGTH + 99])
def test_a_head_that_is_known_does_not_stand_for_a_body_that_is_not_there(arrived):
    request = post(b"a" * 100)
    pieces = [request, request, request[:arrived], request[arrived:]]
    assert MemoryBalancer().requests(pieces).forwarded == [alone(request)] * 3


def test_a_body_of_its_own_goes_with_a_head_that_is_known():
    bodies = [bytes([letter]) * 100 for letter in b"abc"]
    forwarded = MemoryBalancer().requests(map(post, bodies)).forwarded
    assert [one[-100:] for one in forwarded] == bodies
    assert len({one[:-100] for one in forwarded}) == 1


@pytest.mark.parametrize("request_bytes", [REQUESTS[0], REQUESTS[3], post(b"a" * 100)])
def test_what_is_known_ends_with_its_routes(request_bytes):
    balancer = MemoryBalancer()
    router = balancer.listener.router
    asked: list[bytes] = []

    class Asked(Router):
        def find(self, method, target, host, lines):
            asked.append(target)
            return super().find(method, target, host, lines)

    balancer.requests([request_bytes])
    balancer.requests([request_bytes])
    balancer.listener.route_by(Asked(balancer.pool))
    assert balancer.listener.router is not router
    assert balancer.requests([request_bytes]).forwarded == [alone(request_bytes)]
    assert len(asked) == 1
