"""Loopback ports for what tests start."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack, suppress

# Below those that systems give to outgoing connections (Linux: from 32768 on): none of these comes between
# the choice of a port and its use.
_LOWEST, _HIGHEST = 10_000, 22_000
_given: set[int] = set()


def free_port(*above: int) -> int:
    """A port that nobody listens on, and that this process was not given before; so are those that lie
    `above` it by up to 10,000."""
    while True:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        wanted = {port, *(port + distance for distance in above)}
        if wanted.isdisjoint(_given) and _are_free(wanted):
            _given.update(wanted)
            return port


def _are_free(ports: set[int]) -> bool:
    with suppress(OSError), ExitStack() as held:
        for port in ports:
            held.enter_context(socket.socket()).bind(("127.0.0.1", port))
        return True
    return False
