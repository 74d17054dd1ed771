"""Field blocks: found, split and cut without touching the rest."""

from __future__ import annotations

from cluster_lb.wire import fields

BLOCK = b"A: 1\r\nbb:\t two \r\nA:3\r\nCC:\r\n\r\n"


def test_lines_are_found_by_name_whatever_their_case_with_their_place():
    found = fields.finder("a", "bb")(BLOCK)
    assert [(line.name, line.value) for line in found] == [(b"a", b"1"), (b"bb", b"two"), (b"a", b"3")]
    assert [BLOCK[line.start : line.end] for line in found] == [b"A: 1\r\n", b"bb:\t two \r\n", b"A:3\r\n"]


def test_a_value_keeps_its_case():
    assert fields.finder("x")(b"X: MiXed\r\n\r\n")[0].value == b"MiXed"


def test_a_name_is_found_only_as_a_whole_at_the_start_of_a_line():
    assert fields.finder("b")(b"A: \tb: 1\r\nAb: 1\r\nBc: 1\r\nX-B: 1\r\n\r\n") == []


def test_an_empty_value_is_empty():
    assert fields.finder("cc")(BLOCK)[0].value == b""


def test_lines_are_taken_out():
    found = fields.finder("a", "cc")(BLOCK)
    assert fields.without_lines(BLOCK, found) == b"bb:\t two \r\n\r\n"
    assert fields.without_lines(BLOCK, []) == BLOCK


def test_list_elements_come_in_lower_case_without_empty_ones():
    assert fields.tokens(b"A , ,b\t,,C d") == [b"a", b"b", b"c d"]
    assert fields.tokens(b"") == []


def test_the_grammar_takes_linear_time():
    assert fields.is_block(b"A: " + b" \t" * 200_000 + b"\x00\r\n\r\n") is None
    assert fields.is_block(b"A" * 400_000) is None
    assert fields.is_block(b"A: b\r\n" * 100_000) is None
