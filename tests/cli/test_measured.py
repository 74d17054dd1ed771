"""Measured shares, from what nodes counted between two looks."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cluster_lb.cli.measured import Sample, requests_in, sample

S1, S2 = ("web", "s1"), ("web", "s2")
METRICS = """
# TYPE cluster_lb_requests_total counter
cluster_lb_requests_total{pool="web",server="s1",status_class="2xx"} 5.0
cluster_lb_requests_total{pool="web",server="s1",status_class="5xx"} 1.0
cluster_lb_requests_total{pool="web",server="s2",status_class="2xx"} 2.0
# TYPE cluster_lb_attempts_total counter
cluster_lb_attempts_total{pool="web",server="s1"} 99.0
"""


def test_requests_are_summed_over_status_classes():
    assert requests_in(METRICS) == {S1: 6, S2: 2}


def test_shares_are_of_the_interval_over_all_nodes():
    before = Sample({"n1": {S1: 100, S2: 100}, "n2": {S1: 10}})
    now = Sample({"n1": {S1: 103, S2: 101}, "n2": {S1: 13, S2: 3}})
    assert now.since(before) == {S1: 0.6, S2: 0.4}


def test_a_node_that_is_new_or_began_anew_does_not_distort_them():
    before = Sample({"n1": {S1: 100, S2: 100}})
    now = Sample({"n1": {S1: 0, S2: 104}, "n2": {S1: 5000}})
    assert now.since(before) == {S1: 0.0, S2: 1.0}


def test_a_pool_without_traffic_has_no_shares():
    still = Sample({"n1": {S1: 100}})
    assert still.since(still) == {}


@pytest.mark.parametrize(("status", "text"), [(401, ""), (200, "cluster_lb_requests_total{")])
async def test_a_node_that_answers_badly_or_not_at_all_is_left_out(status, text):
    async def good(_: web.Request) -> web.Response:
        return web.Response(text=METRICS)

    async def bad(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    apps = [web.Application(), web.Application()]
    for app, handler in zip(apps, (good, bad), strict=True):
        app.router.add_get("/metrics", handler)
    async with TestServer(apps[0]) as one, TestServer(apps[1]) as two, aiohttp.ClientSession() as session:
        nodes = [
            {"id": "n1", "admin": f"{one.host}:{one.port}"},
            {"id": "n2", "admin": f"{two.host}:{two.port}"},
            {"id": "n3", "admin": "127.0.0.1:1"},
            {"id": "n4", "admin": ""},
        ]
        assert (await sample(session, nodes)).nodes == {"n1": {S1: 6, S2: 2}}
