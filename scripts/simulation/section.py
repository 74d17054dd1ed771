"""What a study found, before it becomes a page: text, a table, charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """Rows of cells under `columns`."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The first column left-aligned, the others right-aligned."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def print(self, console: Console, title: str) -> None:
        """On a terminal."""
        table = RichTable(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left", no_wrap=not number)
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


@dataclass(frozen=True)
class Section:
    """`charts`: SVG by the name of a file in docs/ without its ending."""

    title: str
    text: str
    table: Table
    charts: Mapping[str, str] = field(default_factory=dict)

    def markdown(self) -> str:
        """As a section of a document."""
        pictures = [f"![{self.title}]({name}.svg)" for name in self.charts]
        return "\n\n".join([f"### {self.title}", self.text, *pictures, self.table.markdown()])
