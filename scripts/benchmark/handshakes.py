"""TLS handshakes: several `openssl s_time` side by side, each one connection after another.

wrk would not do: it offers its last session again whenever it connects, so that it never measures a full
handshake. s_time marks each connection as new or resumed, and those marks are what is counted here.
"""

import re
import subprocess
import time

from scripts.benchmark.modes import SMALL, Handshake
from scripts.benchmark.results import LoadResult

PROCESSES = 8
STUCK_S = 10  # s_time waits for ever for an answer; after so long beyond its time it is stuck

# s_time sends "GET %s HTTP/1.0", which some refuse. This makes it HTTP/1.1 and a header line out of the rest.
WHAT = f"{SMALL.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Sent-As:"
REQUEST = f"GET {WHAT} HTTP/1.0\r\n\r\n".encode()

_OPTION = {Handshake.FULL: "-new", Handshake.RESUMED: "-reuse"}
_MARK = {Handshake.FULL: "*", Handshake.RESUMED: "r"}
_MARKS = re.compile(r"^[*r]+$", re.MULTILINE)
_CONNECTIONS = re.compile(r"^(\d+) connections in \d+ real seconds", re.MULTILINE)


def command(openssl: str, port: int, handshake: Handshake, seconds: int) -> list[str]:
    # The certificates that the system trusts take long to load and are of no use here.
    argv = [openssl, "s_time", "-no-CAfile", "-no-CApath", "-no-CAstore"]
    return [*argv, "-connect", f"127.0.0.1:{port}", "-www", WHAT, _OPTION[handshake], "-time", str(seconds)]


def parse(output: str, handshake: Handshake) -> tuple[int, int]:
    """Connections, and how many of them were of the other kind. Raises ValueError where it counted none."""
    counted = _CONNECTIONS.search(output)
    marks = "".join(_MARKS.findall(output))
    if counted is None or int(counted.group(1)) != len(marks):
        raise ValueError(f"s_time did not count its connections: {output[-600:]!r}")
    return len(marks), len(marks) - marks.count(_MARK[handshake])


def run(openssl: str, port: int, handshake: Handshake, seconds: int) -> LoadResult:
    """Connects for `seconds`. Raises ValueError when s_time fails or is stuck."""
    argv = command(openssl, port, handshake, seconds)
    start = time.monotonic()
    clients = [
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        outputs = [client.communicate(timeout=seconds + STUCK_S)[0] for client in clients]
    except subprocess.TimeoutExpired:
        raise ValueError(f"no answer within {STUCK_S} s") from None
    finally:
        for client in clients:
            client.kill()  # does nothing to those that have ended
            client.wait()
    elapsed = time.monotonic() - start
    counts = [parse(output, handshake) for output in outputs]
    requests = sum(connections for connections, _ in counts)
    return LoadResult(
        requests, requests / elapsed, p99_ms=None, wrong_handshakes=sum(wrong for _, wrong in counts)
    )
