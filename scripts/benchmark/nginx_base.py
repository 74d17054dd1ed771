"""What every nginx here needs: one worker, its files in its folder, no limit on a connection's requests."""

import os
import pwd
from pathlib import Path

BASE = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_buffer_size 64k;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
}}
"""


def arguments(folder: Path, http: str) -> list[str]:
    """Writes nginx.conf to `folder` with `http` as the body of its http block; returns nginx's arguments."""
    # Started by root, nginx would give its worker to `nobody`, who may not read the folder.
    user = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(BASE.format(user=user, folder=folder, http=http))
    return ["-e", "stderr", "-c", str(path)]
