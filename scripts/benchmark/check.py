"""Is the answer right? Asked before anything is measured, so that no wrong answer counts as a fast one."""

import http.client
import time
from collections.abc import Callable

from scripts.benchmark.modes import SMALL, Mode

TIMEOUT_S = 5.0
START_TIMEOUT_S = 20.0  # Envoy and Traefik answer 503 until their first health check has passed
POLL_S = 0.05


def fault(port: int, mode: Mode) -> str | None:
    """What is wrong with the answer to one request of `mode`, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(mode.method, mode.path, body=b"x" * mode.body_bytes or None, headers=mode.headers)
        response = connection.getresponse()
        length = len(response.read())
    except (OSError, http.client.HTTPException) as error:
        return f"{mode.method} {mode.path}: {error!r}"
    finally:
        connection.close()
    if response.status != 200:
        return f"{mode.method} {mode.path}: status {response.status}"
    if length != mode.response_bytes:
        return f"{mode.method} {mode.path}: {length} bytes instead of {mode.response_bytes}"
    return None


def wait_until_serving(port: int) -> str | None:
    """Waits for the first right answer; returns the last fault when none came within START_TIMEOUT_S."""
    return last_fault(lambda: fault(port, SMALL))


def last_fault(attempt: Callable[[], str | None]) -> str | None:
    """Repeats `attempt` until it returns None; returns its last fault when that takes START_TIMEOUT_S."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (found := attempt()) is not None and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return found
