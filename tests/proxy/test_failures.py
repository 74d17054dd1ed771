"""How an attempt fails, in values."""

from __future__ import annotations

import errno
import socket

import pytest

from cluster_lb.proxy import failures
from cluster_lb.proxy.failures import IDEMPOTENT, Fault


def test_a_detail_changes_only_the_reason():
    detailed = failures.BAD_RESPONSE.because("why")
    assert detailed.reason == "invalid response: why"
    assert (detailed.status, detailed.fault, detailed.word) == (502, Fault.UPSTREAM, "junk-response")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"),
            "cannot connect: Connection refused",
        ),
        (OSError(errno.EHOSTUNREACH, "x"), "cannot connect: No route to host"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "cannot connect: Name or service not known",
        ),
        (OSError("all failed"), "cannot connect: all failed"),
    ],
)
def test_a_failed_connect_is_named_in_the_systems_words(error, reason):
    failure = failures.cannot_connect(error)
    assert failure.reason == reason
    assert (failure.fault, failure.untouched, failure.word) == (Fault.UPSTREAM, True, "conn-failure")


def test_a_shortage_of_this_machine_is_not_the_servers_fault():
    failure = failures.cannot_connect(OSError(errno.EMFILE, "Too many open files"))
    assert (failure.fault, failure.status, failure.word) == (Fault.US, 503, "")
    assert failure.reason == "no more connections can be opened: Too many open files"


def test_what_may_be_repeated_once_a_server_has_seen_it():
    assert {b"GET", b"PUT", b"DELETE"} <= IDEMPOTENT
    assert not {b"POST", b"PATCH", b"get"} & IDEMPOTENT
