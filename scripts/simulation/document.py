"""The figures in docs/simulation.md: everything between two markers, and the charts beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.simulation.section import Section

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "simulation.md"
BEGIN = "<!-- figures: written by scripts/simulate --docs -->"
END = "<!-- figures: end -->"


def replace_figures(document: str, figures: str) -> str:
    """`document` with `figures` between the markers. Raises ValueError where the markers are not there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"it needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def write(path: Path, sections: Sequence[Section], circumstances: str) -> None:
    """Put the sections into the document at `path`, their charts beside it. Errors: OSError, ValueError."""
    figures = "\n\n".join([circumstances, *(section.markdown() for section in sections)])
    path.write_text(replace_figures(path.read_text(), figures))
    for section in sections:
        for name, svg in section.charts.items():
            path.with_name(f"{name}.svg").write_text(svg)
