"""An observation names the layer that decided, in HAProxy's words."""

from __future__ import annotations

import errno
import socket

import pytest

from cluster_lb.health.observation import Observation, Word, connect_failure


@pytest.mark.parametrize("word", list(Word))
def test_only_an_open_connection_and_a_good_answer_are_ok(word: Word) -> None:
    assert Observation(word).ok is (word in (Word.L4OK, Word.L7OK))


def test_the_reason_is_the_word_with_its_detail() -> None:
    assert Observation(Word.L7STS, "503").reason == "L7STS 503"
    assert Observation(Word.L4TOUT).reason == "L4TOUT"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ECONNREFUSED, "x"), "L4CON connection refused"),
        (OSError(errno.EHOSTUNREACH, "x"), "L4CON no route to host"),
        (OSError("Multiple exceptions: ..."), "L4CON cannot connect"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "L4CON name not resolved"),
    ],
)
def test_a_failed_connect_counts_against_the_server(error: OSError, reason: str) -> None:
    observation = connect_failure(error, 1.5)
    assert (observation.reason, observation.ok, observation.conclusive) == (reason, False, True)
    assert observation.duration_ms == 1.5


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_a_machine_without_descriptors_or_memory_says_nothing_of_the_server(number: int) -> None:
    observation = connect_failure(OSError(number, "x"), 0)
    assert observation.word is Word.SOCKERR
    assert not observation.conclusive
