"""Of which type exchanges are: what their route does to them, and how their listener marks them."""

from __future__ import annotations

from cluster_lb.proxy.exchange import Exchange
from cluster_lb.proxy.marks import MarkedExchange
from cluster_lb.proxy.tracing import TracedExchange, Tracer
from cluster_lb.settings.schema import ListenerSettings


class ExchangeTypes(dict[type[Exchange], type[Exchange]]):
    """The type that a listener makes of a route's type: with its marks, where it has any."""

    def __init__(self, settings: ListenerSettings, tracer: Tracer | None) -> None:
        super().__init__()
        self._marks: type[Exchange] = MarkedExchange if settings.request_id else Exchange
        if tracer is not None:
            self._marks = TracedExchange

    def __missing__(self, routed: type[Exchange]) -> type[Exchange]:
        if self._marks is Exchange:
            made = routed
        elif routed is Exchange:
            made = self._marks
        else:
            made = type(f"{self._marks.__name__}And{routed.__name__}", (self._marks, routed), {})
        self[routed] = made
        return made
