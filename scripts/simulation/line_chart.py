"""Panels with lines: how figures change over time, or with a number of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scripts.simulation.svg import COLOURS, document, line, path, text, ticks

WIDTH, HEIGHT = 300.0, 170.0  # of a panel's field, pixels
LEFT, TOP, BETWEEN, BELOW = 52.0, 30.0, 66.0, 44.0
LEGEND = 20.0


@dataclass(frozen=True)
class Panel:
    """`lines`: by name, points in the order of x. The same name has the same colour in all panels."""

    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    x_label: str
    y_label: str


def line_chart(title: str, panels: Sequence[Panel], *, columns: int = 2, top: float = 0.0) -> str:
    """The panels side by side over axes of one scale; `top`: where the y axis ends, 0: at the largest y."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    points = [point for panel in panels for points in panel.lines.values() for point in points]
    scale = _Scale(
        min(x for x, _ in points), max(x for x, _ in points), top or 1.05 * max(y for _, y in points)
    )
    columns = min(columns, len(panels))
    width = LEFT + columns * (WIDTH + BETWEEN) - BETWEEN + 16
    legend, legend_height = _legend(colours, width)
    parts = list(legend)
    for number, panel in enumerate(panels):
        down, across = divmod(number, columns)
        x = LEFT + across * (WIDTH + BETWEEN)
        y = legend_height + TOP + down * (HEIGHT + TOP + BELOW)
        parts += _panel(panel, scale, colours, x, y)
    height = legend_height + -(-len(panels) // columns) * (HEIGHT + TOP + BELOW)
    return document(width, height, title, parts)


@dataclass(frozen=True)
class _Scale:
    first: float
    last: float
    top: float

    def x(self, value: float) -> float:
        return WIDTH * (value - self.first) / ((self.last - self.first) or 1)

    def y(self, value: float) -> float:
        return HEIGHT * (1 - min(value, self.top) / self.top)


def _panel(panel: Panel, scale: _Scale, colours: Mapping[str, str], x: float, y: float) -> Iterator[str]:
    yield text(x, y - 10, panel.title, kind="title")
    for tick in ticks(scale.top):
        yield line(x, y + scale.y(tick), x + WIDTH, y + scale.y(tick), "grid")
        yield text(x - 6, y + scale.y(tick) + 4, f"{tick:g}", anchor="end", kind="soft")
    for tick in ticks(scale.last):
        if tick >= scale.first:
            yield text(x + scale.x(tick), y + HEIGHT + 16, f"{tick:g}", anchor="middle", kind="soft")
    yield line(x, y + HEIGHT, x + WIDTH, y + HEIGHT, "axis")
    yield text(x + WIDTH / 2, y + HEIGHT + 32, panel.x_label, anchor="middle", kind="soft")
    yield text(x - 38, y + HEIGHT / 2, panel.y_label, anchor="middle", kind="soft", turned=True)
    for name, points in panel.lines.items():
        yield path([(x + scale.x(px), y + scale.y(py)) for px, py in points], colours[name])


def _legend(colours: Mapping[str, str], width: float) -> tuple[list[str], float]:
    """The names with their colours, in as many rows as they need, and how high these are."""
    parts, x, y = [], LEFT, 14.0
    for name, colour in colours.items():
        length = 40 + 7 * len(name)
        if x + length > width and x > LEFT:
            x, y = LEFT, y + LEGEND
        parts += [path([(x, y - 4), (x + 18, y - 4)], colour, width=3), text(x + 24, y, name)]
        x += length
    return parts, y + 8
