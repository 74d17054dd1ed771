"""What must hold for any bytes: one outcome however they are cut, and one reading of what is passed on."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from tests.doubles.in_memory import MemoryBalancer, Outcome
from tests.doubles.parsers import h11_request, h11_response, llhttp_request, llhttp_response

HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` in pieces, cut at these offsets."""
    bounds = sorted({0, len(data), *(offset % (len(data) + 1) for offset in cuts)})
    return [data[a:b] for a, b in pairwise(bounds)]


def judge_requests(balancer: MemoryBalancer, data: bytes, cuts: Iterable[int] = ()) -> Outcome:
    """A client's bytes: each request that is forwarded is the same single message to llhttp and h11."""
    outcome = balancer.requests(cut(data, cuts))
    for forwarded in outcome.forwarded:
        ours, theirs = llhttp_request(forwarded), h11_request(forwarded)
        assert ours == theirs, forwarded
        assert forwarded.startswith(b" ".join(ours.start) + b" HTTP/1.")
    return outcome


def judge_response(
    balancer: MemoryBalancer, data: bytes, *, head: bool = False, cuts: Iterable[int] = ()
) -> bytes:
    """A server's bytes: what the client gets is one message to llhttp and h11. Returns it; empty when it was
    refused or cut off."""
    answer, whole = balancer.response(HEAD if head else GET, cut(data, cuts))
    if not whole or b"\r\nServer: cluster-lb\r\n" in answer:
        return b""
    *interims, final = _messages(answer)
    for interim in interims:
        llhttp_response(interim, until_close=False)
    if not final:
        return b""
    bodiless = head or final[9:12] in (b"204", b"304")
    block = final.partition(b"\r\n\r\n")[0].lower()
    framed = b"\ncontent-length:" in block or b"\ntransfer-encoding:" in block
    until_close = not (bodiless or framed)
    theirs = h11_response(final, b"HEAD" if head else b"GET", until_close=until_close)
    if head or final[9:12] == b"304":  # that these have no body, llhttp's user has to tell it
        assert final.endswith(b"\r\n\r\n")
        assert theirs.body == b""
    else:
        assert llhttp_response(final, until_close=until_close) == theirs, final
    return answer


def _messages(answer: bytes) -> list[bytes]:
    """Interim responses, and what follows them."""
    messages = []
    while answer.startswith(b"HTTP/1.1 1"):
        interim, end, answer = answer.partition(b"\r\n\r\n")
        messages.append(interim + end)
    return [*messages, answer]
