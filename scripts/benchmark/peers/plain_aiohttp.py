"""The plain aiohttp proxy beside this package."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from scripts.benchmark import aiohttp_proxy, processes
from scripts.benchmark.contenders import Contender, Running, Site


@contextmanager
def start(site: Site) -> Iterator[Running]:
    program = str(Path(aiohttp_proxy.__file__))
    argv = [sys.executable, "-P", program, str(site.port), *map(str, site.servers)]
    with processes.running("aiohttp", argv, core=site.core, folder=site.folder) as process:
        yield Running(process)


PLAIN_AIOHTTP = Contender("aiohttp", lambda: None, lambda: aiohttp.__version__, start)
