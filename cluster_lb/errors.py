"""Every error that crosses a folder.

An operator's message says what was wrong and what to do; a subclass says whose fault it was. Errors of
one exchange (status, whether a repeat is safe, whether it counts against the server) are values in
`proxy/failures.py`, because they never leave the data path.
"""

from __future__ import annotations

import errno


class ClusterLBError(Exception):
    """Base of all errors that cluster-lb raises on purpose."""


class SettingsError(ClusterLBError):
    """Bad settings or arguments. `path` names the file and key, or the option."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class InvalidValueError(ClusterLBError, ValueError):
    """A value from outside (an address, a weight, an id) that cannot be accepted; the message names it."""


class NotFoundError(ClusterLBError, LookupError):
    """A pool or a server that the cluster does not know."""


class StoreError(ClusterLBError):
    """Redis answered with an error, or with contents that are not ours; a repeat will not help."""


class StoreUnavailableError(StoreError):
    """Redis did not answer in time or is not connected; a later repeat may help."""


_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def is_local_shortage(error: OSError) -> bool:
    """Whether this machine ran out of descriptors or memory, which says nothing of the other end."""
    return error.errno in _SHORTAGES
