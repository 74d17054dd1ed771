"""What a server is told of the client."""

from __future__ import annotations

import pytest

from cluster_lb.wire.forwarding import forwarding_lines


def lines(peer: bytes, host: bytes | None = b"a", received=(), proto: bytes = b"http") -> dict[str, str]:
    text = forwarding_lines(peer, proto, host, tuple(received)).decode()
    assert text.endswith("\r\n")
    return dict(line.split(": ", 1) for line in text[:-2].split("\r\n"))


def test_a_client_that_is_not_trusted_is_described_as_seen():
    assert lines(b"192.0.2.1", b"a.example", proto=b"https") == {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "a.example",
        "Forwarded": "for=192.0.2.1;host=a.example;proto=https",
    }


def test_a_trusted_peer_is_added_to_what_it_said():
    received = [
        (b"x-forwarded-for", b"203.0.113.9, 198.51.100.2"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop.example"),
        (b"forwarded", b"for=203.0.113.9;proto=https"),
    ]
    assert lines(b"10.0.0.1", b"inner", received) == {
        "X-Forwarded-For": "203.0.113.9, 198.51.100.2, 10.0.0.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.example",
        "Forwarded": "for=203.0.113.9;proto=https, for=10.0.0.1;host=inner;proto=http",
    }


@pytest.mark.parametrize(
    ("peer", "host", "element"),
    [
        (b"2001:db8::7", b"a", 'for="[2001:db8::7]";host=a;proto=http'),
        (b"192.0.2.1", b"a:8080", 'for=192.0.2.1;host="a:8080";proto=http'),
        (b"192.0.2.1", b"[::1]", 'for=192.0.2.1;host="[::1]";proto=http'),
        (b"192.0.2.1", None, "for=192.0.2.1;proto=http"),
    ],
)
def test_what_is_no_token_is_quoted_in_forwarded(peer, host, element):
    assert lines(peer, host)["Forwarded"] == element


def test_x_forwarded_for_takes_an_ipv6_address_without_brackets():
    assert lines(b"2001:db8::7")["X-Forwarded-For"] == "2001:db8::7"


def test_without_a_host_none_is_made_up():
    assert "X-Forwarded-Host" not in lines(b"192.0.2.1", None)


def test_what_else_a_trusted_peer_says_goes_on_as_it_came():
    received = [(b"x-forwarded-port", b"8443"), (b"x-forwarded-prefix", b"/shop")]
    said = lines(b"10.0.0.1", received=received)
    assert (said["x-forwarded-port"], said["x-forwarded-prefix"]) == ("8443", "/shop")


def test_empty_values_of_a_trusted_peer_add_no_empty_elements():
    said = lines(b"10.0.0.1", received=[(b"x-forwarded-for", b""), (b"forwarded", b"")])
    assert said["X-Forwarded-For"] == "10.0.0.1"
    assert said["Forwarded"] == "for=10.0.0.1;host=a;proto=http"
