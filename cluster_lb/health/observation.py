"""What one probe saw, in the words of HAProxy's `check-t.h`: the layer that decided, and how."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum

from cluster_lb.clock import Clock
from cluster_lb.dial import TlsUnusableError
from cluster_lb.errors import is_local_shortage
from cluster_lb.tls.context import reason


class Word(StrEnum):
    """The layer at which a probe was decided. SLOW is ours: a good answer, but later than `slow_ms`."""

    L4OK = "L4OK"
    L4CON = "L4CON"
    L4TOUT = "L4TOUT"
    L6RSP = "L6RSP"
    L7OK = "L7OK"
    L7STS = "L7STS"
    L7TOUT = "L7TOUT"
    L7RSP = "L7RSP"
    SLOW = "SLOW"
    SOCKERR = "SOCKERR"


@dataclass(frozen=True, slots=True)
class Observation:
    """One outcome. `duration_ms` runs from the start of the connect to the decision."""

    word: Word
    detail: str = ""
    duration_ms: float = 0.0

    @property
    def ok(self) -> bool:
        return self.word in (Word.L4OK, Word.L7OK)

    @property
    def conclusive(self) -> bool:
        """False when this machine could not even probe: it says nothing of the server."""
        return self.word is not Word.SOCKERR

    @property
    def reason(self) -> str:
        """For people: `L7STS 503`, `L4CON connection refused`."""
        return f"{self.word} {self.detail}".rstrip()


def connect_failure(error: OSError, duration_ms: float) -> Observation:
    """What a failed connect says: L4CON, L6RSP for TLS, or SOCKERR when this machine is at fault."""
    if isinstance(error, socket.gaierror):
        return Observation(Word.L4CON, "name not resolved", duration_ms)
    if isinstance(error, TlsUnusableError):
        return Observation(Word.SOCKERR, str(error), duration_ms)
    if isinstance(error, ssl.SSLError):
        return Observation(Word.L6RSP, reason(error), duration_ms)
    detail = os.strerror(error.errno).lower() if error.errno else "cannot connect"
    return Observation(Word.SOCKERR if is_local_shortage(error) else Word.L4CON, detail, duration_ms)


def ms_since(began: float, clock: Clock) -> float:
    return (clock.monotonic() - began) * 1000
