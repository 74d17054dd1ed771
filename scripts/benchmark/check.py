"""Is the answer right? Asked before anything is measured, so that no wrong answer counts as a fast one."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable

from scripts.benchmark import handshakes
from scripts.benchmark.modes import SMALL, Handshake, Mode

TIMEOUT_S = 5.0
START_TIMEOUT_S = 20.0  # Envoy and Traefik answer 503 until their first health check has passed
POLL_S = 0.05


def fault(port: int, mode: Mode, tls: ssl.SSLContext | None = None) -> str | None:
    """What is wrong with the answer to one request of `mode`, over TLS with `tls`, or None."""
    if tls is not None and mode.handshake is not None:
        return _handshake_fault(port, mode.handshake, tls)
    return _answer_fault(_connection(port, tls), mode)


def wait_until_serving(port: int, tls: ssl.SSLContext | None = None) -> str | None:
    """Waits for the first right answer; returns the last fault when none came within START_TIMEOUT_S."""
    return last_fault(lambda: fault(port, SMALL, tls))


def _connection(port: int, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if tls is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_S, context=tls)


def _answer_fault(connection: http.client.HTTPConnection, mode: Mode) -> str | None:
    asked = f"{mode.method} {mode.path}"
    try:
        connection.request(mode.method, mode.path, body=b"x" * mode.body_bytes or None, headers=mode.headers)
        response = connection.getresponse()
        length = len(response.read())
    except (OSError, http.client.HTTPException) as error:
        return f"{asked}: {error!r}"
    finally:
        connection.close()
    if response.status != 200:
        return f"{asked}: status {response.status}"
    if length != mode.response_bytes:
        return f"{asked}: {length} bytes instead of {mode.response_bytes}"
    return None


def _handshake_fault(port: int, handshake: Handshake, tls: ssl.SSLContext) -> str | None:
    """Sends what s_time sends, which looks at no answer itself."""
    try:
        with _handshake(port, tls, None) as first:
            first.sendall(handshakes.REQUEST)
            answer = b"".join(iter(lambda: first.recv(4096), b""))
            session = first.session  # TLS 1.3 sends it after the handshake
        if not answer.startswith(b"HTTP/1.1 200 "):
            return f"the answer is {answer[:100]!r}"
        if handshake is Handshake.FULL:
            return None
        with _handshake(port, tls, session) as second:
            return None if second.session_reused else "it does not resume sessions"
    except OSError as error:
        return f"{handshake.value} handshake: {error!r}"


def _handshake(port: int, tls: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
    try:
        return tls.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
    except OSError:
        plain.close()
        raise


def last_fault(attempt: Callable[[], str | None]) -> str | None:
    """Repeats `attempt` until it returns None; returns its last fault when that takes START_TIMEOUT_S."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (found := attempt()) is not None and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return found
