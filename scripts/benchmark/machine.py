"""What the figures were measured on, in words that say nothing about whose machine it is."""

import os
import platform
from pathlib import Path


def cpu_model(cpuinfo: str) -> str:
    """The first model named in /proc/cpuinfo's text."""
    for line in cpuinfo.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def describe() -> str:
    model = cpu_model(Path("/proc/cpuinfo").read_text())
    kernel = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{os.cpu_count()} cores of {model}, {kernel}, Python {platform.python_version()}"
