"""A server as this node lives with it: kept connections, load, counts. Survives every new snapshot."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from cluster_lb.dial import Dial
from cluster_lb.model.address import Address
from cluster_lb.model.advice import NO_ADVICE
from cluster_lb.proxy.outcomes import Outcomes
from cluster_lb.proxy.upstream import NO_MEMO, ResponseMemo, UpstreamConnection

if TYPE_CHECKING:
    from cluster_lb.proxy.downstream import Downstream
    from cluster_lb.proxy.pool import LivePool


class LiveServer:
    """Live state of one server, on this node.

    `idle`: kept connections, last used last. `load`: attempts in flight, `tunnels` among them; `elsewhere`:
    other nodes', as last heard; `surplus`, `leeway`: what picks make of that. `latency_s`: of its exchanges,
    where the pool measures; joined with what other nodes say. `out`: picks pass it by, for this node
    itself cannot reach it, or it takes nothing new since a moment ago; `lingers`: but what belongs to it.
    `statuses[n]`: responses of class n (n = 1..5; 4 counts 499 too); `excused`: those of n < 5 that failed
    all the same, by whomever. `outcomes`: None where nobody wants them. `memo`: the last response head that
    it sent, with its analysis. `dial`: how it is spoken to; None: plainly. `resumable`: the last TLS
    connection, whose session the next one offers. `log_tails`: status -> a piece of its access lines.
    `zone`: where it is. `advice`: what its agent said.
    """

    __slots__ = (
        "address",
        "advice",
        "attempts",
        "connections",
        "dial",
        "elsewhere",
        "excused",
        "failures",
        "id",
        "idle",
        "latency_s",
        "leeway",
        "lingers",
        "load",
        "log_tails",
        "memo",
        "out",
        "outcomes",
        "pool",
        "resumable",
        "retired",
        "statuses",
        "surplus",
        "tunnels",
        "zone",
    )

    def __init__(self, pool: LivePool, server_id: str, address: Address) -> None:
        self.pool = pool
        self.id = server_id
        self.address = address
        self.zone = ""
        self.advice = NO_ADVICE
        self.dial = pool.dial
        self.idle: list[UpstreamConnection] = []
        self.connections = 0
        self.load = 0
        self.tunnels = 0
        self.elsewhere = 0
        self.surplus = 0.0
        self.leeway = 0.0
        self.latency_s = 0.0
        self.attempts = 0
        self.failures = 0
        self.out = False
        self.lingers = False
        self.resumable: ssl.SSLObject | None = None
        self.retired = False
        self.statuses = [0] * 6
        self.excused = 0
        self.outcomes: Outcomes | None = Outcomes(0) if pool.watches_outcomes else None
        self.memo: ResponseMemo = NO_MEMO
        self.log_tails: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return f"<LiveServer {self.id} load={self.load} idle={len(self.idle)}{' out' if self.out else ''}>"

    @property
    def successes(self) -> int:
        """Exchanges that went well; its own errors of the client's making (4xx) are well done."""
        return sum(self.statuses[1:5]) - self.excused

    @property
    def takes_bound(self) -> bool:
        """Whether it takes clients that are bound to it."""
        return not self.retired and (self.lingers or not self.out)

    def count_failure(self) -> None:
        """An attempt failed, and that counts against it."""
        self.failures += 1
        if self.outcomes is not None:
            self.outcomes.on_local_failure(self.successes)

    def watch_outcomes(self, wanted: bool) -> None:
        """Begin or end to count them."""
        if wanted is (self.outcomes is None):
            self.outcomes = Outcomes(self.successes) if wanted else None

    async def connect(self, client: Downstream) -> UpstreamConnection:
        """A new connection, introduced as that of `client` where the pool wants that. Raises OSError, or
        TimeoutError after the pool's connect timeout."""
        connection = UpstreamConnection(self)
        try:
            async with asyncio.timeout(self.pool.connect_timeout_s):
                if self.dial is not None:
                    await self._dialled(self.dial, client, connection)
                else:
                    await asyncio.get_running_loop().create_connection(
                        lambda: connection, self.address.host, self.address.port
                    )
        except BaseException:
            connection.discard()
            raise
        return connection

    async def _dialled(self, dial: Dial, client: Downstream, connection: UpstreamConnection) -> None:
        # The session is taken as late as this: in TLS 1.3 its ticket comes some time after the handshake.
        session = self.resumable.session if self.resumable else None
        transport, _ = await dial.connect(lambda: connection, self.address, client.ends(), session)
        self.resumable = transport.get_extra_info("ssl_object")

    def release(self, connection: UpstreamConnection) -> None:
        """Take back a connection that is ready for the next exchange."""
        if self.retired or len(self.idle) >= self.pool.max_idle_connections:
            connection.close()
        else:
            connection.kept = True
            connection.since = self.pool.ticker.now
            self.idle.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection is gone."""
        self.connections -= 1
        self.forget(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """A connection, maybe a kept one, must not be picked any more."""
        if connection in self.idle:
            self.idle.remove(connection)

    def close_idle(self, before: float = float("inf")) -> None:
        """Close the kept connections that were last used before the monotonic time `before`."""
        keep = next(
            (n for n, connection in enumerate(self.idle) if connection.since >= before), len(self.idle)
        )
        expired, self.idle = self.idle[:keep], self.idle[keep:]
        for connection in expired:
            connection.close()

    def retire(self) -> None:
        """The server left the pool: what is under way may end, nothing is kept."""
        self.retired = True
        self.close_idle()
