"""What a request is counted by."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cluster_lb.proxy.limit_keys import client_address, key_of, network_of
from cluster_lb.settings.rates import RateLimitSettings
from cluster_lb.wire.request_head import RequestFields, parse_request_fields


def request(*lines: bytes) -> RequestFields:
    return parse_request_fields(
        b"".join(line + b"\r\n" for line in (b"Host: A.example:80", *lines)) + b"\r\n", 100
    )


class Client:
    """A connection from `peer` to a listener that trusts 10.0.0.0/8."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.listener = SimpleNamespace(trusts=self._trusts)

    @staticmethod
    def _trusts(address: str) -> bool:
        return address.startswith("10.")


def key(kind: str, fields: RequestFields, peer: str = "192.0.2.1", **settings: int) -> str:
    return key_of(RateLimitSettings(key=kind, requests=1, **settings))(Client(peer), fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "prefix", "network"),
    [
        ("192.0.2.1", 64, "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", 48, "2001:db8:1::/48"),
        ("2001:db8::9", 128, "2001:db8::9/128"),
        ("fe80::1%eth0", 64, "fe80::/64"),
        ("unknown", 64, "unknown"),
    ],
)
def test_an_ipv6_network_is_one_client(address, prefix, network):
    assert network_of(address, prefix) == network
    settings = {"ipv6_prefix": prefix}
    assert key("client_ip", request(), address, **settings) == network


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", b"6.6.6.6", "192.0.2.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", b"6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", b"1.1.1.1, 6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", b"6.6.6.6, 10.9.9.9", "6.6.6.6"),
        ("10.0.0.1", b"10.1.1.1, 10.9.9.9", "10.1.1.1"),
        ("10.0.0.1", b"6.6.6.6, garbage, 10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", b"\xff", "10.0.0.1"),
        ("10.0.0.1", b"2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", b"::ffff:6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", b"6.6.6.6:1234, 10.9.9.9:80", "6.6.6.6"),
        ("10.0.0.1", b"6.6.6.6, ::ffff:10.9.9.9", "6.6.6.6"),
    ],
)
def test_behind_trusted_proxies_the_client_is_whom_the_last_of_them_saw(peer, forwarded_for, address):
    lines = () if forwarded_for is None else (b"X-Forwarded-For: " + forwarded_for,)
    assert client_address(Client(peer), request(*lines)) == address


def test_a_header_is_a_key_in_any_case_of_its_name():
    assert key("header:X-Api-Key", request(b"x-API-key:  Secret ")) == "Secret"


def test_requests_without_the_header_share_one_key():
    assert key("header:x-api-key", request()) == ""
    assert key("header:x-api-key", request(b"X-Api-Key:")) == ""
    assert key("header:x-*", request(b"X-Api-Key: a")) == ""


def test_a_repeated_header_is_one_key():
    assert key("header:x-api-key", request(b"X-Api-Key: a", b"X-Api-Key: b")) == "a,b"


def test_a_value_cannot_steer_where_redis_keeps_it():
    assert key("header:x-api-key", request(b"X-Api-Key: {web}:x \xff%")) == "%7Bweb%7D:x%20%FF%25"


def test_a_long_value_takes_no_more_room_than_a_short_one():
    one, other = (
        key("header:x-api-key", request(b"X-Api-Key: " + b"k" * 5000 + end)) for end in (b"1", b"2")
    )
    assert len(one) == 32
    assert one != other


def test_a_host_counts_without_its_port_and_its_case():
    assert key("host", request()) == "a.example"
    ipv6 = parse_request_fields(b"Host: [::1]:80\r\n\r\n", 10)
    assert key("host", ipv6) == "[::1]"
    assert key("host", parse_request_fields(b"Host: [::1]\r\n\r\n", 10)) == "[::1]"
    assert key("host", parse_request_fields(b"\r\n", 10)) == ""


def test_all_is_one_key():
    assert key("all", request(), "192.0.2.1") == key("all", request(b"X: y"), "192.0.2.2") == ""
