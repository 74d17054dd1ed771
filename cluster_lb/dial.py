"""How the servers of a pool are spoken to, before the first request: PROXY header, TLS. For the data path
and for probes alike."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from cluster_lb.errors import SettingsError
from cluster_lb.model.address import Address
from cluster_lb.settings.schema import PoolSettings, SendProxy
from cluster_lb.settings.tls import UpstreamTlsSettings
from cluster_lb.tls.back import files_of, load_back
from cluster_lb.tls.context import offering
from cluster_lb.tls.front import ALPN
from cluster_lb.tls.watch import Watch
from cluster_lb.tls.watched import Watched
from cluster_lb.wire.proxy_protocol import Endpoints, build_v1, build_v2

_BUILD = {SendProxy.V1: build_v1, SendProxy.V2: build_v2}
WRITE_HIGH_BYTES = 64 * 1024  # as plain connections have it; uvloop's own for TLS is 512 KiB
HTTP2 = ("h2",)
SHUTDOWN_S = 2.0  # a server has so long to answer our close_notify

P = TypeVar("P", bound=asyncio.BaseProtocol)
_Context = Watched[ssl.SSLContext | SettingsError]
_Load = Callable[[UpstreamTlsSettings], _Context]


class TlsUnusableError(OSError):
    """The pool's TLS files are not as they must be on this node: nothing can be connected."""


class Dial:
    """Connects to servers. `of_pool` gives the same one for equal settings."""

    def __init__(self, tls: UpstreamTlsSettings, send_proxy: SendProxy, load: _Load) -> None:
        self._tls = tls
        self._send_proxy = send_proxy
        self._load = load
        self._loading = asyncio.Lock()
        self._context: _Context | None = None

    @property
    def is_secure(self) -> bool:
        """Whether servers are spoken to in TLS."""
        return self._tls.enabled

    async def connect(
        self,
        factory: Callable[[], P],
        address: Address,
        endpoints: Endpoints | None,
        session: ssl.SSLSession | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """A connection that is ready for a request of the client at `endpoints` (None: one of our own),
        offering to resume `session`. Raises OSError; bounds no time."""
        loop = asyncio.get_running_loop()
        context = await self._tls_context() if self._tls.enabled else None
        if self._send_proxy is SendProxy.OFF:
            connect = partial(loop.create_connection, factory, address.host, address.port)
        else:
            sock = await _open(address, _BUILD[self._send_proxy](endpoints))
            connect = partial(loop.create_connection, factory, sock=sock)
        if context is None:
            return await connect()
        name = self._tls.server_name or address.host.rstrip(".")
        with offering(session):
            transport, protocol = await connect(
                ssl=context, server_hostname=name, ssl_shutdown_timeout=SHUTDOWN_S
            )
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        return transport, protocol

    async def _tls_context(self) -> ssl.SSLContext:
        """The context of now; read when it is first needed. Raises TlsUnusableError."""
        async with self._loading:
            if self._context is None:
                self._context = await asyncio.to_thread(self._load, self._tls)
        context = self._context.value
        if isinstance(context, SettingsError):
            raise TlsUnusableError(str(context))
        return context


class Dials:
    """The `Dial` of each pool; its files are watched by `watch`. `wall`: seconds since 1970."""

    def __init__(self, watch: Watch, wall: Callable[[], float]) -> None:
        self._watch = watch
        self._wall = wall
        self._known: dict[tuple[UpstreamTlsSettings, SendProxy, tuple[str, ...]], Dial] = {}

    def of_pool(self, settings: PoolSettings) -> Dial | None:
        """How to speak to the servers of such a pool; None: plainly. Reads no file yet."""
        return self._speaking(settings, ALPN)

    def of_probes(self, settings: PoolSettings) -> Dial | None:
        """The same for probes, which may speak HTTP/2."""
        return self._speaking(settings, HTTP2 if settings.health.kind == "grpc" else ALPN)

    def _speaking(self, settings: PoolSettings, protocols: tuple[str, ...]) -> Dial | None:
        tls, send_proxy = settings.tls, settings.send_proxy
        if not tls.enabled and send_proxy is SendProxy.OFF:
            return None
        key = (tls, send_proxy, protocols)
        if key not in self._known:
            self._known[key] = Dial(tls, send_proxy, partial(self._load, protocols))
        return self._known[key]

    def _load(self, protocols: tuple[str, ...], tls: UpstreamTlsSettings) -> _Context:
        context = _Context(
            "servers", files_of(tls), lambda: load_back(tls, self._wall(), protocols), lambda error: error
        )
        self._watch.add(context)
        return context


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
