"""When an attempt is repeated, and how many repeats there may be."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, NonNegativeFloat

from cluster_lb.settings.base import Table


class RetryOn(StrEnum):
    """What may be repeated, in HAProxy's words (`retry-on`); a status stands for a whole response with it."""

    CONN_FAILURE = "conn-failure"  # no connection: no server has seen the request
    EMPTY_RESPONSE = "empty-response"  # the connection broke before a whole response head
    JUNK_RESPONSE = "junk-response"  # what came is no valid response
    RESPONSE_TIMEOUT = "response-timeout"
    S401 = "401"
    S403 = "403"
    S404 = "404"
    S408 = "408"
    S421 = "421"
    S425 = "425"
    S429 = "429"
    S500 = "500"
    S501 = "501"
    S502 = "502"
    S503 = "503"
    S504 = "504"


class RetryRules(Table):
    """`[routes.retries]`: what a route may say in place of its pool; how many servers are tried in all is
    `attempts`."""

    # HAProxy's default is conn-failure alone, nginx' is what `error` means: both of these
    on: tuple[RetryOn, ...] = (RetryOn.CONN_FAILURE, RetryOn.EMPTY_RESPONSE)
    non_idempotent: bool = False  # true: POST, PATCH and unknown methods may reach two servers
    try_timeout_s: NonNegativeFloat = 0.0  # until one server's response begins; 0: timeouts.response_s


class RetrySettings(RetryRules):
    """`[pools.NAME.retries]`."""

    budget: Annotated[float, Field(ge=0, le=1)] = 0.2  # retries per request over 10 s (Finagle, Envoy: 20 %)
    budget_floor_per_s: NonNegativeFloat = 3.0  # always allowed (Envoy's min_retry_concurrency: 3)
