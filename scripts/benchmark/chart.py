"""docs/benchmarks.svg: CPU per request, one panel a mode. The same results give the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from scripts.benchmark.modes import Mode
from scripts.benchmark.results import Results

matplotlib.use("svg")
from matplotlib import pyplot

PANELS_IN_A_ROW = 3
OURS_COLOUR, OTHERS_COLOUR = "#c8501e", "#9aa5b1"
STYLE: Any = {
    "svg.hashsalt": "cluster-lb",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
}


def draw(results: Results, modes: Sequence[Mode], rows: Sequence[str], ours: str, path: Path) -> None:
    """Writes the chart to `path`: `rows` from top to bottom, in colour where the name starts with `ours`."""
    columns = min(PANELS_IN_A_ROW, len(modes))
    lines = -(-len(modes) // columns)
    with matplotlib.rc_context(STYLE):
        size = (3.6 * columns, 0.7 + lines * (0.7 + 0.24 * len(rows)))
        figure, axes = pyplot.subplots(lines, columns, figsize=size, squeeze=False, sharey=True)
        panels = list(axes.flat)
        for panel, mode in zip(panels, modes, strict=False):
            _panel(panel, results, mode, rows, ours)
        for unused in panels[len(modes) :]:
            unused.axis("off")
        figure.suptitle("CPU microseconds per request, less is better")
        figure.tight_layout()
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def _panel(panel: Any, results: Results, mode: Mode, rows: Sequence[str], ours: str) -> None:
    values = [results.median(row, mode.name, "cpu_us") or 0.0 for row in rows]
    colours = [OURS_COLOUR if row.startswith(ours) else OTHERS_COLOUR for row in rows]
    bars = panel.barh(rows, values, color=colours, height=0.7)
    panel.bar_label(bars, [f"{value:.1f}" if value else "" for value in values], padding=3)
    panel.set_title(mode.title, loc="left", fontweight="bold", fontsize=9)
    panel.set_xlim(0, max(values, default=0) * 1.2 or 1)
    panel.tick_params(axis="y", length=0)
    panel.xaxis.set_visible(False)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
    if not panel.yaxis_inverted():
        panel.invert_yaxis()
