"""What a node tells of its requests: the access log, request ids, traces."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from cluster_lb.settings.base import Table, matching

STANDARD_OUTPUT = "-"  # as a path


class AccessLogForm(StrEnum):
    """What a line looks like; docs/logging.md has each field."""

    OFF = "off"
    TEXT = "text"
    JSON = "json"
    COMBINED = "combined"


def _collector(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query):
        raise ValueError(f"{value!r} is not the URL of a collector; write http://HOST:4318, or nothing")
    return value.rstrip("/")


# A share of requests; the SDKs of OpenTelemetry count theirs in the same way.
Sample = Annotated[float, Field(ge=0, le=1)]
HeaderName = Annotated[
    str, matching(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", "use 1 to 64 letters, digits or '-', no '-' first")
]


class TracingSettings(Table):
    """Spans for an OpenTelemetry collector."""

    endpoint: Annotated[str, AfterValidator(_collector)] = ""  # base URL for OTLP over HTTP; empty: off
    sample: Sample = 0.01
