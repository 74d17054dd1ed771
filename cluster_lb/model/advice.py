"""What a server's agent said last of its weight, its state and its limit."""

from __future__ import annotations

from dataclasses import dataclass

from cluster_lb.model.availability import ServerState


@dataclass(frozen=True, slots=True)
class Advice:
    """`percent` of the configured weight, or `weight` in its place; `state`: drain, down for maintenance, or
    up for neither; `maxconn`: exchanges at once over the cluster, 0: any. None: it did not say."""

    percent: int | None = None
    weight: int | None = None
    state: ServerState | None = None
    maxconn: int | None = None

    def weigh(self, weight: int, largest: int) -> int:
        """The weight that holds in place of `weight`; 0 only where one of the two is 0."""
        if self.weight is not None:
            return min(self.weight, largest)
        if self.percent is None:
            return weight
        least = 1 if weight and self.percent else 0
        return min(max(weight * self.percent // 100, least), largest)

    def bound(self, limit: int) -> int:
        """The lower of `limit` and what the agent allows; 0: any."""
        return min(self.maxconn, limit) if self.maxconn and limit else self.maxconn or limit


NO_ADVICE = Advice()
