"""Figures in the document."""

from pathlib import Path

import pytest

from scripts.simulation.document import BEGIN, END, replace_figures, replace_sections, write
from scripts.simulation.section import Section, Table

SECTION = Section("Title", "Words.", Table(["policy", "ms"], [["a", "1"]]), {"policies-x": "<svg/>"})


def test_figures_replace_what_is_between_the_markers_and_nothing_else() -> None:
    assert replace_figures(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new") == (
        f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    )


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}\n{BEGIN}"])
def test_a_document_without_both_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        replace_figures(text, "new")


def page(*titles: str) -> str:
    sections = "".join(f"\n\n### {title}\n\nold {title}" for title in titles)
    return f"before\n{BEGIN}\n\nSeed 1.{sections}\n\n{END}\nafter\n"


def test_a_section_of_the_same_title_is_replaced_in_its_place() -> None:
    replaced = replace_sections(page("First", "Title", "Last"), [SECTION], "Seed 1.")
    assert replaced == page("First", "Title", "Last").replace("### Title\n\nold Title", SECTION.markdown())


@pytest.mark.parametrize(
    ("titles", "circumstances", "problem"),
    [(["First"], "Seed 1.", "no section 'Title'"), (["Title"], "Seed 2.", "made otherwise: Seed 1.")],
)
def test_sections_that_do_not_fit_beside_the_others_are_refused(
    titles: list[str], circumstances: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        replace_sections(page(*titles), [SECTION], circumstances)


def test_sections_are_written_with_their_charts_beside_the_document(tmp_path: Path) -> None:
    path = tmp_path / "simulation.md"
    path.write_text(f"{BEGIN}\n{END}\n")
    write(path, [SECTION], "Seed 1.")
    text = path.read_text()
    assert (
        "Seed 1.\n\n### Title\n\nWords.\n\n![Title](policies-x.svg)\n\n| policy | ms |\n| --- | ---: |\n"
        in text
    )
    assert (tmp_path / "policies-x.svg").read_text() == "<svg/>"
