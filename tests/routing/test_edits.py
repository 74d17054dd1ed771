"""Edits of field lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.errors import InvalidValueError
from cluster_lb.routing.edits import FieldEdits, check_field_name
from cluster_lb.wire.fields import is_block

BLOCK = b"Host: a\r\nX-A: 1\r\nCookie: c\r\nx-a: 2\r\nX-Ab: 3\r\n"
VALUES = {"client": b"192.0.2.1", "host": b"a", "route": b"r"}


@pytest.mark.parametrize(
    ("dropped", "set_to", "added", "block"),
    [
        ([], {}, [], BLOCK),
        (["X-A"], {}, [], b"Host: a\r\nCookie: c\r\nX-Ab: 3\r\n"),
        ([], {"X-a": "new"}, [], b"Host: a\r\nCookie: c\r\nX-Ab: 3\r\nX-a: new\r\n"),
        ([], {}, [("X-A", "3"), ("x-a", "4")], BLOCK + b"X-A: 3\r\nx-a: 4\r\n"),
        (["cookie"], {"Y": "{client}"}, [("Z", "{host}/{route}")], None),
        (["absent"], {}, [], BLOCK),
        (["X-*"], {}, [], BLOCK),
    ],
)
def test_lines_go_are_replaced_and_are_added(dropped, set_to, added, block):
    if block is None:
        block = BLOCK.replace(b"Cookie: c\r\n", b"") + b"Y: 192.0.2.1\r\nZ: a/r\r\n"
    assert FieldEdits(dropped, set_to, added).apply(BLOCK, VALUES) == block


def test_edits_say_whether_they_depend_on_the_request():
    assert FieldEdits([], {"a": "{host}"}, []).varies
    assert not FieldEdits(["a"], {"b": "{{host}}"}, []).varies
    assert not FieldEdits([], {"a": "{host}"}, []).unique
    assert FieldEdits([], {}, [("a", "id {request_id}")]).unique


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "content-length",
        "TRANSFER-ENCODING",
        "te",
        "Upgrade",
        "Host",
        "trailer",
        "a b",
        "",
        "a:",
    ],
)
def test_fields_that_are_not_a_routes_are_refused(name):
    with pytest.raises(InvalidValueError):
        check_field_name(name)


NAMES = st.sampled_from(["X-A", "x-b", "Cookie", "Host"])
LINES = st.lists(st.tuples(NAMES, st.text("ab :", max_size=4)))


@given(lines=LINES, dropped=st.lists(NAMES), set_to=st.dictionaries(NAMES, st.text("cd", max_size=3)))
def test_what_comes_out_is_a_block_of_the_other_lines_and_the_new_ones(lines, dropped, set_to):
    block = "".join(f"{name}: {value}\r\n" for name, value in lines).encode()
    gone = {name.lower() for name in (*dropped, *set_to)}
    edited = FieldEdits(dropped, set_to, []).apply(block, {})
    assert is_block(edited + b"\r\n")
    kept = [f"{name}: {value}" for name, value in lines if name.lower() not in gone]
    assert edited.decode().split("\r\n")[:-1] == kept + [f"{name}: {value}" for name, value in set_to.items()]
