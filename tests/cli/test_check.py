"""check says OK, or what is wrong and where."""

from __future__ import annotations

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return (tmp_path / "lb.toml").write_text


def test_a_good_file_is_ok(cluster_lb, write):
    write("[pools.web]\npolicy = 'round_robin'")
    ended = cluster_lb("check", "lb.toml")
    assert (ended.code, ended.out, ended.err) == (0, ["lb.toml: OK"], [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[pools.web.health]\nfal = 3", "pools.web.health.fal: unknown key; did you mean 'fall'?"),
        ("[redis]\nurl = 'http://x'", "redis.url: Redis URL 'http://x': write redis://"),
        ("[node]\nadmin = '0.0.0.0:9900'", "node.admin: 0.0.0.0:9900 is open to other machines"),
    ],
)
def test_a_bad_file_is_one_line_and_code_2(cluster_lb, write, text, problem):
    write(text)
    ended = cluster_lb("check", "lb.toml")
    assert (ended.code, ended.out) == (2, [])
    [line] = ended.err
    assert line.startswith(f"cluster-lb: lb.toml: {problem}")


def test_a_file_that_is_not_there_is_named(cluster_lb, write):
    ended = cluster_lb("check", "gone.toml")
    assert (ended.code, ended.err) == (2, ["cluster-lb: gone.toml: No such file or directory"])
