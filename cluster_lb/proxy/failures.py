"""How an attempt or an exchange fails: whose fault, which status, whether it may be repeated."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, replace
from enum import Enum

from cluster_lb.dial import TlsUnusableError
from cluster_lb.errors import is_local_shortage
from cluster_lb.settings.retries import RetryOn
from cluster_lb.tls.context import reason

# RFC 9110 section 9.2.2: sent twice, they mean the same as once.
IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))


class Fault(Enum):
    """Whose fault a failure is."""

    CLIENT = "client"
    UPSTREAM = "upstream"
    US = "us"


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure. `untouched`: no server can have acted on the request, so that any method may be
    repeated. `word`: what `retries.on` calls it; without one another attempt cannot help. `retry_after_s`:
    when the client may come again; 0: nobody knows."""

    fault: Fault
    status: int
    reason: str
    untouched: bool = False
    word: str = ""
    retry_after_s: int = 0

    def because(self, detail: str) -> Failure:
        """The same failure with a detail for the log."""
        return replace(self, reason=f"{self.reason}: {detail}")


CONNECT_FAILED = Failure(Fault.UPSTREAM, 502, "cannot connect", untouched=True, word=RetryOn.CONN_FAILURE)
NO_CONNECTION = Failure(Fault.US, 503, "no more connections can be opened", untouched=True)
CONNECT_TIMEOUT = Failure(Fault.UPSTREAM, 504, "connect timed out", untouched=True, word=RetryOn.CONN_FAILURE)
CLOSED_AT_ONCE = Failure(
    Fault.UPSTREAM, 502, "server closed a new connection", untouched=True, word=RetryOn.CONN_FAILURE
)
SERVER_CLOSED = Failure(Fault.UPSTREAM, 502, "server closed the connection", word=RetryOn.EMPTY_RESPONSE)
BAD_RESPONSE = Failure(Fault.UPSTREAM, 502, "invalid response", word=RetryOn.JUNK_RESPONSE)
RESPONSE_TIMEOUT = Failure(Fault.UPSTREAM, 504, "response timed out", word=RetryOn.RESPONSE_TIMEOUT)
REQUEST_TIMEOUT = Failure(Fault.UPSTREAM, 504, "request timed out")
NO_SERVER = Failure(Fault.US, 503, "no server available", untouched=True)
# When room will come is anybody's guess; a second spares us the same client's hammering.
QUEUE_FULL = Failure(Fault.US, 503, "the queue is full", untouched=True, retry_after_s=1)
TLS_UNUSABLE = Failure(Fault.US, 503, "TLS to the servers is not set up right", untouched=True)
QUEUE_TIMEOUT = Failure(Fault.US, 503, "no room in time", untouched=True, retry_after_s=1)
# nginx's code for a client that went away: logged, never sent, and nobody's failure.
CLIENT_GONE = Failure(Fault.CLIENT, 499, "client went away")
CLIENT_STALLED = Failure(Fault.CLIENT, 408, "client stalled")


def of_status(status: int) -> Failure:
    """A whole response whose status may be repeated."""
    return Failure(Fault.UPSTREAM, status, "status to be repeated", word=str(status))


def cannot_connect(error: OSError) -> Failure:
    """Why a connect failed, in the system's words, which do not depend on the event loop; a resolver's,
    whose numbers are others, stay."""
    if isinstance(error, TlsUnusableError):
        return TLS_UNUSABLE.because(str(error))
    if isinstance(error, ssl.SSLError):
        return CONNECT_FAILED.because(f"TLS: {reason(error)}")
    kind = NO_CONNECTION if is_local_shortage(error) else CONNECT_FAILED
    number = error.errno or 0
    return kind.because(os.strerror(number) if number > 0 else reason(error))
