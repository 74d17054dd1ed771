"""The figures in docs/simulation.md: everything between two markers, and the charts beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.simulation.section import Section

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "simulation.md"
BEGIN = "<!-- figures: written by scripts/simulate --docs -->"
END = "<!-- figures: end -->"
_HEADING = "\n\n### "  # before each section


def replace_figures(document: str, figures: str) -> str:
    """`document` with `figures` between the markers. Raises ValueError where the markers are not there."""
    before, _, after = _parted(document)
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def replace_sections(document: str, sections: Sequence[Section], circumstances: str) -> str:
    """`document` with these sections instead of those of the same titles. Raises ValueError where it has no
    section of a title, or where the others were made in other `circumstances`."""
    found, *others = _parted(document)[1].strip().split(_HEADING)
    if found != circumstances:
        raise ValueError(f"its figures were made otherwise: {found}")
    parts = {part.partition("\n")[0]: part for part in others}
    for section in sections:
        if section.title not in parts:
            raise ValueError(f"it has no section {section.title!r} yet: all are to be written")
        parts[section.title] = section.markdown().removeprefix("### ")
    return replace_figures(document, _HEADING.join([circumstances, *parts.values()]))


def _parted(document: str) -> tuple[str, str, str]:
    """What is before, between and after the markers."""
    before, begin, rest = document.partition(BEGIN)
    figures, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"it needs the lines {BEGIN!r} and {END!r}")
    return before, figures, after


def write(path: Path, sections: Sequence[Section], circumstances: str, *, whole: bool = True) -> None:
    """Put the sections into the document at `path`, their charts beside it; `whole`: they are all that there
    are. Errors: OSError, ValueError."""
    text = path.read_text()
    if whole:
        text = replace_figures(
            text, "\n\n".join([circumstances, *(section.markdown() for section in sections)])
        )
    else:
        text = replace_sections(text, sections, circumstances)
    path.write_text(text)
    for section in sections:
        for name, svg in section.charts.items():
            path.with_name(f"{name}.svg").write_text(svg)
