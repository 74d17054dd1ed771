"""How a server that came into a running pool gets its share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cluster_lb.settings.base import Table


class SlowStartSettings(Table):
    """`[pools.NAME.slow_start]`, in Envoy's terms; off as in HAProxy and Envoy."""

    duration_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0  # 0: off
    aggression: Annotated[float, Field(ge=0.01, le=100)] = 1.0  # 1: linear; above: quicker at first (Envoy)
    min_percent: Annotated[int, Field(ge=1, le=100)] = 10  # of the weight, from the first moment (Envoy)
