"""The dashboard comes whole from the node, and may load nothing from elsewhere."""

from __future__ import annotations

import re

import pytest


async def test_every_file_that_the_page_names_is_there(client):
    page = await client.get("/")
    assert page.status == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    names = re.findall(r'(?:href|src)="(dashboard/[^"]+)"', await page.text())
    script = await (await client.get("/dashboard/dashboard.js")).text()
    names += [f"dashboard/{name}" for name in re.findall(r'from "\./([^"]+)"', script)]
    assert {"dashboard/dashboard.css", "dashboard/dashboard.js", "dashboard/dom.js"} <= set(names)
    for name in names:
        assert (await client.get(f"/{name}")).status == 200


@pytest.mark.parametrize("name", ["", "dashboard.css", "dashboard.js", "dom.js", "format.js"])
async def test_no_file_refers_to_another_host(client, name):
    text = await (await client.get(f"/dashboard/{name}" if name else "/")).text()
    assert set(re.findall(r"https?://[^\s'\"]+", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", ["dashboard.html", "__init__.py", "..%2fapp.py", "nothing.js"])
async def test_other_files_are_not_served(client, name):
    assert (await client.get(f"/dashboard/{name}")).status == 404
