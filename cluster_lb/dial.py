"""How the servers of a pool are spoken to, before the first request: PROXY header, TLS. For the data path
and for probes alike."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from cluster_lb.errors import SettingsError
from cluster_lb.model.address import Address
from cluster_lb.settings.schema import PoolSettings, SendProxy
from cluster_lb.settings.tls import UpstreamTlsSettings
from cluster_lb.tls.back import files_of, load_back
from cluster_lb.tls.context import offering
from cluster_lb.tls.watch import Watch
from cluster_lb.tls.watched import Watched
from cluster_lb.wire.proxy_protocol import Endpoints, build_v1, build_v2

_BUILD = {SendProxy.V1: build_v1, SendProxy.V2: build_v2}
WRITE_HIGH_BYTES = 64 * 1024  # as plain connections have it; uvloop's own for TLS is 512 KiB
SHUTDOWN_S = 2.0  # a server has so long to answer our close_notify

P = TypeVar("P", bound=asyncio.BaseProtocol)


class TlsUnusableError(OSError):
    """The pool's TLS files are not as they must be on this node: nothing can be connected."""


@dataclass(frozen=True, slots=True, eq=False)
class Dial:
    """Connects to servers. Two with equal settings are the same object (`Dials`).

    `context`: for TLS, a SettingsError where its files cannot be used.
    """

    send_proxy: SendProxy
    server_name: str
    context: Watched[ssl.SSLContext | SettingsError] | None

    async def connect(
        self,
        factory: Callable[[], P],
        address: Address,
        endpoints: Endpoints | None,
        session: ssl.SSLSession | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """A connection that is ready for a request of the client at `endpoints` (None: one of our own),
        offering to resume `session`. Raises OSError; bounds no time."""
        if self.send_proxy is not SendProxy.OFF:
            header = _BUILD[self.send_proxy](endpoints)
            sock = await _open(address, header)
            connect = partial(asyncio.get_running_loop().create_connection, factory, sock=sock)
        else:
            connect = partial(
                asyncio.get_running_loop().create_connection, factory, address.host, address.port
            )
        context = self.tls_context()
        if context is None:
            return await connect()
        with offering(session):
            transport, protocol = await connect(
                ssl=context, server_hostname=self.name_of(address), ssl_shutdown_timeout=SHUTDOWN_S
            )
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        return transport, protocol

    def tls_context(self) -> ssl.SSLContext | None:
        """The context of now; None without TLS. Raises TlsUnusableError."""
        if self.context is None:
            return None
        context = self.context.value
        if isinstance(context, SettingsError):
            raise TlsUnusableError(str(context))
        return context

    def name_of(self, address: Address) -> str:
        """What the certificate of the server there must be for."""
        return self.server_name or address.host


class Dials:
    """Makes the `Dial` of each pool, and has its files watched."""

    def __init__(self, watch: Watch, wall: Callable[[], float]) -> None:
        self._watch = watch
        self._wall = wall
        self._known: dict[tuple[UpstreamTlsSettings, SendProxy], Dial] = {}

    def of(self, settings: PoolSettings) -> Dial | None:
        """How to speak to servers of such a pool; None: plainly. Reads files: for a thread where there may
        be any."""
        tls, send_proxy = settings.tls, settings.send_proxy
        if not tls.enabled and send_proxy is SendProxy.OFF:
            return None
        key = (tls, send_proxy)
        if key not in self._known:
            self._known[key] = Dial(send_proxy, tls.server_name, self._context(tls) if tls.enabled else None)
        return self._known[key]

    def _context(self, tls: UpstreamTlsSettings) -> Watched[ssl.SSLContext | SettingsError]:
        watched = Watched[ssl.SSLContext | SettingsError](
            "servers", files_of(tls), lambda: load_back(tls, self._wall()), otherwise=lambda error: error
        )
        self._watch.add(watched)
        return watched


async def _open(address: Address, first: bytes) -> socket.socket:
    """A connected socket on which `first` has been sent."""
    loop = asyncio.get_running_loop()
    problem = OSError(f"no address for {address.host}")
    for family, where in await _resolved(address):
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, where)
            await loop.sock_sendall(sock, first)
        except OSError as error:
            sock.close()
            problem = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise problem


async def _resolved(address: Address) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    with suppress(ValueError):
        version = ipaddress.ip_address(address.host).version
        return [(socket.AF_INET6 if version == 6 else socket.AF_INET, (address.host, address.port))]
    infos = await asyncio.get_running_loop().getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return [(info[0], info[4][:2]) for info in infos]  # type: ignore[misc]
