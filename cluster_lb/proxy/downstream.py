"""What an exchange asks of whom it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cluster_lb.wire.proxy_protocol import Endpoints

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.ledger import Ledger
    from cluster_lb.proxy.listener import Listener


class Sink(Protocol):
    """Takes bytes; `asyncio.Transport` is one."""

    def write(self, data: bytes, /) -> None: ...


class Downstream(Protocol):
    """The client's side of an exchange; `proxy.client.ClientConnection` is one. `ledger`: takes the account
    of its exchanges."""

    listener: Listener
    ledger: Ledger
    draining: bool
    peer: str

    @property
    def transport(self) -> Sink: ...

    def ends(self) -> Endpoints | None:
        """Who the client is and where it connected to; None where that is not known."""

    def address(self) -> str:
        """The client's; behind trusted proxies, the one that they tell of."""

    def pause_reading(self) -> None:
        """Take no more of the request: the server does not keep up."""

    def resume_reading(self) -> None: ...

    def enter_tunnel(self) -> None:
        """From now on bytes go through."""

    def end_writing(self) -> None:
        """Nothing more will come."""

    def abort(self) -> None:
        """The response cannot be completed."""

    def on_exchange_end(self, exchange: Exchange) -> None:
        """The exchange is settled."""
