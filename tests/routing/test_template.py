"""Texts with variables."""

from __future__ import annotations

import pytest

from cluster_lb.errors import InvalidValueError
from cluster_lb.routing.template import Template

VALUES = {"host": b"a.example", "path": b"/{x}"}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", b""),
        ("plain", b"plain"),
        ("{host}{path}", b"a.example/{x}"),
        ("{{host}} {host}}}", b"{host} a.example}"),
        ("{{{host}}}", b"{a.example}"),
    ],
)
def test_variables_are_replaced_and_double_braces_are_braces(text, rendered):
    assert Template.parse(text, VALUES).render(VALUES) == rendered


def test_a_template_says_which_variables_it_has():
    assert Template.parse("a{host}{host}", VALUES).variables == {"host"}
    assert Template.parse("a", VALUES).variables == set()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{port}", "unknown variable {port}; known: {host}, {path}"),
        ("{}", "unknown variable {}"),
        ("a{b", "lone '{'"),
        ("a}b", "lone '}'"),
        ("{HOST}", "lone '{'"),
        ("a\r\nb", "may hold visible ASCII"),
        ("ü", "may hold visible ASCII"),
        ("\x00", "may hold visible ASCII"),
    ],
)
def test_what_is_no_template_is_refused(text, problem):
    with pytest.raises(InvalidValueError) as caught:
        Template.parse(text, VALUES)
    assert problem in str(caught.value)
