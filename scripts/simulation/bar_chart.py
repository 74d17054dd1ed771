"""Panels with bars: one figure of each policy, one panel a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from scripts.simulation.svg import COLOURS, box, document, line, text

WIDTH, ROW = 150.0, 18.0  # of a panel's field, of a bar with the room around it; pixels
TOP, BETWEEN = 34.0, 60.0
CUT = 4.0  # a bar of more than so many times the panel's least is cut


def bar_chart(
    title: str, panels: Mapping[str, Mapping[str, float]], *, unit: str, columns: int = 3, yardstick: str = ""
) -> str:
    """One panel for each title, with a bar for each name; the bar of `yardstick` is grey."""
    names = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    left = 20 + 6.6 * max(map(len, names))
    columns = min(columns, len(panels))
    height = TOP + ROW * len(names) + 14
    parts: list[str] = []
    for number, (panel_title, values) in enumerate(panels.items()):
        down, across = divmod(number, columns)
        x, y = left + across * (WIDTH + BETWEEN), down * height + TOP
        parts.append(text(x, y - 10, panel_title, kind="title"))
        parts += _bars(names, values, x, y, unit, yardstick)
        if across == 0:
            parts += [text(x - 8, y + ROW * row + 13, name, anchor="end") for row, name in enumerate(names)]
    return document(left + columns * (WIDTH + BETWEEN), -(-len(panels) // columns) * height, title, parts)


def _bars(
    names: Sequence[str], values: Mapping[str, float], x: float, y: float, unit: str, yardstick: str
) -> Iterator[str]:
    least = min(values.values(), default=0.0)
    top = min(max(values.values(), default=0.0), CUT * least) or 1.0
    for row, name in enumerate(names):
        if name not in values:
            continue
        length = WIDTH * min(1.0, values[name] / top)
        middle = y + ROW * row + ROW / 2
        yield box(x, middle - 6, length, 12, COLOURS[-1] if name == yardstick else COLOURS[0])
        if values[name] > top:
            yield text(x + length - 22, middle + 4, "//", kind="title")
        yield text(x + length + 5, middle + 4, f"{_short(values[name])}{unit}", kind="soft")
    yield line(x, y, x, y + ROW * len(names), "axis")


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
