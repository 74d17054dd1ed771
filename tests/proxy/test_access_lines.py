"""The forms of an access line, and that no request can forge one."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.proxy.access_lines import JSONLines, Lines, TextLines
from cluster_lb.proxy.combined_lines import CombinedLines
from cluster_lb.wire.request_head import match_request_line

WALL = 1_700_000_000.25
FORMS = [TextLines, JSONLines, CombinedLines]


def server(server_id: str = "s0"):
    return SimpleNamespace(id=server_id, log_tails={})


def exchange(line: bytes = b"GET /a?b HTTP/1.1\r\n", **more):
    fields = {
        "request_line": line,
        "client": SimpleNamespace(peer="192.0.2.1"),
        "pool": SimpleNamespace(name="web"),
        "status": 200,
        "attempts": 1,
        "body_bytes": 0,
        "response_bytes": 4,
        "started": 10.0,
        "first_byte_at": 0.0,
        "request_id": b"",
        "own_lines": b"",
        "head": line + b"Host: a\r\n\r\n",
    }
    return SimpleNamespace(**(fields | more))


def whole(form: Lines, line: bytes) -> str:
    form.set_time(WALL)
    return (form.prefix + line + form.suffix).decode("ascii")


def text(some=None, *, served: bool = True) -> str:
    form = TextLines()
    return whole(form, form.line(some or exchange(), server() if served else None, 0.0042))


def as_json(some=None, *, served: bool = True):
    form = JSONLines()
    return json.loads(whole(form, form.line(some or exchange(), server() if served else None, 0.0042)))


def test_a_line_of_text():
    assert text() == (
        '2023-11-14T22:13:20.250+00:00 192.0.2.1 "GET /a?b" 200 web/s0 attempts=1 in=0 out=4 '
        "first_byte=4.20ms total=4.20ms"
    )


def test_a_line_of_text_on_a_request_with_a_body_and_a_repeat():
    line = text(exchange(attempts=2, body_bytes=3, first_byte_at=10.002))
    assert line.endswith("web/s0 attempts=2 in=3 out=4 first_byte=2.00ms total=4.20ms")


def test_a_line_of_json():
    assert as_json() == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "client": "192.0.2.1",
        "method": "GET",
        "path": "/a?b",
        "status": 200,
        "pool": "web",
        "server": "s0",
        "attempts": 1,
        "bytes_in": 0,
        "bytes_out": 4,
        "first_byte_ms": 4.2,
        "total_ms": 4.2,
    }


def test_an_exchange_without_a_server_has_a_dash():
    assert "503 web/- attempts=0" in text(exchange(status=503, attempts=0), served=False)
    assert as_json(exchange(status=503, attempts=0), served=False)["server"] == "-"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"status": 404},
        {"response_bytes": 4095},
        {"response_bytes": 4096},
        {"response_bytes": 10**12},
        {"first_byte_at": 10.002},
        {"body_bytes": 9},
    ],
    ids=str,
)
@pytest.mark.parametrize("elapsed", [0.0, 0.004312, 0.04999, 0.05, 3600.0])
def test_the_ready_pieces_make_the_line_that_would_be_made_without_them(form, more, elapsed):
    some = exchange(**more)
    lines, s0, cold = form(), server(), form()
    lines.set_time(WALL)
    cold.set_time(WALL)
    first = lines.line(some, s0, elapsed)
    assert lines.line(some, s0, elapsed) == first
    assert cold.line(some, server(), elapsed) == first


def test_a_server_has_its_own_pieces_for_each_status():
    form = TextLines()
    servers = server("s0"), server("s1")
    lines = [
        form.line(exchange(status=status), each, 0.0)
        for _ in range(2)
        for each in servers
        for status in (200, 404)
    ]
    assert [b" ".join(line.split()[3:5]) for line in lines] == 2 * [
        b"200 web/s0",
        b"404 web/s0",
        b"200 web/s1",
        b"404 web/s1",
    ]


def test_the_combined_form_is_that_of_nginx_and_apache():
    form = CombinedLines()
    head = b"GET /a?b HTTP/1.1\r\nHost: a\r\nuser-agent:  curl/8 \r\nReferer: http://x/\r\n\r\n"
    assert whole(form, b"") == ""
    assert form.line(exchange(head=head), server(), 0.0042).decode() == (
        '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b HTTP/1.1" 200 4 "http://x/" "curl/8"'
    )


def test_the_combined_form_has_a_dash_for_fields_that_were_not_sent():
    form = CombinedLines()
    assert form.line(exchange(), server(), 0.0).endswith(b' 200 4 "-" "-"')


def test_the_combined_form_escapes_fields_that_would_end_early():
    form = CombinedLines()
    head = b'GET / HTTP/1.1\r\nUser-Agent: a" "b\\\xff\r\n\r\n'
    assert form.line(exchange(head=head), server(), 0.0).endswith(rb'"-" "a\x22 \x22b\x5C\xFF"')


def test_the_combined_form_finds_fields_behind_lines_made_for_one_request():
    form = CombinedLines()
    own = b"X-Request-Id: 1\r\n"
    head = b"GET / HTTP/1.1\r\n" + own + b"User-Agent: curl/8\r\n\r\n"
    assert form.line(exchange(head=head, own_lines=own), server(), 0.0).endswith(b'"-" "curl/8"')


def test_the_combined_form_does_not_look_into_bodies():
    form = CombinedLines()
    head = b"POST / HTTP/1.1\r\nHost: a\r\n\r\nx\r\nUser-Agent: forged\r\n"
    assert form.line(exchange(head=head), server(), 0.0).endswith(b'"-" "-"')


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (TextLines(), '2023-11-14T22:13:20.250+00:00 192.0.2.1 "-" 400 -/- reason="missing Host"'),
        (
            JSONLines(),
            '{"time":"2023-11-14T22:13:20.250+00:00","client":"192.0.2.1","status":400,'
            '"reason":"missing Host"}',
        ),
        (CombinedLines(), '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "-" 400 0 "-" "-"'),
    ],
)
def test_a_refusal(form, expected):
    form.set_time(WALL)
    assert whole(form, form.refusal("192.0.2.1", 400, "missing Host")) == expected


def test_a_request_id_is_one_more_field():
    some = exchange(request_id=b"abc-1")
    assert TextLines().line_with_id(some, server(), 0.0).endswith(b" request_id=abc-1")
    form = JSONLines()
    assert json.loads(whole(form, form.line_with_id(some, server(), 0.0)))["request_id"] == "abc-1"
    assert TextLines().line_with_id(exchange(), server(), 0.0) == TextLines().line(exchange(), server(), 0.0)


def test_the_combined_form_has_no_place_for_a_request_id():
    form = CombinedLines()
    some = exchange(request_id=b"abc-1")
    assert form.line_with_id(some, server(), 0.0) == form.line(some, server(), 0.0)


def test_many_clients_have_lines_of_their_own():
    form = TextLines()
    peers = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(5000)] + ["10.0.0.0"]
    for peer in peers:
        line = form.line(exchange(client=SimpleNamespace(peer=peer)), server(), 0.0)
        assert line.startswith(peer.encode() + b' "')


WARM = [(form(), server()) for form in FORMS]  # what repeats is at hand
TARGETS = st.one_of(
    st.binary(max_size=30),
    st.text(alphabet='/a"\\%{}:,\x00\n\r\t \x7f\x80', max_size=30).map(lambda text: text.encode("latin-1")),
)


@given(TARGETS)
def test_any_bytes_in_a_request_line_give_one_line_of_valid_json(target):
    form = JSONLines()
    line = whole(form, form._any_line(exchange(b"GET /" + target + b" HTTP/1.1\r\n"), server(), 0.0))
    assert line.isprintable()
    first, _, rest = line.partition(" ")
    assert first.endswith('"method":"GET')
    found = json.loads(first + JSONLines._between.decode() + rest)
    assert found["path"].encode("latin-1") == b"/" + target
    assert found["server"] == "s0"


@given(TARGETS)
def test_whatever_is_accepted_as_a_request_is_one_line_in_each_form(target):
    line = b"GET /" + target + b" HTTP/1.1\r\n"
    if not match_request_line(line):
        return
    for form, s0 in WARM:
        for _ in range(2):
            made = whole(form, form.line(exchange(line), s0, 0.0))
            assert made.isprintable()
            if isinstance(form, JSONLines):
                assert json.loads(made)["path"].encode() == b"/" + target
            else:
                assert made.count('"') == (6 if isinstance(form, CombinedLines) else 2)
