"""What a process has freed is the system's again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# A process of its own: what it holds is what is measured. Small blocks keep the large ones apart.
PROGRAM = """
import asyncio, resource
from cluster_lb import memory, runner
from tests.doubles.waiting import eventually

memory.TRIM_S = 0.05

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

async def main():
    before = held()
    blocks = [bytearray(size) for _ in range(1000) for size in (100_000, 1000)]
    del blocks[::2]
    print(held() - before > 90_000_000)
    await eventually(lambda: held() - before < 20_000_000)

runner.run(main)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has to be asked")
def test_a_process_gives_back_what_lies_free_between_blocks_in_use() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
