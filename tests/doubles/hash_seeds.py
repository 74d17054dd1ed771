"""Processes that would differ if anything went by Python's own hashes, which each process seeds anew."""

from __future__ import annotations

import subprocess
import sys


def printed(program: str) -> set[str]:
    """What `program` prints, in two processes: one text where they agree."""
    return {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
