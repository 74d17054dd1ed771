"""The PROXY protocol, versions 1 and 2: who is at the other end of a proxied connection.

After HAProxy's doc/proxy-protocol.txt. A connection either begins with a header or it does not: where one is
expected and the first bytes are no beginning of one, it is refused, never guessed at.

Without endpoints (v1 UNKNOWN, v2 LOCAL, families other than TCP over IP) a header is valid, and the
connection's own addresses are the ones to use.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import NamedTuple

from cluster_lb.errors import ClusterLBError
from cluster_lb.wire.ip import IPAddress, unmapped

MAX_V1_BYTES = 107  # the longest line that the specification knows, with CRLF
MAX_V2_BYTES = 4096  # with its TLVs (nginx NGX_PROXY_PROTOCOL_MAX_HEADER); the form allows 64 KiB

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_START = struct.Struct(
    "!12sBBH"
)  # signature, version and command, family and transport, length of the rest
_TLV_START = struct.Struct("!BH")  # type, length
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21

_v1_addresses = re.compile(
    rb"TCP([46]) ([0-9a-fA-F:.]{2,39}) ([0-9a-fA-F:.]{2,39})"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})"
).fullmatch

# family and transport -> bytes of its addresses: none, IPv4, IPv6, Unix, each as a stream or as datagrams
_ADDRESS_LENGTHS = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}
_FORMS = {_TCP4: struct.Struct("!4s4sHH"), _TCP6: struct.Struct("!16s16sHH")}


class ProxyProtocolError(ClusterLBError):
    """What came is no valid header."""


class Endpoints(NamedTuple):
    """Both ends of a TCP connection: (IP address, port) of who connected, and of where to. An IPv4 address
    is written as one."""

    source: tuple[str, int]
    destination: tuple[str, int]


class HeaderReader:
    """Takes a header out of the first bytes of a connection, and nothing beyond it.

    `done`: the header is complete. `endpoints`: what it says then; None: nothing.
    """

    def __init__(self) -> None:
        self.done = False
        self.endpoints: Endpoints | None = None
        self._held = b""

    def feed(self, data: bytes) -> int:
        """How many of these further bytes belong to the header. Raises ProxyProtocolError."""
        before = len(self._held)
        self._held += data
        end = self._end()
        taken = min(end, len(self._held)) - before
        if len(self._held) >= end:
            header = self._held[:end]
            self.endpoints = _read_v1(header) if header.startswith(_V1) else _read_v2(header)
            self.done = True
        return taken

    def _end(self) -> int:
        """Where the header ends; beyond what is there, while that is not known or not there yet."""
        held = self._held
        if held[: len(_V2)] == _V2[: len(held)]:
            return self._v2_end()
        if held[: len(_V1)] == _V1[: len(held)]:
            line_end = held.find(b"\r\n", 0, MAX_V1_BYTES)
            if line_end < 0 and len(held) >= MAX_V1_BYTES:
                raise ProxyProtocolError(f"the line is longer than {MAX_V1_BYTES} bytes")
            return line_end + 2 if line_end >= 0 else MAX_V1_BYTES
        raise ProxyProtocolError("no PROXY header")

    def _v2_end(self) -> int:
        if len(self._held) < _V2_START.size:
            return _V2_START.size + 1  # not complete with these
        _, _, _, length = _V2_START.unpack_from(self._held)
        end: int = _V2_START.size + length
        if end > MAX_V2_BYTES:
            raise ProxyProtocolError(f"the header is longer than {MAX_V2_BYTES} bytes")
        return end


def _read_v1(line: bytes) -> Endpoints | None:
    what = line[len(_V1) : -2]
    if what == b"UNKNOWN" or what.startswith(b"UNKNOWN "):  # whatever follows must be ignored
        return None
    match = _v1_addresses(what)
    if match is None:
        raise ProxyProtocolError("malformed line")
    version, *addresses, source_port, destination_port = (group.decode("ascii") for group in match.groups())
    source, destination = (_of_version(address, int(version)) for address in addresses)
    return Endpoints((source, _port(source_port)), (destination, _port(destination_port)))


def _of_version(address: str, version: int) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise ProxyProtocolError(f"{address!r} is no IP address") from None
    if parsed.version != version:
        raise ProxyProtocolError(f"{address!r} is not of TCP{version}")
    return str(unmapped(parsed))


def _port(digits: str) -> int:
    if int(digits) > 65535:
        raise ProxyProtocolError(f"{digits} is no port")
    return int(digits)


def _read_v2(header: bytes) -> Endpoints | None:
    _, command, family, _ = _V2_START.unpack_from(header)
    if command == _LOCAL:
        return None  # the sender's own connection: what follows is to be skipped, whatever it is
    if command != _PROXY:
        raise ProxyProtocolError(f"unknown version and command 0x{command:02x}")
    if family not in _ADDRESS_LENGTHS:
        raise ProxyProtocolError(f"unknown family and transport 0x{family:02x}")
    rest = header[_V2_START.size :]
    if len(rest) < _ADDRESS_LENGTHS[family]:
        raise ProxyProtocolError("too short for its addresses")
    _check_tlvs(rest, _ADDRESS_LENGTHS[family])
    if family not in _FORMS:
        return None
    source, destination, source_port, destination_port = _FORMS[family].unpack_from(rest)
    return Endpoints((_text(source), source_port), (_text(destination), destination_port))


def _check_tlvs(data: bytes, offset: int) -> None:
    """Nothing of them is used, but they must fill what is left exactly."""
    while offset < len(data):
        if len(data) - offset < _TLV_START.size:
            raise ProxyProtocolError("malformed TLV")
        offset += _TLV_START.size + _TLV_START.unpack_from(data, offset)[1]
    if offset > len(data):
        raise ProxyProtocolError("malformed TLV")


def _text(packed: bytes) -> str:
    return str(unmapped(ipaddress.ip_address(packed)))


def build_v1(endpoints: Endpoints | None) -> bytes:
    """A version 1 header; UNKNOWN without endpoints."""
    if endpoints is None:
        return b"PROXY UNKNOWN\r\n"
    (source, source_port), (destination, destination_port) = endpoints
    one, other = _of_one_family(source, destination)
    return f"PROXY TCP{one.version} {one} {other} {source_port} {destination_port}\r\n".encode("ascii")


def build_v2(endpoints: Endpoints | None) -> bytes:
    """A version 2 header without TLVs; LOCAL without endpoints."""
    if endpoints is None:
        return _V2_START.pack(_V2, _LOCAL, 0, 0)
    (source, source_port), (destination, destination_port) = endpoints
    one, other = _of_one_family(source, destination)
    family = _TCP4 if one.version == 4 else _TCP6
    form = _FORMS[family]
    return _V2_START.pack(_V2, _PROXY, family, form.size) + form.pack(
        one.packed, other.packed, source_port, destination_port
    )


def _of_one_family(source: str, destination: str) -> tuple[IPAddress, IPAddress]:
    """A header has both ends in one family: an IPv4 address beside an IPv6 one is written as mapped."""
    one, other = (
        unmapped(ipaddress.ip_address(address.partition("%")[0])) for address in (source, destination)
    )
    if one.version == other.version:
        return one, other
    return _mapped(one), _mapped(other)


def _mapped(address: IPAddress) -> ipaddress.IPv6Address:
    return ipaddress.IPv6Address(f"::ffff:{address}") if address.version == 4 else address
