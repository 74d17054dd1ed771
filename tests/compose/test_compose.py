"""The containers describe the same cluster and fit the program; seen without a container engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster_lb.model.address import Address
from cluster_lb.settings.load import load_settings, with_overrides
from cluster_lb.settings.schema import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "compose"
FILE = FOLDER / "compose.yaml"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()

_COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, Any] = _COMPOSE["services"]
NODES = {name: service for name, service in SERVICES.items() if name.startswith("node-")}


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def _settings(node: str) -> Settings:
    """What the node of this service runs with."""
    environment = NODES[node]["environment"]
    return with_overrides(
        load_settings(FOLDER / "lb.toml"),
        id=environment["CLUSTER_LB_ID"],
        admin=environment["CLUSTER_LB_ADMIN"],
        admin_token="secret",
    )


def test_the_file_follows_the_compose_specification() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_there_are_three_nodes_five_servers_and_one_redis() -> None:
    assert len(NODES) == 3
    assert SERVICES["server"]["deploy"]["replicas"] == 5
    assert SERVICES.keys() == {*NODES, "server", "redis"}


@pytest.mark.parametrize("node", NODES)
def test_a_nodes_settings_hold_together(node: str) -> None:
    settings = _settings(node)
    assert settings.node.id == settings.node.admin.host == node
    assert settings.redis.url == "redis://redis:6379/0"
    assert [listener.pool for listener in settings.listeners] == ["web"]


@pytest.mark.parametrize("node", NODES)
def test_a_node_is_published_on_loopback_under_the_ports_it_listens_on(node: str) -> None:
    settings = _settings(node)
    inside = {int(port.split(":")[2]) for port in NODES[node]["ports"]}
    assert inside == {settings.listeners[0].bind.port, settings.node.admin.port}


def test_what_is_published_is_on_loopback_and_nothing_twice() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(Address.parse(port.rpartition(":")[0]).is_loopback() for port in published)
    assert len({port.split(":")[1] for port in published}) == len(published)


def test_the_admin_token_is_asked_for_and_never_written_down() -> None:
    tokens = {node["environment"]["CLUSTER_LB_ADMIN_TOKEN"] for node in NODES.values()}
    assert len(tokens) == 1
    assert tokens.pop().startswith("${CLUSTER_LB_ADMIN_TOKEN:?")


@pytest.mark.parametrize("node", NODES)
def test_a_node_has_its_whole_grace_time_to_drain(node: str) -> None:
    assert _seconds(NODES[node]["stop_grace_period"]) > _settings(node).node.grace_s


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_and_few_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_python_inside_health_checks_compiles() -> None:
    for name, service in SERVICES.items():
        kind, *command = service["healthcheck"]["test"]
        if kind == "CMD-SHELL":
            compile(re.fullmatch(r'python -c "(.*)"', command[0])[1], name, "exec")


def test_the_config_is_mounted_where_the_nodes_read_it() -> None:
    assert _COMPOSE["configs"] == {"lb": {"file": "lb.toml"}}
    for node in NODES.values():
        assert node["configs"][0]["target"] in node["command"]


def test_the_servers_command_starts_with_the_options_that_it_gives() -> None:
    command = SERVICES["server"]["entrypoint"][2]
    done = subprocess.run(
        [sys.executable, "-m", "cluster_lb.demo.server", "--help"], capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"--[a-z]+", command)) <= set(re.findall(r"--[a-z]+", done.stdout))


def test_the_image_runs_without_root_and_all_that_it_copies_exists() -> None:
    last_stage = DOCKERFILE.split("\nFROM ")[-1]
    assert re.search(r"^USER 10001$", last_stage, re.MULTILINE)
    sources = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    for source in " ".join(sources).split():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source
