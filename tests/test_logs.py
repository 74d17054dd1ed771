"""Every event leaves as one line, ours and those of libraries alike."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from cluster_lb.logs import Repeats, configure_logs
from tests.doubles.logs import logging_restored


@pytest.fixture
def stream():
    """A stream to log to."""
    with logging_restored():
        yield io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_carry_event_level_logger_time_and_fields(stream):
    configure_logs("info", "json", stream)
    structlog.get_logger("store").warning("store is down", url="redis://x", attempt=3)
    [line] = lines(stream)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "store is down",
        "level": "warning",
        "logger": "store",
        "url": "redis://x",
        "attempt": 3,
    }


def test_events_of_libraries_take_the_same_form(stream):
    configure_logs("info", "json", stream)
    logging.getLogger("aiohttp.server").error("Error handling %s", "request")
    [line] = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == (
        "Error handling request",
        "aiohttp.server",
        "error",
    )


def test_an_exception_stays_on_its_line(stream):
    configure_logs("info", "json", stream)
    try:
        raise ValueError("broken")
    except ValueError as error:
        structlog.get_logger("tasks").error("background task failed", exc_info=error)
    [line] = lines(stream)
    assert line["exception"][0]["exc_value"] == "broken"


def test_text_is_one_readable_line_without_colours_off_a_terminal(stream):
    configure_logs("info", "text", stream)
    structlog.get_logger("node").info("node serves", listen="127.0.0.1:8080")
    [line] = stream.getvalue().splitlines()
    assert "node serves" in line
    assert "listen=127.0.0.1:8080" in line
    assert "\x1b" not in line


def test_events_below_the_level_are_left_out(stream):
    configure_logs("warning", "json", stream)
    structlog.get_logger("node").info("node serves")
    logging.getLogger("aiohttp.server").info("chatter")
    assert stream.getvalue() == ""


def test_what_comes_again_and_again_is_told_once_until_it_is_over():
    repeats = Repeats()
    told = [
        repeats.is_new(*said) for said in (("web", "full"), ("web", "full"), ("api", "full"), ("web", "odd"))
    ]
    assert told == [True, False, True, True]
    repeats.over("web")
    assert repeats.is_new("web", "odd")
    assert not repeats.is_new("api", "full")
