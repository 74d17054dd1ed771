"""docs/security.md names a test for each defence; that those exist is in test_references."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")


def _threats() -> list[list[str]]:
    """The cells of each row of the tables that tell threat, defence and test."""
    rows, inside = [], False
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            inside = False
        elif cells[-1] == "shown by":
            inside = True
        elif inside and not line.startswith("| ---"):
            rows.append(cells)
    return rows


def test_every_defence_names_a_test() -> None:
    rows = _threats()
    assert len(rows) > 40
    for threat, defence, shown_by in rows:
        assert threat
        assert defence
        assert _NAMED.search(shown_by), threat


def test_every_test_that_is_named_exists() -> None:
    names = _NAMED.findall(DOCUMENT.read_text())
    for path, name in names:
        assert re.search(rf"def {name.rpartition(':')[2]}\(", (ROOT / path).read_text()), (
            f"{path} has no {name}"
        )


def test_nothing_in_backticks_that_begins_with_tests_escapes_the_check() -> None:
    text = DOCUMENT.read_text()
    assert len(re.findall(r"`tests/", text)) == len(_NAMED.findall(text))
