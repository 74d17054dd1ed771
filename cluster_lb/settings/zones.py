"""Whether nodes prefer the servers that are near."""

from __future__ import annotations

from pydantic import PositiveInt

from cluster_lb.settings.base import Table


class ZoneSettings(Table):
    """`[pools.NAME.zone_aware]`."""

    enabled: bool = False  # exact over the cluster comes first (Envoy's runtime flag is on)
    min_servers: PositiveInt = 6  # that take traffic; with fewer there is no preference (Envoy: 6)
