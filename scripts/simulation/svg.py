"""Plain SVG, as text: drawings that look well on a light and on a dark page. Equal input, equal bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

COLOURS = ("#4c8bf5", "#e4812b", "#3aa676", "#d64550", "#a06bd6", "#1fa3b8", "#b39a1e", "#d65ba8", "#8a8f98")

_STYLE = (
    "svg{color:#2e3440;font:12px system-ui,sans-serif}text{fill:currentColor}.title{font-weight:600}"
    ".soft{opacity:.7;font-size:11px}.grid{stroke:currentColor;opacity:.15}.axis{stroke:currentColor;opacity:.5}"
    "@media(prefers-color-scheme:dark){svg{color:#d8dee9}}"
)


def document(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A whole drawing; `title` is for those who cannot see it."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
            f' height="{height:g}" role="img">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )


def text(
    x: float, y: float, words: str, *, anchor: str = "start", kind: str = "", turned: bool = False
) -> str:
    """Words whose base line is at y; `anchor`: which end of them is at x; `kind`: title or soft."""
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}"{turn}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line; `kind`: grid or axis."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A filled rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5" fill="{colour}"/>'
    )


def path(points: Sequence[tuple[float, float]], colour: str, *, width: float = 1.8) -> str:
    """A line through points."""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="{width:g}"'
        ' stroke-linejoin="round"/>'
    )


def ticks(top: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 to `top` or a little less, about so many of them."""
    if top <= 0:
        return [0.0]
    power = 10 ** math.floor(math.log10(top / wanted))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * wanted >= top * 0.999)
    return [step * number for number in range(math.floor(top / step + 1e-9) + 1)]
