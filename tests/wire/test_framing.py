"""How long a body is, or why nobody can say."""

from __future__ import annotations

import pytest

from cluster_lb.wire.framing import Framing, body_framing, content_length


def test_a_length_is_plain_digits():
    assert content_length([b"0"]) == 0
    assert content_length([b"0042"]) == 42
    assert content_length([b"9" * 18]) == 10**18 - 1


@pytest.mark.parametrize(
    "value", [b"", b" 1", b"1 ", b"+1", b"1,1", b"\xd9\xa1", b"1e3", b"9" * 19, b"0" * 19]
)
def test_anything_else_is_no_length(value):
    with pytest.raises(ValueError, match="Content-Length is"):
        content_length([value])


def test_without_either_field_there_is_no_body():
    assert body_framing([], []) == (Framing.NONE, 0)


def test_a_transfer_coding_and_a_length_exclude_each_other():
    with pytest.raises(ValueError, match="both"):
        body_framing([b"1"], [b"chunked"])


def test_only_a_single_chunked_is_understood():
    assert body_framing([], [b"Chunked"]) == (Framing.CHUNKED, 0)
    for codings in ([b"chunked", b"chunked"], [b"gzip"], [b"chunked, gzip"], [b""]):
        with pytest.raises(ValueError, match="transfer coding"):
            body_framing([], codings)
