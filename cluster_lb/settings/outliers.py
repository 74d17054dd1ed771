"""When a server is ejected for what it does to real traffic."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from cluster_lb.settings.base import Table

Percentage = Annotated[float, Field(ge=0, le=100)]


class OutlierSettings(Table):
    """`[pools.NAME.outliers]`; writing the table switches it on (Envoy too has it only where asked for).
    Names and defaults are Envoy's; 0 switches a rule off."""

    enabled: bool = True
    consecutive_5xx: NonNegativeInt = 5
    consecutive_gateway_failure: NonNegativeInt = 0  # 502, 503, 504 (Envoy counts 5 and enforces 0 % of them)
    consecutive_local_origin_failure: NonNegativeInt = 5  # no connection, no answer, no whole one
    success_rate_stdev_factor: NonNegativeFloat = (
        1.9  # under the pool's mean success rate by so many deviations
    )
    success_rate_enough: Percentage = (
        95.0  # is fine whatever the others have (Envoy: 100, so one error is one)
    )
    success_rate_min_servers: PositiveInt = 5  # with the volume, else the rule says nothing
    success_rate_volume: PositiveInt = 100  # requests of a server in an interval
    failure_percentage: Percentage = 85.0
    failure_percentage_min_servers: PositiveInt = 5
    failure_percentage_volume: PositiveInt = 50
    latency_factor: NonNegativeFloat = 5.0  # slower on average than the pool's median server by it (ours)
    latency_enough_ms: PositiveInt = 100  # is fine whatever the others have
    latency_min_servers: Annotated[int, Field(ge=3)] = 3  # of two, nobody knows who is the slow one
    latency_volume: PositiveInt = 50
    interval_s: Annotated[float, Field(ge=0.5, le=300)] = 10.0  # rates are judged over it
    base_ejection_s: Annotated[float, Field(ge=0.1, le=3600)] = 30.0  # times how often it was ejected
    max_ejection_s: Annotated[float, Field(ge=0.1, le=86400)] = 300.0
    max_ejected: Annotated[float, Field(ge=0, le=1)] = 0.1  # of the pool's servers, but one may always be
    probes_end_it: bool = (
        True  # a probe that the application answers (Envoy's successful_active_health_check)
    )

    @model_validator(mode="after")
    def _check_times(self) -> OutlierSettings:
        if self.max_ejection_s < self.base_ejection_s:
            raise ValueError(
                f"max_ejection_s {self.max_ejection_s} is less than base_ejection_s {self.base_ejection_s}: "
                "the longest ejection must be at least as long as the first"
            )
        return self
