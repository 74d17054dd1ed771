"""top shows the cluster once for scripts, and until q for people."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from cluster_lb.model.member import Member
from cluster_lb.store.membership import Membership


@pytest.fixture
def cluster(register, store):
    register("s1", weight=3)
    register("s2", port=8001)
    store(lambda store: Membership(store, 60_000).renew(Member("n1", "0.1.0", admin="127.0.0.1:1")))


def test_once_prints_nodes_pools_and_servers(cluster_lb, cluster):
    ended = cluster_lb("top", "--once", "--interval", "0.1")
    assert (ended.code, ended.err) == (0, [])
    text = "\n".join(ended.out)
    for word in ("n1", "web", "weighted_round_robin", "s1", "75.0 %", "25.0 %", "MEASURED"):
        assert word in text
    assert "measured on 0 of 1 nodes: the others' admin addresses do not answer here, or want" in text


def test_what_is_not_well_stands_first(cluster_lb, cluster):
    assert cluster_lb("server", "maint", "web", "s2").code == 0
    rows = cluster_lb("top", "--once", "--interval", "0.1").out[-5:]
    assert [row.split()[1] for row in rows if row.startswith("web ")] == ["s2", "s1"]


def test_an_empty_cluster_is_shown_as_empty(cluster_lb, redis):
    ended = cluster_lb("top", "--once", "--interval", "0.1")
    assert [line for line in ended.out if line] == ["no nodes", "no pools", "no servers"]


def test_on_a_terminal_it_runs_until_q(cluster):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cluster_lb", "top", "--interval", "0.1"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "160", "LINES": "40"},
    )
    try:
        shown = b""
        while b"s2" not in shown:
            shown += os.read(ours, 65536)
        os.write(ours, b"q")
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
