"""traceparent and tracestate after W3C Trace Context, sections 3.2 and 4."""

from __future__ import annotations

import pytest

from cluster_lb.wire.trace_context import TraceParent, parse_traceparent, take_trace_context

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
VALID = b"00-%b-%b-01" % (TRACE, SPAN)


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (VALID, True),
        (VALID[:-2] + b"00", False),
        (VALID[:-2] + b"03", True),
        (VALID[:-2] + b"fe", False),
        (b"cc" + VALID[2:], True),  # a later version is read as far as this one goes
        (b"cc" + VALID[2:] + b"-what-comes", True),
    ],
)
def test_a_valid_parent(value, sampled):
    assert parse_traceparent(value) == TraceParent(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        VALID[:-1],
        VALID + b"-more",
        VALID.upper(),
        b"ff" + VALID[2:],
        b"cc" + VALID[2:] + b"x",
        VALID.replace(TRACE, b"0" * 32),
        VALID.replace(SPAN, b"0" * 16),
        VALID.replace(b"4b", b"4g"),
        b" " + VALID,
        VALID + b"\n",
    ],
)
def test_a_malformed_parent_is_none(value):
    assert parse_traceparent(value) is None


def test_the_state_stays_with_a_valid_parent():
    lines = b"A: 1\r\nTraceparent: %b\r\ntracestate: a=1\r\ntracestate: b=2\r\n\r\n" % VALID
    rest, parent, state = take_trace_context(lines)
    assert rest == b"A: 1\r\ntracestate: a=1\r\ntracestate: b=2\r\n\r\n"
    assert parent == TraceParent(TRACE, SPAN, True)
    assert state == b"a=1,b=2"


@pytest.mark.parametrize(
    "parents",
    [b"", b"traceparent: 00-no\r\n", b"traceparent: %b\r\n" % VALID * 2],
    ids=["none", "bad", "two"],
)
def test_without_a_valid_parent_the_state_goes(parents):
    assert take_trace_context(parents + b"A: 1\r\ntracestate: a=1\r\n") == (b"A: 1\r\n", None, b"")


def test_a_line_says_what_was_read():
    assert TraceParent(TRACE, SPAN, True).line() == b"traceparent: %b\r\n" % VALID
    assert TraceParent(TRACE, SPAN, False).line().endswith(b"-00\r\n")
