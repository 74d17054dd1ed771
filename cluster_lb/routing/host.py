"""The name in a Host field."""

from __future__ import annotations


def without_port(host: bytes) -> bytes:
    """`host` as in a Host field, without its port; IPv6 keeps its brackets."""
    if host.startswith(b"["):
        return host.partition(b"]")[0] + b"]"
    return host.partition(b":")[0]
