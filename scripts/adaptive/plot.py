"""Lines over time as SVG text. The same points give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT = 860, 46, 150
HEIGHT, GAP, TOP = 150, 46, 30
_STYLE = (
    "text{font:11px sans-serif;fill:#5b6672}.title{font-size:13px;fill:#222b35}"
    ".grid{stroke:#d9dfe5}.line{fill:none;stroke-width:1.4}"
)


@dataclass(frozen=True)
class Line:
    """`points`: (x, y), x rising. `dash`: as SVG's stroke-dasharray, empty: solid."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    dash: str = ""


@dataclass(frozen=True)
class Panel:
    """Lines over one range of y, 0 to `most`."""

    title: str
    most: float
    lines: Sequence[Line]


def svg(panels: Sequence[Panel], x_most: float, x_title: str) -> str:
    """The panels under one another, over x from 0 to `x_most`."""
    height = TOP + len(panels) * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, TOP + number * (HEIGHT + GAP), x_most)
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{height - 6}" text-anchor="end">{escape(x_title)}</text></svg>'
    )
    return "\n".join(parts) + "\n"


def _panel(panel: Panel, top: float, x_most: float) -> list[str]:
    parts = [f'<text class="title" x="{LEFT}" y="{top - 8}">{escape(panel.title)}</text>']
    for quarter in range(5):
        y = top + HEIGHT * (1 - quarter / 4)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:g}" y2="{y:g}"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">{panel.most * quarter / 4:g}</text>'
        )
    for sixth in range(7):
        x = LEFT + (WIDTH - RIGHT - LEFT) * sixth / 6
        label = f"{x_most * sixth / 6:g}"
        parts.append(f'<text x="{x:g}" y="{top + HEIGHT + 14:g}" text-anchor="middle">{label}</text>')
    for number, line in enumerate(panel.lines):
        parts += _line(line, panel.most, x_most, top, top + 12 + 16 * number)
    return parts


def _line(line: Line, most: float, x_most: float, top: float, legend_y: float) -> list[str]:
    across = WIDTH - RIGHT - LEFT
    points = " ".join(
        f"{LEFT + across * x / x_most:.1f},{top + HEIGHT * (1 - min(y / most, 1)):.1f}"
        for x, y in line.points
    )
    stroke = f'stroke="{line.colour}"' + (f' stroke-dasharray="{line.dash}"' if line.dash else "")
    x = WIDTH - RIGHT + 8
    return [
        f'<polyline class="line" {stroke} points="{points}"/>',
        f'<line class="line" {stroke} x1="{x}" x2="{x + 16}" y1="{legend_y - 4:g}" y2="{legend_y - 4:g}"/>',
        f'<text x="{x + 21}" y="{legend_y:g}">{escape(line.name)}</text>',
    ]
