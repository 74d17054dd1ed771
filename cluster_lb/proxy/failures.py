"""How an attempt or an exchange fails: whose fault, which status, whether it may be repeated."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import Enum

from cluster_lb.errors import is_local_shortage

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
    repeated. `repeatable`: another attempt may help at all."""

    fault: Fault
    status: int
    reason: str
    untouched: bool = False
    repeatable: bool = True

    def because(self, detail: str) -> Failure:
        """The same failure with a detail for the log."""
        return replace(self, reason=f"{self.reason}: {detail}")


CONNECT_FAILED = Failure(Fault.UPSTREAM, 502, "cannot connect", untouched=True)
NO_CONNECTION = Failure(Fault.US, 503, "no more connections can be opened", untouched=True, repeatable=False)
CONNECT_TIMEOUT = Failure(Fault.UPSTREAM, 504, "connect timed out", untouched=True)
CLOSED_AT_ONCE = Failure(Fault.UPSTREAM, 502, "server closed a new connection", untouched=True)
SERVER_CLOSED = Failure(Fault.UPSTREAM, 502, "server closed the connection")
BAD_RESPONSE = Failure(Fault.UPSTREAM, 502, "invalid response", repeatable=False)
RESPONSE_TIMEOUT = Failure(Fault.UPSTREAM, 504, "response timed out", repeatable=False)
NO_SERVER = Failure(Fault.US, 503, "no server available", untouched=True, repeatable=False)
# nginx's code for a client that went away: logged, never sent, and nobody's failure.
CLIENT_GONE = Failure(Fault.CLIENT, 499, "client went away", repeatable=False)
CLIENT_STALLED = Failure(Fault.CLIENT, 408, "client stalled", repeatable=False)


def cannot_connect(error: OSError) -> Failure:
    """Why a connect failed, in the system's words, which do not depend on the event loop; a resolver's,
    whose numbers are others, stay."""
    kind = NO_CONNECTION if is_local_shortage(error) else CONNECT_FAILED
    number = error.errno or 0
    return kind.because(os.strerror(number) if number > 0 else error.strerror or str(error))
