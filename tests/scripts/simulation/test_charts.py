"""Charts are well-formed SVG and show what they are given."""

import re
from xml.etree import ElementTree

import pytest

from scripts.simulation.bar_chart import CUT, WIDTH, bar_chart
from scripts.simulation.line_chart import HEIGHT, Panel, line_chart
from scripts.simulation.svg import ticks


def words(svg: str) -> list[str]:
    return [
        element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")
    ]


def lengths(svg: str) -> list[float]:
    return [float(length) for length in re.findall(r'<rect .*? width="([\d.]+)"', svg)]


def panel(title: str = "one", **lines: list[tuple[float, float]]) -> Panel:
    return Panel(title, lines, "nodes", "load <b>")


@pytest.mark.parametrize(
    ("top", "expected"),
    [(1.0, [0, 0.5, 1]), (10.0, [0, 5, 10]), (7.0, [0, 2, 4, 6]), (0.0, [0])],
)
def test_ticks_are_round_numbers_up_to_the_top(top: float, expected: list[float]) -> None:
    assert ticks(top) == expected


def test_a_line_chart_names_its_panels_axes_and_lines() -> None:
    svg = line_chart("t", [panel("one", a=[(1, 2), (4, 3)]), panel("two", a=[(1, 1)], b=[(4, 4)])])
    found = words(svg)
    assert {"one", "two", "nodes", "load <b>", "a", "b"} <= set(found)
    assert found.count("a") == 1


def test_lines_of_one_name_have_one_colour_in_all_panels() -> None:
    svg = line_chart("t", [panel(a=[(0, 0), (1, 1)], b=[(0, 0), (1, 2)]), panel(b=[(0, 0), (1, 2)])])
    colours = re.findall(r'stroke="(#\w+)" stroke-width="1.8"', svg)
    assert colours[1] == colours[2] != colours[0]


def test_a_line_above_the_top_stays_inside_the_panel() -> None:
    svg = line_chart("t", [panel(a=[(0, 0), (1, 50)])], top=10)
    ys = [float(y) for y in re.findall(r"[\d.]+,([\d.]+)", re.findall(r'points="(.*?)"', svg)[1])]
    assert max(ys) - min(ys) == HEIGHT


def test_bars_are_as_long_as_their_figures_and_cut_where_they_dwarf_the_rest() -> None:
    svg = bar_chart("t", {"p": {"a": 10.0, "b": 20.0, "c": 10.0 * CUT * 7}}, unit=" ms")
    assert lengths(svg) == [WIDTH / CUT, WIDTH / CUT * 2, WIDTH]
    assert {"p", "a", "b", "c", "10 ms", "20 ms", "280 ms"} <= set(words(svg))
    assert words(svg).count("//") == 1


def test_a_policy_that_a_panel_lacks_has_no_bar_there() -> None:
    svg = bar_chart("t", {"p": {"a": 1.0, "b": 1.0}, "q": {"b": 1.0}}, unit="")
    assert len(lengths(svg)) == 3


def test_drawings_adapt_to_a_dark_page() -> None:
    assert "prefers-color-scheme:dark" in bar_chart("t", {"p": {"a": 1.0}}, unit="")
