"""A command that cannot reach Redis says which one, without its password."""

from __future__ import annotations

import socket

from cluster_lb.store import embedded
from tests.doubles.ports import free_port


def test_an_embedded_server_that_does_not_run_is_not_started_by_a_reader(cluster_lb, monkeypatch):
    url = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setattr(embedded, "url", lambda: url)
    ended = cluster_lb("get", "pools", "--redis", "embedded")
    assert (ended.code, ended.out) == (1, [])
    [line] = ended.err
    assert line.startswith(
        f"cluster-lb: the embedded server at {url}: Redis is not available: Error 111 connecting"
    )
    assert line.endswith("start a node with `cluster-lb serve` if none runs, or name your Redis with --redis")


def test_an_embedded_server_that_hangs_is_not_said_to_be_absent(cluster_lb, monkeypatch):
    monkeypatch.setattr("cluster_lb.cli.connect._TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        monkeypatch.setattr(embedded, "url", lambda: url)
        [line] = cluster_lb("get", "pools", "--redis", "embedded").err
    assert line.startswith(f"cluster-lb: the embedded server at {url}: Redis is not available: ")
    assert "Error 111" not in line


def test_a_redis_that_does_not_answer_is_named_without_its_password(cluster_lb):
    port = free_port()
    ended = cluster_lb("get", "pools", "--redis", f"redis://me:secret@127.0.0.1:{port}/0")
    assert (ended.code, ended.out) == (1, [])
    [line] = ended.err
    assert line.startswith(f"cluster-lb: --redis redis://me:***@127.0.0.1:{port}/0: Redis is not available")
    assert "secret" not in line
    assert line.endswith("; nodes that run serve on, and show what they know at http://NODE:9900/")
