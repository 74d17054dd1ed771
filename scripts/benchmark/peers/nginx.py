"""nginx, from Debian. The free version checks passively only (max_fails)."""

from scripts.benchmark import nginx_base
from scripts.benchmark.contenders import UPSTREAM_KEEPALIVE, Launch, Site, program

# proxy_max_temp_file_size 0: a large response is throttled to its client, not spooled to disk.
HTTP = """\
    upstream web {{
        {servers}
        keepalive {keepalive};
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
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
    http = HTTP.format(servers=servers, keepalive=UPSTREAM_KEEPALIVE, port=site.port)
    return Launch(nginx_base.arguments(site.folder, http))


NGINX = program("nginx", "nginx", "Debian package nginx", "-v", configure)
