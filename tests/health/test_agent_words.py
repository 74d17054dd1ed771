"""Lines of agents, as they come over the wire, and what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.errors import InvalidValueError
from cluster_lb.health.agent_words import Words, read_line
from cluster_lb.model.advice import Advice
from cluster_lb.model.availability import Health, ServerState

UP, DRAIN, DOWN = ServerState.UP, ServerState.DRAIN, ServerState.DOWN


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("75%\n", Words(Advice(percent=75))),
        ("0%\n", Words(Advice(percent=0))),
        ("weight:50%\n", Words(Advice(percent=50))),
        ("weight:128\n", Words(Advice(weight=128))),
        ("maxconn:30\n", Words(Advice(maxconn=30))),
        ("75% maxconn:30 maxconn:0\n", Words(Advice(percent=75, maxconn=0))),
        ("ready\n", Words(Advice(state=UP))),
        ("drain\n", Words(Advice(state=DRAIN))),
        ("maint\n", Words(Advice(state=DOWN))),
        ("up\n", Words(health=Health.UP)),
        ("down\n", Words(health=Health.DOWN)),
        ("fail\n", Words(health=Health.DOWN)),
        ("stopped\n", Words(health=Health.DOWN)),
        ("down #disk full, really\n", Words(health=Health.DOWN, reason="disk full, really")),
        ("stopped#at once\n", Words(health=Health.DOWN, reason="at once")),
        ("up ready 75%\n", Words(Advice(75, None, UP), Health.UP)),
        ("UP,Ready\t75%\n", Words(Advice(75, None, UP), Health.UP)),
        ("  drain , 10%  \r\n", Words(Advice(10, None, DRAIN))),
        ("75% weight:9\n", Words(Advice(weight=9))),
        ("weight:9 75%\n", Words(Advice(percent=75))),
        ("drain ready\n", Words(Advice(state=UP))),
        ("up down\n", Words(health=Health.DOWN)),
        ("up\r\nand more\n", Words(health=Health.UP)),
        ("up\nnonsense", Words(health=Health.UP)),
        ("up", Words(health=Health.UP)),
        ("down #a\x1b[31m\n", Words(health=Health.DOWN, reason="a [31m")),
    ],
)
def test_a_line_and_its_meaning(line: str, meaning: Words) -> None:
    assert read_line(line) == meaning


@pytest.mark.parametrize(
    "line",
    [
        *("", "\n", "#only why\n", "75\n", "%\n", "-5%\n", "weight:\n", "weight:-1\n", "maxconn:x\n"),
        *("HTTP/1.1 200 OK\r\n", "downhill\n", "up; drain\n", "\u0667%\n", "1000000000%\n"),
    ],
)
def test_what_is_no_word_is_refused(line: str) -> None:
    with pytest.raises(InvalidValueError, match="is no word of agents"):
        read_line(line)


@given(st.text(max_size=60))
def test_any_line_has_a_meaning_or_is_refused(line: str) -> None:
    try:
        assert isinstance(read_line(line), Words)
    except InvalidValueError:
        pass
