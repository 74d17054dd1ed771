"""Servers as policies see them, without anything that serves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(eq=False)
class Candidate:
    id: str
    load: int = 0
    elsewhere: int = 0
    surplus: float = 0.0
    leeway: float = 0.0
    latency_s: float = 0.0
    out: bool = False
    pool: object = None


def candidates(ids: Iterable[str]) -> dict[str, Candidate]:
    """One for each id, by id."""
    return {server_id: Candidate(server_id) for server_id in ids}
