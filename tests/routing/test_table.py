"""Which route a request takes: rows of tables, and the compiled table against a naive one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.routing.match import FieldCondition, Match, PathKind
from cluster_lb.routing.table import MAX_HOST_BYTES, MatchTable


def prefix(path: bytes, host: bytes = b"", **more: object) -> Match:
    return Match(host=host, path=path, **more)


def exact(path: bytes, host: bytes = b"", **more: object) -> Match:
    return Match(host=host, kind=PathKind.EXACT, path=path, **more)


def regex(path: bytes, host: bytes = b"", **more: object) -> Match:
    return Match(host=host, kind=PathKind.REGEX, path=path, **more)


def taken(
    *matches: Match, host: bytes = b"h", method: bytes = b"GET", target: bytes = b"/", block: bytes = b""
) -> int | None:
    return MatchTable(matches).find(host, method, target, block)


@pytest.mark.parametrize(
    ("host", "number"),
    [
        (b"a.example.com", 0),
        (b"A.Example.COM:8443", 0),
        (b"a.example.com.", 0),
        (b"b.a.example.com", 1),
        (b"x.y.z.a.example.com", 1),
        (b"z.example.com", 2),
        (b"example.com", 3),
        (b"anexample.com", 3),
        (b"[::1]:80", 4),
        (b"", 3),
        (b"x." * 2000 + b"a.example.com", 3),
    ],
)
def test_an_exact_host_is_before_a_longer_wildcard_before_a_shorter_one_before_none(host, number):
    hosts = (b"a.example.com", b"*.a.example.com", b"*.example.com", b"", b"[::1]")
    assert taken(*(prefix(b"", host) for host in hosts), host=host) == number


@pytest.mark.parametrize(
    ("target", "number"),
    [
        (b"/v1/x", 0),
        (b"/v1/x?y=/v1/x/z", 0),
        (b"/v1/x/", 2),
        (b"/v1/7", 1),
        (b"/v1/7?x", 1),
        (b"/v1/7/8", 3),
        (b"/v1/x/y/z", 2),
        (b"/v1", 3),
        (b"/v10", 4),
        (b"//v1", 4),
        (b"/" * 30000, 4),
        (b"*", None),
    ],
)
def test_an_exact_path_is_before_a_regular_expression_before_a_longer_prefix(target, number):
    table = (exact(b"/v1/x"), regex(b"/v1/[0-9]+"), prefix(b"/v1/x"), prefix(b"/v1"), prefix(b""))
    assert taken(*table, target=target) == number
    assert taken(*reversed(table), target=target) == (None if number is None else 4 - number)


def test_a_host_is_before_a_path():
    assert taken(exact(b"/x"), prefix(b"", b"h"), target=b"/x") == 1


def test_where_no_route_of_a_host_fits_those_of_less_specific_hosts_are_asked():
    assert taken(prefix(b"/a", b"h"), prefix(b"/b"), target=b"/b") == 1
    assert taken(prefix(b"/a", b"h"), target=b"/b") is None


def test_more_conditions_are_first_and_equals_in_the_order_of_the_table():
    get = frozenset((b"GET",))
    field = FieldCondition("x-a", value=b"1")
    both = prefix(b"", methods=get, fields=(field,))
    table = (prefix(b""), prefix(b"", methods=get), prefix(b"", fields=(field,)), both)
    assert taken(*table, block=b"X-A: 1\r\n") == 3
    assert taken(*table, method=b"POST", block=b"X-A: 1\r\n") == 2
    assert taken(*table) == 1
    assert taken(*table, method=b"POST") == 0
    assert taken(prefix(b"", methods=get), prefix(b"", fields=(field,)), block=b"X-A: 1\r\n") == 0
    assert taken(regex(b"/.*"), regex(b"/x"), target=b"/x") == 0


def test_a_priority_is_before_everything():
    urgent = prefix(b"", priority=1)
    assert taken(exact(b"/x", b"h"), urgent, target=b"/x") == 1
    assert taken(prefix(b"", priority=-1), regex(b"/.*"), prefix(b"/x"), target=b"/x") == 1
    assert taken(prefix(b"/x", b"h", priority=2), exact(b"/x", b"h"), urgent, target=b"/x") == 0


@pytest.mark.parametrize(
    ("condition", "block", "holds"),
    [
        (FieldCondition("x-a"), b"X-A:\r\n", True),
        (FieldCondition("x-a"), b"X-B: x-a: 1\r\n", False),
        (FieldCondition("x-a", value=b"1"), b"x-A: \t1 \r\n", True),
        (FieldCondition("x-a", value=b"a"), b"x-a: A\r\n", False),
        (FieldCondition("x-a", value=b"1, 2"), b"x-a: 1\r\nb: c\r\nX-a:2\r\n", True),
        (FieldCondition("x-a", value=b"1"), b"x-a: 1\r\nx-a: 2\r\n", False),
        (FieldCondition("x-a", pattern="[0-9]+"), b"x-a: 17\r\n", True),
        (FieldCondition("x-a", pattern="[0-9]+"), b"x-a: 17b\r\n", False),
        (FieldCondition("x-a", pattern=".*"), b"x-b: 1\r\n", False),
        (FieldCondition("x-a", pattern="."), b"x-a: \xff\r\n", True),
    ],
)
def test_conditions_on_fields(condition, block, holds):
    assert taken(prefix(b"", fields=(condition,)), block=block) == (0 if holds else None)


def test_two_conditions_must_both_hold():
    fields = (FieldCondition("x-a", value=b"1"), FieldCondition("x-b"))
    assert taken(prefix(b"", fields=fields), block=b"x-a: 1\r\nx-b: 2\r\n") == 0
    assert taken(prefix(b"", fields=fields), block=b"x-a: 1\r\n") is None


def test_fields_are_only_looked_at_for_routes_whose_host_and_path_fit():
    class Untouched(bytes):
        def lower(self) -> bytes:
            raise AssertionError("the block was searched")

    field = FieldCondition("x-a")
    table = (prefix(b"/a", fields=(field,)), prefix(b"", b"other", fields=(field,)), prefix(b""))
    assert taken(*table, target=b"/b", block=Untouched()) == 2


def test_a_pattern_that_backtracks_elsewhere_is_linear():
    """With Python's own engine this would take longer than the universe has."""
    assert taken(regex(b"(/a+)+(a+)+b"), target=b"/" + b"a" * 30000) is None


def test_many_patterns_are_told_apart():
    table = [regex(b"/r%d/[0-9]{1,3}/(x|y%d)" % (n, n)) for n in range(1000)]
    compiled = MatchTable(table)
    for number in (0, 7, 999):
        assert compiled.find(b"h", b"GET", b"/r%d/12/y%d" % (number, number), b"") == number
    assert compiled.find(b"h", b"GET", b"/r5/12/y6", b"") is None


NAMES = [b"a", b"b", b"a.b", b"c.a.b", b"d.c.a.b"]
HOSTS = st.sampled_from([b"", *NAMES, *(b"*." + name for name in NAMES)])
SEGMENTS = st.lists(st.sampled_from([b"", b"x", b"y", b"xy"]), max_size=3)
PATTERNS = st.sampled_from([b"/x.*", b"/.*", b"/(x|y)/?", b"/x/[xy]+", b"(/xy?)+"])
METHODS = st.frozensets(st.sampled_from([b"GET", b"POST"]), max_size=1)
FIELDS = st.lists(
    st.sampled_from(
        [FieldCondition("f"), FieldCondition("f", value=b"1"), FieldCondition("g", pattern="[12]")]
    ),
    max_size=2,
    unique_by=lambda condition: condition.name,
).map(tuple)


@st.composite
def matches(draw: st.DrawFn) -> Match:
    kind = draw(st.sampled_from(PathKind))
    path = b"".join(b"/" + segment for segment in draw(SEGMENTS))
    if kind is PathKind.REGEX:
        path = draw(PATTERNS)
    elif kind is PathKind.PREFIX:
        path = path.rstrip(b"/")
    else:
        path = path or b"/"
    priority = draw(st.sampled_from([0, 0, 0, 1, -1]))
    return Match(draw(HOSTS), kind, path, draw(METHODS), draw(FIELDS), priority)


def naive(
    table: list[Match], host: bytes, method: bytes, target: bytes, values: dict[str, bytes]
) -> int | None:
    """Every route in the order of specificity, each condition as its words say."""
    path = target.partition(b"?")[0]
    order = sorted(range(len(table)), key=lambda n: ([-part for part in table[n].specificity()], n))
    for number in order:
        match = table[number]
        if match.host.startswith(b"*."):
            fits = host.endswith(match.host[1:]) and host != match.host[1:]
        else:
            fits = match.host in (b"", host)
        if match.kind is PathKind.EXACT:
            fits = fits and path == match.path
        elif match.kind is PathKind.REGEX:
            fits = fits and re.fullmatch(match.path, path) is not None
        else:
            fits = fits and (path + b"/").startswith(match.path + b"/")
        fits = fits and (not match.methods or method in match.methods)
        for condition in match.fields:
            value = values.get(condition.name)
            fits = fits and value is not None
            fits = fits and condition.value in (None, value)
            if condition.pattern:
                fits = fits and re.fullmatch(condition.pattern.encode(), value) is not None
        if fits:
            return number
    return None


@given(
    table=st.lists(matches(), max_size=12),
    host=st.sampled_from([*NAMES, b"z"]),
    method=st.sampled_from([b"GET", b"POST"]),
    segments=SEGMENTS,
    query=st.sampled_from([b"", b"?", b"?/x"]),
    values=st.dictionaries(st.sampled_from(["f", "g"]), st.sampled_from([b"1", b"2", b"3"])),
)
def test_the_compiled_table_is_the_naive_one(table, host, method, segments, query, values):
    target = (b"".join(b"/" + segment for segment in segments) or b"/") + query
    block = b"".join(b"%b: %b\r\n" % (name.encode().upper(), value) for name, value in values.items())
    found = MatchTable(table).find(host, method, target, block)
    assert found == naive(table, host, method, target, values)


SIMPLE = st.builds(  # mostly what a section may be made of
    Match, HOSTS, st.just(PathKind.PREFIX), st.sampled_from([b"", b"/x", b"/x/y", b"/y"])
)


@given(
    table=st.lists(st.one_of(SIMPLE, SIMPLE, matches()), max_size=6),
    host=st.sampled_from([*NAMES, b"z"]),
    targets=st.lists(
        st.sampled_from(
            [b"/", b"//", b"/x", b"/x/", b"/xy", b"/xy/", b"/xy/x", b"/xy/x?/", b"/xy?/x", b"/z/"]
        ),
        min_size=2,
        max_size=5,
    ),
    others=st.tuples(st.sampled_from([b"GET", b"POST"]), st.sampled_from([b"", b"f: 1\r\n", b"g: 2\r\n"])),
)
def test_all_targets_of_a_section_take_its_route_whatever_their_requests_say(table, host, targets, others):
    compiled = MatchTable(table)
    section = compiled.section(host, targets[0])
    if section is not None:
        begin, number = section
        assert targets[0].startswith(begin)
        for target in targets:
            if target.startswith(begin):
                assert compiled.find(host, others[0], target, others[1]) == number


@pytest.mark.parametrize(
    ("host", "target", "found"),
    [
        (b"h", b"/other/page", (b"/other/", 3)),
        (b"h", b"/other/page?x=/y", (b"/other/", 3)),
        (b"h", b"/other", None),
        (b"h", b"/other?x=/y", None),
        (b"h", b"/v1/x", None),
        (b"all", b"/v1/x", (b"", 4)),
        (b"some", b"/v1/x", None),  # may depend on a field
        (b"z", b"/other/page", (b"/other/", None)),
    ],
)
def test_a_section_is_what_is_decided_by_the_first_segment(host, target, found):
    field = FieldCondition("x-a")
    table = MatchTable(
        [
            prefix(b"/v1", b"h"),
            exact(b"/v1/x", b"h"),
            prefix(b"/v2"),
            prefix(b"", b"h"),
            prefix(b"", b"all"),
            prefix(b"", b"some", fields=(field,)),
        ]
    )
    assert table.section(host, target) == found


def test_where_priorities_break_the_order_no_section_is_known():
    table = MatchTable([prefix(b"/v1", b"h"), prefix(b"", b"h"), prefix(b"", priority=1)])
    assert table.find(b"h", b"GET", b"/other/page", b"") == 2
    assert table.section(b"h", b"/other/page") is None


def test_a_name_longer_than_any_is_nobodys_and_not_remembered():
    table = MatchTable([prefix(b"", b"*.b"), prefix(b"")])
    for letter in (b"x", b"y", b"z"):
        assert table.find(letter * MAX_HOST_BYTES + b".b", b"GET", b"/", b"") == 1
    assert list(table._tables) == [b""]
    assert table.find(b"a.b", b"GET", b"/", b"") == 0
