"""Why a message is refused."""

from __future__ import annotations

from cluster_lb.errors import ClusterLBError


class BadRequestError(ClusterLBError):
    """A request that is answered with `status` and whose connection is closed; `reason` is for the log."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class BadResponseError(ClusterLBError):
    """A server's message that breaks the grammar: a 502, and the server's connection is closed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
