"""Regular expressions: what is taken, what is not, what is found."""

from __future__ import annotations

import pytest

from cluster_lb.errors import InvalidValueError
from cluster_lb.routing import patterns
from cluster_lb.routing.patterns import Finder, PatternSet, check_pattern


def test_all_patterns_that_match_the_whole_text_are_found_in_their_order():
    found = PatternSet(["/x.*", "/[a-z]", "/xy", "/x", "(?i)/X"])
    assert found.matching(b"/x") == [0, 1, 3, 4]
    assert found.matching(b"/xy") == [0, 2]
    assert found.matching(b"a/x") == []


def test_more_patterns_than_one_set_holds_are_spread_over_several(monkeypatch):
    monkeypatch.setattr(patterns, "_MAX_SET_PROGRAM", 50)
    found = PatternSet([f"/a{number}/.*" for number in range(100)])
    assert len(found._sets) > 10
    assert found.matching(b"/a77/x") == [77]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("(a", "missing )"),
        (r"(a)\1", "invalid escape sequence"),
        ("(?=a)", "invalid perl operator"),
        ("a{2000}", "invalid repetition size"),
        (".{999}.{999}", "is too large"),
        ("ü", "visible ASCII"),
        ("a\nb", "visible ASCII"),
    ],
)
def test_what_is_not_taken_is_told(text, problem):
    with pytest.raises(InvalidValueError) as caught:
        check_pattern(text)
    assert problem in str(caught.value)


def test_a_finder_looks_anywhere_in_the_text() -> None:
    finder = Finder(r"ready: *(yes|ok)")
    assert finder.finds(b"state\nready:  ok\n")
    assert not finder.finds(b"ready: no")
    with pytest.raises(InvalidValueError):
        Finder("(a")
