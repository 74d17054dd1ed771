"""PROXY headers, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.wire.proxy_protocol import (
    MAX_V1_BYTES,
    MAX_V2_BYTES,
    Endpoints,
    HeaderReader,
    ProxyProtocolError,
    build_v1,
    build_v2,
)

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
V4 = Endpoints(("192.0.2.1", 56324), ("198.51.100.7", 443))
V6 = Endpoints(("2001:db8::1", 56324), ("2001:db8::2", 443))
V4_BLOCK = bytes.fromhex("c0000201 c6336407 dc04 01bb")
V6_BLOCK = bytes.fromhex("20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 01bb")
MAPPED_BLOCK = bytes.fromhex(f"{20 * '0'}ffffc0000201 {20 * '0'}ffffc6336407 dc04 01bb")
UNIX_BLOCK = b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0")
LONGEST_V1 = b"PROXY UNKNOWN " + b"f" * (MAX_V1_BYTES - 16) + b"\r\n"


def v2(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(rest).to_bytes(2, "big") + rest


def tlv(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + len(value).to_bytes(2, "big") + value


@pytest.mark.parametrize(
    ("header", "endpoints"),
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", V4),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", V6),
        (b"PROXY TCP6 2001:DB8:0::1 2001:db8::2 56324 443\r\n", V6),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c633:6407 56324 443\r\n", V4),
        (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", Endpoints(("0.0.0.0", 0), ("0.0.0.0", 0))),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 whatever 1 2\r\n", None),
        (LONGEST_V1, None),
        (v2(0x21, 0x11, V4_BLOCK), V4),
        (v2(0x21, 0x21, MAPPED_BLOCK), V4),
        (v2(0x21, 0x21, V6_BLOCK), V6),
        (v2(0x21, 0x11, V4_BLOCK + tlv(0x04, b"") + tlv(0x02, b"example.com")), V4),
        (v2(0x21, 0x11, V4_BLOCK + tlv(0x04, bytes(MAX_V2_BYTES - 16 - 12 - 3))), V4),
        (v2(0x21, 0x31, UNIX_BLOCK), None),
        (v2(0x21, 0x12, V4_BLOCK), None),
        (v2(0x21, 0x00, b""), None),
        (v2(0x20, 0x00, b""), None),
        (v2(0x20, 0x11, V4_BLOCK), None),
        (v2(0x20, 0x7F, b"skipped"), None),
    ],
)
def test_a_header_is_taken_and_nothing_beyond_it(header, endpoints):
    reader = HeaderReader()
    assert reader.feed(header + b"GET / HTTP/1.1\r\n") == len(header)
    assert reader.done
    assert reader.endpoints == endpoints


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
        b"PROXY UNKNOWN\r\n",
        v2(0x21, 0x21, V6_BLOCK + tlv(0x04, b"abc")),
        v2(0x20, 0x00, b""),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 7, 13])
def test_a_header_may_come_in_pieces(header, step):
    reader, data, taken = HeaderReader(), header + b"rest", 0
    while not reader.done:
        assert taken < len(header)
        taken += reader.feed(data[taken : taken + step])
    assert taken == len(header)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"proxy TCP4 192.0.2.1 198.51.100.7 1 2\r\n",
        b"PROXY  TCP4 192.0.2.1 198.51.100.7 1 2\r\n",
        b"PROXY\r\n",
        b"PROXY \r\n",
        b"PROXY TCP5 192.0.2.1 198.51.100.7 1 2\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY TCP4 192.0.2.1  198.51.100.7 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 1\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 1 2 \r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 01 2\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 -1 2\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 65536 2\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 1 2\n\r\n",
        b"PROXY TCP4 192.0.2.01 198.51.100.7 1 2\r\n",
        b"PROXY TCP4 192.0.2 198.51.100.7 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n",
        LONGEST_V1[:-2] + b"f\r\n",
        SIGNATURE[:-1] + b"\r",
        v2(0x11, 0x11, V4_BLOCK),  # version 1 in the binary form
        v2(0x22, 0x11, V4_BLOCK),  # a command that nobody knows
        v2(0x21, 0x41, V4_BLOCK),  # a family
        v2(0x21, 0x13, V4_BLOCK),  # a transport
        v2(0x21, 0x10, V4_BLOCK),  # IPv4 over nothing
        v2(0x21, 0x11, V4_BLOCK[:-1]),
        v2(0x21, 0x21, V4_BLOCK),
        v2(0x21, 0x31, UNIX_BLOCK[:-1]),
        v2(0x21, 0x11, V4_BLOCK + b"\x04\x00"),  # a TLV without its length
        v2(0x21, 0x11, V4_BLOCK + b"\x04\x00\x02a"),  # one that ends early
        v2(0x21, 0x11, V4_BLOCK + tlv(0x04, bytes(MAX_V2_BYTES - 16 - 12 - 2))),  # a byte too long
    ],
)
def test_what_is_no_header_is_refused(data):
    with pytest.raises(ProxyProtocolError):
        HeaderReader().feed(data)


@pytest.mark.parametrize("data", [b"PROXX", b"\r\n\r\nx", b"G"])
def test_a_wrong_beginning_is_refused_at_its_first_wrong_byte(data):
    reader = HeaderReader()
    assert reader.feed(data[:-1]) == len(data) - 1
    with pytest.raises(ProxyProtocolError):
        reader.feed(data[-1:])


@pytest.mark.parametrize(
    ("endpoints", "one", "two"),
    [
        (V4, b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", v2(0x21, 0x11, V4_BLOCK)),
        (V6, b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", v2(0x21, 0x21, V6_BLOCK)),
        (
            Endpoints(("::ffff:192.0.2.1", 56324), ("::ffff:198.51.100.7", 443)),
            b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
            v2(0x21, 0x11, V4_BLOCK),
        ),
        (None, b"PROXY UNKNOWN\r\n", v2(0x20, 0x00, b"")),
    ],
)
def test_what_is_built(endpoints, one, two):
    assert build_v1(endpoints) == one
    assert build_v2(endpoints) == two


@pytest.mark.parametrize("build", [build_v1, build_v2])
def test_ends_of_two_families_become_one(build):
    endpoints = Endpoints(("192.0.2.1", 1), ("2001:db8::2", 2))
    header, reader = build(endpoints), HeaderReader()
    assert header[:10] == b"PROXY TCP6" or header[13] == 0x21
    reader.feed(header)
    assert reader.endpoints == endpoints


ends = st.one_of(
    *(
        st.builds(
            Endpoints,
            st.tuples(st.ip_addresses(v=version).map(str), st.integers(0, 65535)),
            st.tuples(st.ip_addresses(v=version).map(str), st.integers(0, 65535)),
        )
        for version in (4, 6)
    )
)


@given(endpoints=ends, build=st.sampled_from([build_v1, build_v2]), cut=st.integers(1, 60))
def test_what_is_built_is_read_back_however_it_is_cut(endpoints, build, cut):
    header = build(endpoints)
    reader = HeaderReader()
    data, taken = header + b"GET", 0
    for piece in (data[:cut], data[cut:]):
        if not reader.done:
            taken += reader.feed(piece)
    assert (reader.endpoints, taken) == (endpoints, len(header))


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]),
)
def test_anything_is_a_header_a_beginning_of_one_or_refused(data, beginning):
    reader = HeaderReader()
    whole = beginning + data
    try:
        taken = reader.feed(whole)
    except ProxyProtocolError:
        return
    assert 0 <= taken <= len(whole)
    assert reader.done or taken == len(whole)
