"""docs/settings.md names every setting with its default."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from cluster_lb.settings.base import Table
from cluster_lb.settings.health import AgentSettings, HealthSettings
from cluster_lb.settings.limits import LimitSettings
from cluster_lb.settings.logging import TracingSettings
from cluster_lb.settings.outliers import OutlierSettings
from cluster_lb.settings.rates import RateLimitSettings
from cluster_lb.settings.retries import RetryRules, RetrySettings
from cluster_lb.settings.route_parts import (
    FieldEditSettings,
    RedirectSettings,
    RespondSettings,
    RouteTimeouts,
)
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import (
    ListenerSettings,
    NodeSettings,
    PoolSettings,
    PoolTimeouts,
    RedisSettings,
)
from cluster_lb.settings.slow_start import SlowStartSettings
from cluster_lb.settings.tls import UpstreamTlsSettings
from cluster_lb.settings.zones import ZoneSettings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
TABLES = {"redirect", "respond", "retries"}  # of a route that has none: they have sections of their own


def documented(heading: str) -> dict[str, str]:
    """Key -> default as written, of the section under `heading`."""
    section = re.split(r"^#+ ", DOCUMENT.partition(f"# `{heading}`")[2], maxsplit=1, flags=re.M)[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.M))


def shown(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is None:
        return "none"
    value = list(default) if isinstance(default, tuple) else default
    return f"`{json.dumps(value, default=str)}`"


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("[node]", NodeSettings),
        ("[node.tracing]", TracingSettings),
        ("[redis]", RedisSettings),
        ("[[listeners]]", ListenerSettings),
        ("[pools.NAME]", PoolSettings),
        ("[pools.NAME.zone_aware]", ZoneSettings),
        ("[pools.NAME.tls]", UpstreamTlsSettings),
        ("[pools.NAME.health]", HealthSettings),
        ("[pools.NAME.health.agent]", AgentSettings),
        ("[pools.NAME.outliers]", OutlierSettings),
        ("[pools.NAME.timeouts]", PoolTimeouts),
        ("[pools.NAME.retries]", RetrySettings),
        ("[pools.NAME.limits]", LimitSettings),
        ("[pools.NAME.slow_start]", SlowStartSettings),
        ("[[routes]]", RouteSettings),
        ("[routes.redirect]", RedirectSettings),
        ("[routes.respond]", RespondSettings),
        ("[routes.request_headers]", FieldEditSettings),
        ("[routes.retries]", RetryRules),
        ("[routes.timeouts]", RouteTimeouts),
        ("[[routes.rate_limits]]", RateLimitSettings),
    ],
)
def test_every_setting_is_there_with_its_default(heading, model):
    expected = {
        name: "host name" if name == "id" else "required" if field.is_required() else shown(field)
        for name, field in model.model_fields.items()
        if not isinstance(field.default, Table) and name not in TABLES  # it has a section of its own
    }
    assert documented(heading) == expected
