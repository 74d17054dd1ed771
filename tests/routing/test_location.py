"""Where redirects lead, and never lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.errors import InvalidValueError
from cluster_lb.routing.location import Location


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("https://{host}{uri}", b"https://a.example/x?y=1"),
        ("https://{host}:8443{path}", b"https://a.example:8443/x"),
        ("https://b.example/?from={path}&{query}", b"https://b.example/?from=/x&y=1"),
        ("https://b.example", b"https://b.example"),
        ("/", b"/"),
        ("/new{uri}", b"/new/x?y=1"),
    ],
)
def test_a_location_is_made_of_the_request(text, location):
    assert Location(text).of(b"a.example:8080", b"/x?y=1") == location


def test_options_asterisk_leads_to_the_root():
    assert Location("https://{host}{uri}").of(b"[::1]:80", b"*") == b"https://[::1]/"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{path}",
            "{uri}",
            "//{host}",
            "//b.example",
            "/{path}",
            "/{query}",
            "/\\b",
            "ftp://a/",
            "b.example",
        ),
        *(
            "https://{path}",
            "https://{host}{query}",
            "https://b.example{query}",
            "https://{host}.b/",
            "javascript:1",
        ),
        *("https:///x", "https://a@{host}/"),
    ],
)
def test_what_could_lead_anywhere_is_refused(text):
    with pytest.raises(InvalidValueError):
        Location(text)


def test_a_location_says_whether_it_needs_the_host():
    assert Location("https://{host}/").needs_host
    assert not Location("https://a/").needs_host


TARGETS = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126, exclude_characters="#"))


@given(TARGETS)
def test_whatever_the_target_it_stays_in_its_place_and_is_visible_ascii(target):
    location = Location("https://{host}{uri}").of(b"a.example", b"/" + target.encode())
    assert location.startswith(b"https://a.example/")
    assert not set(location) & set(b'\r\n "<>\\^`{|}')
