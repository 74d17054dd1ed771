"""Errors are one line on standard error, and the exit code says whose they are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cluster_lb import __version__


def test_the_version_is_told(cluster_lb):
    ended = cluster_lb("--version")
    assert (ended.code, ended.out) == (0, [f"cluster-lb {__version__}"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gett", "pools"], "No such command 'gett'. Did you mean 'get'? (see `cluster-lb --help`)"),
        (["get", "vips"], "Invalid value for 'what': 'vips' is not one of"),
        (["get"], "Missing argument 'what'"),
        (["get", "pools", "--colour"], "No such option: --colour"),
        (["get", "pools", "a b"], "pool name 'a b': use 1 to 64"),
        (["get", "nodes", "web"], "get nodes: takes no pool; leave 'web' out"),
        (["get", "pools", "--redis", "http://x"], "Redis URL 'http://x': write redis://"),
        (["get", "pools", "--namespace", "a b"], "--namespace: 'a b': use 1 to 32 letters, digits"),
        (
            ["server", "weight", "web", "s1", "many"],
            "Invalid value for 'N': must be a valid integer (see `cluster-lb server weight --help`)",
        ),
        (
            ["server", "drain", "web", "s1", "--timeout", "-1"],
            "Invalid value for '--timeout': must be greater than or equal to 0 (see `cluster-lb server drain",
        ),
    ],
)
def test_bad_usage_is_one_line_and_code_2(cluster_lb, redis, arguments, message):
    ended = cluster_lb(*arguments)
    assert ended.code == 2
    [line] = ended.err
    assert line.startswith(f"cluster-lb: {message}")
    assert ended.out == []


def test_what_is_not_there_is_one_line_and_code_1(cluster_lb, redis):
    ended = cluster_lb("get", "servers", "ghost")
    assert (ended.code, ended.out) == (1, [])
    assert ended.err == ["cluster-lb: pool 'ghost': the cluster has no pool of this name"]


def test_no_command_shows_the_help(cluster_lb):
    ended = cluster_lb()
    assert ended.code == 2
    assert "Usage: cluster-lb" in "\n".join(ended.out)
    assert ended.err == []


def test_the_text_of_a_help_fills_the_width(cluster_lb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = "\n".join(line.strip() for line in cluster_lb("register", "--help").out)
    assert "signal on to COMMAND,\nwhose exit code becomes its own." in text


def test_it_runs_as_a_module_in_a_process_of_its_own(redis):
    ended = subprocess.run(
        [sys.executable, "-m", "cluster_lb", "get", "pools", "ghost"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "cluster-lb: pool 'ghost': the cluster has no pool of this name\n"


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (["--version"], {"aiohttp", "pydantic", "redis"}),
        (["check", "nothing.toml"], {"aiohttp", "cryptography.x509", "prometheus_client"}),
        (["get", "pools"], {"aiohttp", "prometheus_client", "uvloop"}),
    ],
)
def test_a_command_starts_without_what_others_are_made_of(redis, arguments, spared):
    script = f"""
import sys
from cluster_lb.cli import main
try:
    main({arguments})
finally:
    print(*sorted(sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert "cluster_lb.cli.commands" in loaded
    assert spared & loaded == set()
