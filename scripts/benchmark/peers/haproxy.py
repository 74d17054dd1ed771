"""HAProxy, from Debian."""

from scripts.benchmark.contenders import HEALTH_INTERVAL_S, HEALTH_PATH, Launch, Site, program

# http-reuse always: a new client connection may use a kept upstream connection, as with the other contenders.
CONFIG = """\
global
    nbthread 1
    maxconn 4096
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
listen web
    bind 127.0.0.1:{port}
{servers}
"""


def configure(site: Site) -> Launch:
    servers = "\n".join(
        f"    server s{number} 127.0.0.1:{port} check inter {HEALTH_INTERVAL_S}s"
        for number, port in enumerate(site.servers)
    )
    path = site.folder / "haproxy.cfg"
    path.write_text(CONFIG.format(port=site.port, health=HEALTH_PATH, servers=servers))
    return Launch(["-db", "-f", str(path)])


HAPROXY = program("HAProxy", "haproxy", "Debian package haproxy", "-v", configure)
