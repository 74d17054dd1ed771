"""What our context adds to that of the ssl module."""

from __future__ import annotations

import ssl
from contextlib import suppress

import pytest

from cluster_lb.tls.context import RECORD_SIZE, Context, reason
from tests.doubles.certificates import Authority


def wrapped(server_side: bool = False) -> ssl.SSLObject:
    context = Context(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side)


@pytest.mark.parametrize("server_side", [False, True])
def test_writing_goes_straight_to_the_module(server_side):
    for name in ("write", "pending"):
        function = getattr(wrapped(server_side), name)
        assert type(function).__name__ == "builtin_function_or_method"


@pytest.mark.parametrize(("asked", "got"), [(262144, RECORD_SIZE), (100, 100)])
def test_no_more_than_a_record_is_read_at_once(tmp_path, asked, got):
    authority = Authority(tmp_path)
    server = Context(ssl.PROTOCOL_TLS_SERVER)
    files = authority.issue("a.example")
    server.load_cert_chain(files.certificate, files.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    reading = server.wrap_bio(to_server, to_client, server_side=True)
    writing = authority.client_context().wrap_bio(to_client, to_server, server_hostname="a.example")
    for end in (writing, reading, writing, reading):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    writing.write(b"x" * 40000)
    assert len(reading.read(asked)) == got
    room = bytearray(200)
    assert reading.read(200, memoryview(room)) == 200
    assert room == b"x" * 200


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (ConnectionAbortedError("SSL handshake is taking longer"), "SSL handshake is taking longer"),
        (ConnectionResetError(), "connection closed"),
    ],
)
def test_a_failure_is_said_in_few_words(error, words):
    assert reason(error) == words
