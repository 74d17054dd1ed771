"""Lines as SVG: well formed, within the picture, escaped."""

from __future__ import annotations

from xml.etree import ElementTree

from scripts.adaptive.plot import WIDTH, Line, Panel, svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_every_panel_has_its_lines_within_the_picture():
    line = Line("a & b", "#123456", [(0, 0), (30, 0.5), (60, 7)], "4 3")
    root = ElementTree.fromstring(svg([Panel("cpu", 1.0, [line]), Panel("<x>", 100, [line])], 60, "minutes"))
    drawn = root.findall(f"{NAMESPACE}polyline")
    assert len(drawn) == 2
    height = float(root.attrib["viewBox"].split()[3])
    for polyline in drawn:
        points = [tuple(map(float, pair.split(","))) for pair in polyline.attrib["points"].split()]
        assert len(points) == 3
        assert all(0 <= x <= WIDTH and 0 <= y <= height for x, y in points)
    texts = [text.text for text in root.iter(f"{NAMESPACE}text")]
    assert {"a & b", "<x>", "minutes"} <= set(texts)
