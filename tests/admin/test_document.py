"""docs/api.md names every path and every field."""

from __future__ import annotations

import re
from pathlib import Path

from cluster_lb.admin.app import build_app
from cluster_lb.admin.bodies import Registration
from cluster_lb.admin.resources import node_json, pool_json
from cluster_lb.model.member import Member

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def test_every_path_is_there(node):
    routes = {
        (route.method, route.resource.canonical.replace("{pool}", "P").replace("{server}", "ID"))
        for route in build_app(node.state()).router.routes()
        if route.method != "HEAD" and route.resource.canonical != "/dashboard/{file}"
    }
    documented = {
        (method, path)
        for methods, path in re.findall(r"^\| `([A-Z]+) (/\S*)`", DOCUMENT, re.M)
        for method in methods.split("|")
    }
    assert documented == routes


def test_every_field_of_a_registration_is_there():
    section = DOCUMENT.partition("## Registering")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == set(Registration.model_fields)


async def test_every_field_of_an_object_is_there(node):
    await node.add("s1")
    pool = pool_json(node.view.readings["web"])
    named = set(re.findall(r"`(\w+)`", DOCUMENT.partition("## Objects")[2]))
    assert set(pool) | set(pool["servers"][0]) | set(node_json(Member("n1", "0.1.0"))) <= named
