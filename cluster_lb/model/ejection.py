"""An ejection: a server taken out for what it did to real traffic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ejection:
    """`kind`: the rule, in Envoy's words; `reason`: with its figures; `by`: the node whose report decided it.
    `times`: how often in a row, which is what lengthens it. Redis time, ms: `at_ms`, `until_ms`, and
    `recovered_at_ms`, 0 while it holds; `ended_by`: `time` or `probes`."""

    kind: str
    reason: str
    by: str
    at_ms: int
    until_ms: int
    times: int
    recovered_at_ms: int = 0
    ended_by: str = ""

    @property
    def holds(self) -> bool:
        return not self.recovered_at_ms
