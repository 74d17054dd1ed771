"""A request head: what it says, what of it is forwarded, and what is refused.

A head is a request line and a field block. The block is often the same on each request of a connection, so
its analysis (`RequestFields`) is a value of its own, a pure function of the block's bytes, fit to be kept.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from cluster_lb.wire import fields, hops
from cluster_lb.wire.errors import BadRequestError
from cluster_lb.wire.framing import Framing, body_framing

#: Matches a request line in origin-form (RFC 9112 section 3.2.1): groups method, target, minor version.
#: Target: visible ASCII but '#', which no client may send (RFC 3986 section 3.5 keeps fragments at home).
#: CONNECT has no such form, and its answers are framed in another way. TRACE is looked at apart, because most
#: listeners refuse it.
match_request_line = re.compile(
    rb"(?!(?:CONNECT|TRACE) )(" + fields.TOKEN + rb") (/[!\"$-~]*+) HTTP/1\.([01])\r\n"
).match

_other_form = re.compile(
    rb"(" + fields.TOKEN + rb") "
    rb"(?:(?i:(https?))://([^/?#\s]++)([/?][!\"$-~]*+)?|(\*)|(/[!\"$-~]*+)|[!-~]++)"
    rb" HTTP/1\.([01])\r\n"
).match
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}
_any_version = re.compile(rb"[!-~]++ [!-~]++ HTTP/([0-9]\.[0-9])\r\n").match

# RFC 9110 section 7.2 and RFC 3986 section 3.2.2: a registered name or an address, and a port.
_MAX_HOST_BYTES = 512  # names have at most 253 (RFC 1035 section 2.3.4), escapes and a port added
_host = re.compile(
    rb"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})++|\[([0-9A-Fa-f:.]++)\])(?::([0-9]{1,5}+))?"
).fullmatch

# Servers that hand fields on as environment variables (CGI, WSGI) take other signs for a dash, so these are
# found here too.
known_lines = fields.finder(
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "expect",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "te",
    "forwarded",
    "client-cert",
    "client-cert-chain",
    prefixes=("x-forwarded-", "x-client-cert-"),
    dash="[^:0-9a-z]",
)
KEPT = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))  # the others end here
# What we say of a client's certificate (RFC 9440 section 4: never to be passed on from a client).
_is_identity = re.compile(rb"client-cert(?:-chain)?|x-client-cert-.*").fullmatch
# What Connection must not name.
_NOT_NOMINABLE = KEPT | {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"}


@dataclass(slots=True)  # frozen ones take five times as long to make
class RequestFields:
    """What a field block says.

    `end_to_end`: the lines to forward, without hop-by-hop and forwarding fields, without those on a client's
    certificate, and without the empty line.
    `forwarding`: the removed X-Forwarded-* and Forwarded lines by lower-case name, in their order, for a
    listener that trusts the client.
    """

    host: bytes | None
    framing: Framing
    length: int
    close: bool
    keep_alive: bool
    expects_continue: bool
    upgrade: bytes
    end_to_end: bytes
    forwarding: tuple[tuple[bytes, bytes], ...]


def parse_request_fields(block: bytes, max_lines: int) -> RequestFields:
    """Analyse `block` (the field lines and the empty line). Raises BadRequestError."""
    if block.count(b"\n") - 1 > max_lines:
        raise BadRequestError(f"more than {max_lines} header lines", 431)
    if not fields.is_block(block):
        raise BadRequestError("malformed header line")
    found: dict[bytes, list[bytes]] = {}
    removed = []
    for line in known_lines(block):
        found.setdefault(line.name, []).append(line.value)
        if line.name not in KEPT:
            removed.append(line)
    options = hops.connection_options(found.get(b"connection", ()))
    try:
        framing, length = body_framing(found.get(b"content-length", []), found.get(b"transfer-encoding", []))
        upgrade = hops.upgrade_protocols(found.get(b"upgrade", ()), options)
        end_to_end = hops.end_to_end(block, removed, options, _NOT_NOMINABLE)
    except ValueError as error:
        raise BadRequestError(str(error)) from None
    return RequestFields(
        host=_single_host(found.get(b"host", [])),
        framing=framing,
        length=length,
        close=b"close" in options,
        keep_alive=b"keep-alive" in options,
        expects_continue=_expects_continue(found.get(b"expect", [])),
        # Parsers differ in where a request with a body and an upgrade ends (llhttp: with its head), and a hop
        # need not pass an upgrade on (RFC 9110 section 7.8).
        upgrade=b"" if framing is not Framing.NONE else upgrade,
        end_to_end=end_to_end,
        forwarding=_forwarding(found) if removed else (),
    )


def _forwarding(found: dict[bytes, list[bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """The forwarding fields among those that were found. Raises BadRequestError for a name that a server
    could take for one of those that frame a request or tell who sent it."""
    forwarding = []
    for name, values in found.items():
        if name.startswith(b"x-forwarded-") or name == b"forwarded":
            forwarding.append((name, b", ".join(values)))
        elif name not in hops.HOP_BY_HOP and name not in KEPT and not _is_identity(name):
            raise BadRequestError(f"{name.decode('ascii')} is no field name, but could be taken for one")
    return tuple(forwarding)


def _single_host(values: list[bytes]) -> bytes | None:
    if not values:
        return None
    if len(values) > 1:
        raise BadRequestError("repeated Host")
    host = values[0]
    if len(host) > _MAX_HOST_BYTES or not _is_host(host):
        raise BadRequestError("malformed Host")
    return host


@lru_cache(maxsize=1024)  # a site has few
def _is_host(value: bytes) -> bool:
    match = _host(value)
    if match is None or int(match[2] or 0) > 65535:
        return False
    if match[1]:
        try:
            ipaddress.IPv6Address(match[1].decode("ascii"))
        except ValueError:
            return False
    return True


def _expects_continue(values: list[bytes]) -> bool:
    if not values:
        return False
    if len(values) > 1 or values[0].lower() != b"100-continue":
        raise BadRequestError("unknown expectation", 417)
    return True


def parse_other_request_line(
    head: bytes, proto: bytes = b"http"
) -> tuple[bytes, bytes, bytes, bytes | None, int]:
    """Read a request line that `match_request_line` does not take, at the start of `head`; `proto`: the
    scheme of the connection, which an absolute-form target must name too.

    Returns method, target to forward, minor version digit, the authority of an absolute-form target (None
    without one), and the length of the line with its CRLF. Whether TRACE is served is left to the caller.
    Raises BadRequestError: 405 for CONNECT, 505 for another version, 400 for what is no request line.
    """
    match = _other_form(head)
    if match is None:
        version = _any_version(head)
        if version is not None and version[1] not in (b"1.0", b"1.1"):
            raise BadRequestError("HTTP version is not 1.0 or 1.1", 505)
        raise BadRequestError("malformed request line")
    method, scheme, authority, path, asterisk, origin, minor = match.groups()
    if method == b"CONNECT":
        raise BadRequestError("CONNECT is not served", 405)
    if authority is not None and scheme.lower() == proto:
        target = _origin_form(method, path)
    elif origin is not None or (asterisk and method == b"OPTIONS"):
        target = origin or asterisk
    else:
        raise BadRequestError("malformed request target")
    return method, target, minor, authority, match.end()


def are_one_authority(one: bytes, other: bytes, proto: bytes) -> bool:
    """Whether an absolute-form target and Host name the same place, where the port of the scheme need not be
    said (RFC 9110 section 4.2.3)."""
    return _without_default_port(one, proto) == _without_default_port(other, proto)


def _without_default_port(authority: bytes, proto: bytes) -> bytes:
    return authority.lower().removesuffix(_DEFAULT_PORTS[proto]).removesuffix(b":")


def _origin_form(method: bytes, path: bytes | None) -> bytes:
    """What stands for the path (with query) of an absolute-form target (RFC 9112 section 3.2.4)."""
    if path is None:
        return b"*" if method == b"OPTIONS" else b"/"
    return path if path.startswith(b"/") else b"/" + path


def check_begun_head(data: bytes) -> None:
    """Refuse a head at once that has begun in a way that no head goes on: what only makes its reader wait.

    Counts and searches only, because a client that sends byte by byte has this done for each of them.
    """
    if data.startswith(b"\r\n\r\n"):
        raise BadRequestError("more than one empty line before a request")
    if b"\0" in data or data.count(b"\n") != data.count(b"\r\n"):
        raise BadRequestError("NUL or bare LF in a head")
