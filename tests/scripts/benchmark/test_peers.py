"""What each contender is told in each setup."""

from pathlib import Path

import pytest
import yaml

from cluster_lb.settings.load import load_settings
from scripts.benchmark.contenders import Site
from scripts.benchmark.identity import Identity
from scripts.benchmark.modes import MODES
from scripts.benchmark.peers import (
    BASELINE,
    CONTENDERS,
    OURS,
    caddy,
    cluster_lb,
    envoy,
    haproxy,
    nginx,
    traefik,
)
from scripts.benchmark.setups import LOGGING, PLAIN, ROUTES, TLS, Setup

CONFIGURES = {
    "haproxy": (haproxy.configure, "haproxy.cfg"),
    "nginx": (nginx.configure, "nginx.conf"),
    "envoy": (envoy.configure, "envoy.json"),
    "traefik": (traefik.configure, "dynamic.yml"),
    "caddy": (caddy.configure, "Caddyfile"),
}


def site(folder: Path, setup: Setup = PLAIN) -> Site:
    identity = Identity(folder / "site.pem", folder / "site.key", folder / "both.pem") if setup.tls else None
    return Site(8080, (9001, 9002), folder, 0, 1, setup, identity)


@pytest.mark.parametrize("peer", CONFIGURES)
class TestPrograms:
    def test_the_servers_are_named_and_nothing_is_left_to_fill_in(self, peer: str, tmp_path: Path) -> None:
        configure, file = CONFIGURES[peer]
        configure(site(tmp_path))
        text = (tmp_path / file).read_text()
        assert "9001" in text
        assert "9002" in text
        assert "{port}" not in text
        assert ".pem" not in text

    def test_tls_shows_the_certificate(self, peer: str, tmp_path: Path) -> None:
        configure, file = CONFIGURES[peer]
        configure(site(tmp_path, TLS))
        text = (tmp_path / file).read_text()
        assert str(tmp_path / ("both.pem" if peer == "haproxy" else "site.pem")) in text


@pytest.mark.parametrize(
    ("peer", "line"), [("haproxy", "option httplog"), ("nginx", "access_log {folder}/access.log;")]
)
def test_the_access_log_is_on_where_it_is_asked_for(peer: str, line: str, tmp_path: Path) -> None:
    configure, file = CONFIGURES[peer]
    configure(site(tmp_path))
    assert line.format(folder=tmp_path) not in (tmp_path / file).read_text()
    configure(site(tmp_path, LOGGING))
    assert line.format(folder=tmp_path) in (tmp_path / file).read_text()


@pytest.mark.parametrize("setup", [PLAIN, TLS], ids=lambda setup: setup.name)
def test_traefiks_files_are_yaml(setup: Setup, tmp_path: Path) -> None:
    traefik.configure(site(tmp_path, setup))
    dynamic = yaml.safe_load((tmp_path / "dynamic.yml").read_text())
    assert ("tls" in dynamic["http"]["routers"]["web"]) is setup.tls
    assert ("tls" in dynamic) is setup.tls


class TestClusterLb:
    @pytest.mark.parametrize(
        ("setup", "log", "routes"),
        [(PLAIN, "off", 1), (LOGGING, "text", 1), (ROUTES, "off", 1000), (TLS, "off", 1)],
        ids=lambda value: getattr(value, "name", None),
    )
    def test_its_settings_are_valid(self, setup: Setup, log: str, routes: int, tmp_path: Path) -> None:
        path = tmp_path / "cluster-lb.toml"
        path.write_text(cluster_lb.settings_text(site(tmp_path, setup), 9900, "redis://127.0.0.1:6379/0"))
        settings = load_settings(path)
        assert settings.node.access_log == log
        assert len(settings.routes) == routes

    def test_tls_names_the_files_on_the_listener(self, tmp_path: Path) -> None:
        text = cluster_lb.settings_text(site(tmp_path, TLS), 9900, "redis://127.0.0.1:6379/0")
        listener = text.partition("[[listeners]]")[2].partition("\n[")[0]
        assert f'tls = [{{ certificate = "{tmp_path}/site.pem", key = "{tmp_path}/site.key" }}]' in listener

    def test_the_last_route_alone_matches_what_is_asked(self) -> None:
        table = cluster_lb.routes(1000)
        assert len(set(table)) == 1000
        matching = [
            (host, prefix)
            for host, prefix in table
            if host == "127.0.0.1" and any(mode.path.startswith(prefix) for mode in MODES)
        ]
        assert matching == [table[-1]] == [("127.0.0.1", "/")]


def test_ours_and_the_baseline_are_in_every_comparison() -> None:
    by_name = {contender.name: contender for contender in CONTENDERS}
    assert {mode.setup for mode in MODES} == set(by_name[OURS].setups)
    # One table of routes is all that the baseline is spared.
    assert set(by_name[OURS].setups) - set(by_name[BASELINE].setups) == {ROUTES}
