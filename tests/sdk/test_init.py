"""What importing the SDK costs."""

from __future__ import annotations

import subprocess
import sys


def test_importing_it_loads_no_server_and_no_command_line() -> None:
    script = "import sys, cluster_lb.sdk; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not {"aiohttp", "uvloop", "typer", "starlette", "prometheus_client"} & set(loaded.split())
