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


def test_names_may_be_given_by_their_beginning():
    block = b"X-A: 1\r\nX-: 2\r\nx-b-c: 3\r\nY-X-: 4\r\nX: 5\r\n\r\n"
    assert [line.name for line in fields.finder(prefixes=["x-"])(block)] == [b"x-a", b"x-", b"x-b-c"]


def test_an_asterisk_in_a_name_is_itself():
    found = fields.finder("x-*", "*")(b"X-A: 1\r\nX-*: 2\r\n*: 3\r\nX-: 4\r\n\r\n")
    assert [line.name for line in found] == [b"x-*", b"*"]


def test_another_sign_may_count_as_a_dash():
    found = fields.finder("a-b", dash="[^:0-9a-z]")(b"A_B: 1\r\na.b: 2\r\nA-B: 3\r\nAxB: 4\r\nAB: 5\r\n\r\n")
    assert [line.name for line in found] == [b"a_b", b"a.b", b"a-b"]


def test_lines_are_found_by_names_that_come_late():
    found = fields.named(BLOCK, {b"a", b"cc", b"1"})
    assert found == fields.finder("a", "cc")(BLOCK)


def test_lines_are_taken_out():
    found = fields.finder("a", "cc")(BLOCK)
    assert fields.without_lines(BLOCK, found) == b"bb:\t two \r\n\r\n"
    assert fields.without_lines(BLOCK, []) == BLOCK


def test_list_elements_come_in_lower_case_without_empty_ones():
    assert fields.tokens(b"A , ,b\t,,C d") == [b"a", b"b", b"c d"]
    assert fields.tokens(b"") == []


def test_the_grammar_takes_linear_time():
    assert not fields.is_block(b"A: " + b" \t" * 200_000 + b"\x00\r\n\r\n")
    assert not fields.is_block(b"A" * 400_000)
    assert not fields.is_block(b"A: b\r\n" * 100_000)
