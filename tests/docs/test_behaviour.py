"""docs/behaviour.md has every timeout and limit, with the value that the code has."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

import cluster_lb
from cluster_lb.settings import health, limits, outliers, rates, retries, schema
from cluster_lb.settings.logging import TracingSettings
from cluster_lb.settings.route_parts import RouteTimeouts
from cluster_lb.settings.slow_start import SlowStartSettings
from cluster_lb.settings.sticky import StickySettings
from cluster_lb.settings.zones import ZoneSettings

PACKAGE = Path(cluster_lb.__file__).parent
DOCUMENT = PACKAGE.parent / "docs" / "behaviour.md"

_UNITS = {"": 1, "ms": 0.001, "s": 1, "h": 3600, "KiB": 1024, "%": 0.01}
_SECTIONS = {
    "node": schema.NodeSettings,
    "node.tracing": TracingSettings,
    "redis": schema.RedisSettings,
    "listeners": schema.ListenerSettings,
    "pools": schema.PoolSettings,
    "pools.health": health.HealthSettings,
    "pools.health.agent": health.AgentSettings,
    "pools.timeouts": schema.PoolTimeouts,
    "pools.retries": retries.RetrySettings,
    "pools.limits": limits.LimitSettings,
    "pools.zone_aware": ZoneSettings,
    "pools.sticky": StickySettings,
    "pools.slow_start": SlowStartSettings,
    "pools.outliers": outliers.OutlierSettings,
    "routes.retries": retries.RetryRules,
    "routes.timeouts": RouteTimeouts,
    "routes.rate_limits": rates.RateLimitSettings,
}
_WATCHED = (
    *("admin", "dial", "early_words", "health", "memory", "proxy", "pulse", "routing"),
    *("sdk", "spans", "store", "supervisor", "tls", "wire"),
)
# Steps of a wait for a condition, sizes of caches and batches: nothing that anybody waits for or runs into.
_TUNING = {
    "proxy.access_log._MAX_BATCH",
    "proxy.retry_budget._MARK_S",
    "proxy.shapes._MAX_SHAPES",
    "proxy.combined_lines._MAX_KNOWN_BYTES",
    "proxy.ledger.LATENCY_BOUNDS_S",
    "proxy.request_memo.MAX_SHARED_BYTES",
    "proxy.request_memo._SHARED",
    "proxy.client._MAX_COMMON_LINE_BYTES",
    "routing.patterns._MAX_SET_PROGRAM",
    "routing.table.MAX_HOST_BYTES",
    "sdk.bandwidth._SHORTEST_S",
    "sdk.sidecar._POLL_S",
    "store.embedded._POLL_S",
    "proxy.ticker.TICK_S",  # told above the tables
}


def _rows() -> dict[str, str]:
    """Name -> default, of all tables."""
    rows = {}
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and (name := re.fullmatch(r"`(.+)`", cells[2])):
            assert name[1] not in rows, f"{name[1]} is told twice"
            rows[name[1]] = cells[1]
    return rows


def _value(name: str) -> float:
    """What the code has, in seconds, bytes or as a plain number."""
    folder, _, last = name.rpartition(".")
    if name.count(".lua ") == 1:
        value = _lua_constant(*name.split(" "))
    elif folder in _SECTIONS:
        value = _SECTIONS[folder].model_fields[last].default
    else:
        value = getattr(importlib.import_module(f"cluster_lb.{folder}"), last)
    return value / 1000 if last.lower().endswith("_ms") else value


def _lua_constant(file: str, constant: str) -> float:
    (path,) = (PACKAGE / "store" / "lua").rglob(file)
    for names, values in re.findall(r"^local ([A-Z_, ]+) = ([0-9, ]+)$", path.read_text(), re.MULTILINE):
        found = dict(zip(names.split(", "), values.split(", "), strict=True))
        if constant in found:
            return int(found[constant])
    raise AssertionError(f"{file} has no {constant}")


def _numeric_settings() -> set[str]:
    return {
        f"{section}.{name}"
        for section, model in _SECTIONS.items()
        for name, field in model.model_fields.items()
        if isinstance(field.default, int | float)
        and not isinstance(field.default, bool)
        and name != "workers"
    }


def _limits_of_the_code() -> set[str]:
    """Constants of seconds, milliseconds or bytes, or with MAX or MIN in their name."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if module.partition(".")[0] in _WATCHED:
            for statement in ast.parse(path.read_text()).body:
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                    name = statement.targets[0].id
                    if re.fullmatch(r"_?[A-Z_]+_(S|MS|BYTES)|_?(MAX|MIN)_[A-Z_]+", name):
                        found.add(f"{module}.{name}")
    return found - _TUNING


@pytest.mark.parametrize(("name", "default"), _rows().items(), ids=_rows())
def test_the_number_is_the_codes(name: str, default: str) -> None:
    number, unit = re.fullmatch(r"([0-9.]+) ?(\S*)", default).groups()
    assert float(number) * _UNITS[unit] == pytest.approx(_value(name))


def test_every_numeric_setting_is_told() -> None:
    assert _numeric_settings() - _rows().keys() == set()


def test_every_timeout_and_limit_of_the_code_is_told() -> None:
    assert _limits_of_the_code() - _rows().keys() == set()
