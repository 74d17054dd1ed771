"""Settings of probes: what each may be, and what fits which kind."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cluster_lb.errors import InvalidValueError
from cluster_lb.settings.health import HealthSettings, health_contradictions, payload, statuses


def problems(**settings: object) -> dict[str, str]:
    return dict(health_contradictions(HealthSettings.model_validate(settings)))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("PING\r\n", b"PING\r\n"), ("é", b"\xc3\xa9"), ("hex:00 ff", b"\x00\xff"), ("hex:", b""), ("", b"")],
)
def test_what_to_say_is_text_or_hexadecimal(text: str, meaning: bytes) -> None:
    assert payload(text) == meaning


@pytest.mark.parametrize("text", ["hex:0", "hex:zz", "hex:0x00"])
def test_bad_hexadecimal_is_named(text: str) -> None:
    with pytest.raises(InvalidValueError, match="pairs of hexadecimal digits"):
        payload(text)


def test_statuses_are_single_ones_and_ranges() -> None:
    assert (401 in statuses("401"), 402 in statuses("401")) == (True, False)
    assert [status for status in (199, 200, 299, 300) if status in statuses("200-299")] == [200, 299]


@pytest.mark.parametrize("text", ["", "20", "2xx", "600", "200-", "299-200", "200 - 299", "2000"])
def test_other_statuses_are_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="status"):
        statuses(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "https"),
        ("port", 65536),
        ("method", "POST"),
        ("path", "no-slash"),
        ("host", "a b"),
        ("headers", {"a.b": "x"}),
        ("headers", {"Host": "x"}),
        ("headers", {"connection": "x"}),
        ("headers", {"X-A": "line\r\nbreak"}),
        ("expect_status", []),
        ("expect_status", ["2xx"]),
        ("expect_body", "(unclosed"),
        ("expect_body", r"(a)\1"),
        ("send", "hex:f"),
        ("interval_s", 0.01),
        ("fast_interval_s", 0.01),
        ("down_interval_s", -1),
        ("agent", {"port": -1}),
    ],
)
def test_what_cannot_be_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        HealthSettings.model_validate({key: value})


def test_statuses_may_be_written_as_numbers() -> None:
    assert HealthSettings.model_validate({"expect_status": [200, "300-305"]}).expect_status == (
        "200",
        "300-305",
    )


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({"kind": "tcp", "path": "/live"}, "path", 'is for kind = "http", and kind is "tcp"'),
        ({"kind": "grpc", "headers": {"X-A": "1"}}, "headers", 'is for kind = "http"'),
        ({"kind": "http", "send": "x"}, "send", 'is for kind = "tcp", and kind is "http"'),
        ({"kind": "none", "service": "a"}, "service", 'is for kind = "grpc"'),
        ({"kind": "tcp", "host": "a"}, "host", 'is for kind = "http" or "grpc"'),
        ({"kind": "http", "method": "HEAD", "expect_body": "a"}, "expect_body", "has no body"),
        ({"agent": {"send": "x"}}, "agent.send", "needs agent.port"),
    ],
)
def test_what_does_not_fit_the_kind_is_named(settings, key: str, words: str) -> None:
    found = problems(**settings)
    assert list(found) == [key]
    assert words in found[key]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kind": "none"},
        {"kind": "http", "path": "/x", "host": "a", "headers": {"X-A": "1"}, "expect_body": "ok"},
        {"kind": "tcp", "send": "a", "expect": "b"},
        {"kind": "grpc", "service": "a", "host": "b"},
        {"kind": "none", "agent": {"port": 9, "send": "x"}},
    ],
)
def test_what_fits_is_no_problem(settings) -> None:
    assert problems(**settings) == {}


@pytest.mark.parametrize(
    ("settings", "judges"),
    [({}, True), ({"kind": "none"}, False), ({"kind": "none", "agent": {"port": 9}}, True)],
)
def test_nodes_judge_servers_where_anything_asks_them(settings, judges: bool) -> None:
    assert HealthSettings.model_validate(settings).judges is judges
