"""HAProxy, from Debian."""

from scripts.benchmark.contenders import HEALTH_INTERVAL_S, HEALTH_PATH, Launch, Site, program
from scripts.benchmark.setups import LOGGING, PLAIN, TLS

# http-reuse always: a new client connection may use a kept upstream connection, as with the other contenders.
LOG = """\
    log stdout format raw local0
    option httplog"""
CONFIG = """\
global
    nbthread 1
    maxconn 4096
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout connect 2s
    timeout client 75s
    timeout server 60s
    timeout http-request 10s
    timeout http-keep-alive 75s
    option forwardfor
    option httpchk GET {health}
    http-reuse always
    balance roundrobin
{log}
listen web
    bind 127.0.0.1:{port} {tls}
{servers}
"""


def configure(site: Site) -> Launch:
    servers = "\n".join(
        f"    server s{number} 127.0.0.1:{port} check inter {HEALTH_INTERVAL_S}s"
        for number, port in enumerate(site.servers)
    )
    path = site.folder / "haproxy.cfg"
    path.write_text(
        CONFIG.format(
            port=site.port,
            health=HEALTH_PATH,
            servers=servers,
            tls=f"ssl crt {site.identity.combined}" if site.identity else "",
            log=LOG if site.setup.access_log else "",
        )
    )
    return Launch(["-db", "-f", str(path)])


HAPROXY = program("HAProxy", "haproxy", "Debian package haproxy", "-v", configure, (PLAIN, LOGGING, TLS))
