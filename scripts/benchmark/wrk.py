"""Requests on kept connections, or on a new one each: runs wrk and reads what it prints."""

import re
import subprocess
from pathlib import Path

from scripts.benchmark.modes import Mode
from scripts.benchmark.results import LoadResult

CONNECTIONS = 64
TIMEOUT_S = 10  # a request that took longer is an error, not a slow answer

# More than any cache of request heads would keep; they take about 7 MB of wrk's memory.
DISTINCT_REQUESTS = 10_000
# Everything is prepared before the load starts. The head's length stays the same.
DISTINCT = """\
local requests, last = {}, 0
function init()
  local cookie = wrk.headers["Cookie"]
  for number = 1, %(count)d do
    local digits = string.format("%%016d", number)
    wrk.headers["Cookie"] = cookie:gsub("session=%%x+", "session=" .. digits .. digits)
    requests[number] = wrk.format(nil, "%(path)s/" .. digits)
  end
end
function request()
  last = last %% %(count)d + 1
  return requests[last]
end
"""

_REQUESTS = re.compile(r"^\s*(\d+) requests in ", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s*([\d.]+)", re.MULTILINE)
_P99 = re.compile(r"^\s*99%\s+([\d.]+)(us|ms|s|m|h)\s*$", re.MULTILINE)
_SOCKET_ERRORS = re.compile(
    r"^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", re.MULTILINE
)
_BAD_STATUS = re.compile(r"^\s*Non-2xx or 3xx responses: (\d+)", re.MULTILINE)
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0, "h": 3_600_000.0}


def parse(output: str) -> LoadResult:
    """Reads wrk's report (`wrk --latency`). Raises ValueError when a figure is missing from it."""
    socket_errors = _SOCKET_ERRORS.search(output)
    bad_status = _BAD_STATUS.search(output)
    p99, unit = _figure(_P99, "99 % latency", output).groups()
    return LoadResult(
        requests=int(_figure(_REQUESTS, "number of requests", output).group(1)),
        requests_per_s=float(_figure(_RATE, "requests per second", output).group(1)),
        p99_ms=float(p99) * _MILLISECONDS[unit],
        bad_status=int(bad_status.group(1)) if bad_status else 0,
        socket_errors=sum(int(count) for count in socket_errors.groups()) if socket_errors else 0,
    )


def _figure(pattern: re.Pattern[str], what: str, output: str) -> re.Match[str]:
    match = pattern.search(output)
    if match is None:
        raise ValueError(f"wrk printed no {what}: {output!r}")
    return match


def command(program: str, port: int, mode: Mode, seconds: int, folder: Path) -> list[str]:
    """The wrk command line for `seconds` of `mode`; a script that it needs is written to `folder`."""
    argv = [program, "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    argv += ["--timeout", f"{TIMEOUT_S}s", "--latency"]
    for name, value in mode.headers.items():
        argv += ["--header", f"{name}: {value}"]
    if script := _script(mode):
        path = folder / f"{mode.name}.lua"
        path.write_text(script)
        argv += ["--script", str(path)]
    scheme = "https" if mode.setup.tls else "http"
    return [*argv, f"{scheme}://127.0.0.1:{port}{mode.path}"]


def _script(mode: Mode) -> str:
    if mode.distinct:
        return DISTINCT % {"count": DISTINCT_REQUESTS, "path": mode.path}
    if mode.body_bytes:
        return f'wrk.method = "{mode.method}"\nwrk.body = string.rep("x", {mode.body_bytes})\n'
    return ""


def run(program: str, port: int, mode: Mode, seconds: int, folder: Path) -> LoadResult:
    """Loads the address for `seconds`. Raises ValueError when wrk fails or prints something else."""
    done = subprocess.run(
        command(program, port, mode, seconds, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise ValueError(f"wrk ended with {done.returncode}: {done.stdout.strip()!r}")
    return parse(done.stdout)
