"""The two servers behind every contender: nginx where it is installed, else aiohttp."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark import aiohttp_backend, check, nginx_base, processes
from scripts.benchmark.contenders import HEALTH_PATH, StartError
from scripts.benchmark.modes import MODES, SMALL_BODY

COUNT = 2

# nginx answers from `return` before it has read a body. `mirror` reads it all; then the static file refuses
# POST with 405, which leads to the answer.
HTTP = """\
    open_file_cache max=100;
    sendfile on;
    tcp_nopush on;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        location /small {{ return 200 "{small}"; }}
        location = {health} {{ return 200 "{small}"; }}
        location = /post {{ mirror /read; error_page 405 =200 @answer; }}
        location = /read {{ internal; return 204; }}
        location @answer {{ return 200 "{small}"; }}
    }}
"""


@dataclass(frozen=True)
class Backends:
    """`program` names what runs, `ports` are those on 127.0.0.1."""

    program: str
    ports: tuple[int, ...]


@contextmanager
def running(folder: Path, core: int) -> Iterator[Backends]:
    """Runs the servers on `core`, their files in `folder`. Raises StartError when one does not answer."""
    nginx = processes.find_program("nginx")
    ports = []
    with ExitStack() as stack:
        for number in range(COUNT):
            port, place = processes.free_port(), folder / f"backend{number}"
            place.mkdir()
            argv = _nginx(nginx, port, place) if nginx else _aiohttp(port)
            process = stack.enter_context(processes.running("backend", argv, core=core, folder=place))
            # Contenders that meet a server before it listens would count it as down for a while.
            if fault := check.wait_until_serving(port):
                raise StartError(f"a server does not answer: {fault}; it printed: {process.last_words()}")
            ports.append(port)
        yield Backends("nginx" if nginx else "aiohttp", tuple(ports))


def _nginx(nginx: str, port: int, place: Path) -> list[str]:
    (place / "post").touch()
    for mode in MODES:
        if mode.response_bytes > len(SMALL_BODY):
            (place / mode.path.lstrip("/")).write_bytes(b"x" * mode.response_bytes)
    small = SMALL_BODY.replace("\n", "\\n")
    http = HTTP.format(port=port, folder=place, small=small, health=HEALTH_PATH)
    return [nginx, *nginx_base.arguments(place, http)]


def _aiohttp(port: int) -> list[str]:
    sizes = [f"{mode.path}={mode.response_bytes}" for mode in MODES] + [f"{HEALTH_PATH}={len(SMALL_BODY)}"]
    return [sys.executable, "-P", str(Path(aiohttp_backend.__file__)), str(port), *sizes]
