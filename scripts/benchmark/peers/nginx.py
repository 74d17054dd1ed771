"""nginx, from Debian. The free version checks passively only (max_fails)."""

from scripts.benchmark import nginx_base
from scripts.benchmark.contenders import UPSTREAM_KEEPALIVE, Launch, Site, program
from scripts.benchmark.identity import Identity
from scripts.benchmark.setups import LOGGING, PLAIN, TLS

# proxy_max_temp_file_size 0: a large response is throttled to its client, not spooled to disk.
HTTP = """\
    upstream web {{
        {servers}
        keepalive {keepalive};
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port}{tls};
        {log}
        client_max_body_size 0;
        location / {{
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_max_temp_file_size 0;
        }}
    }}
"""


def configure(site: Site) -> Launch:
    servers = " ".join(f"server 127.0.0.1:{port};" for port in site.servers)
    http = HTTP.format(
        servers=servers,
        keepalive=UPSTREAM_KEEPALIVE,
        port=site.port,
        tls=_tls(site.identity) if site.identity else "",
        log=f"access_log {site.folder}/access.log;" if site.setup.access_log else "",
    )
    return Launch(nginx_base.arguments(site.folder, http))


def _tls(identity: Identity) -> str:
    return f""" ssl;
        ssl_certificate {identity.certificate};
        ssl_certificate_key {identity.key};
        ssl_protocols TLSv1.2 TLSv1.3"""


NGINX = program("nginx", "nginx", "Debian package nginx", "-v", configure, (PLAIN, LOGGING, TLS))
