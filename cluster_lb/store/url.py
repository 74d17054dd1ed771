"""What a Redis URL means: one Redis, the primary that Sentinels name, or a Cluster.

    redis://[user:password@]host[:port][/db]      rediss://...  (TLS)      unix:///path/redis.sock[?db=N]
    redis+sentinel://[user:password@]host:port,host:port/NAME[/db]
    redis+cluster://[user:password@]host:port,host:port

User and password are those of Redis itself; Sentinels are asked without. `?ssl_ca_certs=...` and the like
are redis-py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.address import Address

Client = Redis | RedisCluster
ClientFactory = Callable[[], Client]
# What loops and redis-py raise beside RedisError and OSError when a connection is closed under a call: by a
# peer that goes while it is greeted, or by a Cluster client, of which one call that meets a Cluster that is
# down closes the connections of all.
CLOSED_UNDERNEATH = (RuntimeError, AttributeError)
T = TypeVar("T")

_FORMS = "redis://, rediss://, unix://, redis+sentinel://h1:p,h2:p/NAME/0 or redis+cluster://h1:p,h2:p"


def client_factory(url: str, command_timeout_s: float) -> ClientFactory:
    """What makes a fresh client for `url`; InvalidValueError when the URL cannot be understood.

    redis-py's own retries are off: the store fails at once and reconnects in one place.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "encoding_errors": "backslashreplace",  # foreign bytes in a value must not break a whole reading
        "protocol": 2,
        "socket_timeout": command_timeout_s,
        "socket_connect_timeout": command_timeout_s,
        "retry": Retry(NoBackoff(), 0),
    }
    parts, shown = urlsplit(url), without_password(url)
    if parts.scheme != "unix" and "@" in url and "@" not in parts.netloc:
        raise InvalidValueError(f"Redis URL {shown!r}: in a password write / as %2F, ? as %3F and # as %23")
    if parts.scheme in ("redis", "rediss", "unix"):
        return _single(url, shown, parts, options)
    if parts.scheme == "redis+sentinel":
        return _sentinel(shown, parts, options)
    if parts.scheme == "redis+cluster":
        return _cluster(shown, parts, options)
    raise InvalidValueError(f"Redis URL {shown!r}: write {_FORMS}")


def without_password(url: str) -> str:
    """The URL for people to read."""
    return re.sub(r"(//[^:/@]*:).*@", r"\1***@", url)


def _single(url: str, shown: str, parts: SplitResult, options: dict[str, Any]) -> ClientFactory:
    try:
        parsed = parse_url(url)
    except ValueError as error:
        raise InvalidValueError(f"Redis URL {shown!r}: {error}") from None
    if not (parsed.get("host") or parsed.get("path")):
        raise InvalidValueError(f"Redis URL {shown!r}: no host or path; write {_FORMS}")
    if parts.scheme != "unix" and parts.path.strip("/"):
        _database(shown, parts.path.strip("/"))

    def connect() -> Client:
        return Redis.from_pool(ConnectionPool(**{**options, **parsed}))

    return connect


def _sentinel(shown: str, parts: SplitResult, options: dict[str, Any]) -> ClientFactory:
    hosts, login = _hosts(shown, parts)
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise InvalidValueError(
            f"Redis URL {shown!r}: name the primary, as in redis+sentinel://h1:p,h2:p/NAME/0"
        )
    db = _database(shown, database) if database else 0

    def connect() -> Client:
        sentinel = Sentinel(hosts, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
        client: Redis = sentinel.master_for(unquote(service), **options, **login, db=db)
        return client

    return connect


def _cluster(shown: str, parts: SplitResult, options: dict[str, Any]) -> ClientFactory:
    hosts, login = _hosts(shown, parts)
    if parts.path.strip("/"):
        raise InvalidValueError(f"Redis URL {shown!r}: a Cluster has no database numbers or names")

    def connect() -> Client:
        return RedisCluster(startup_nodes=[ClusterNode(*host) for host in hosts], **options, **login)

    return connect


def _hosts(shown: str, parts: SplitResult) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    user_info, _, hosts = parts.netloc.rpartition("@")
    user, _, password = user_info.partition(":")
    login = {"username": unquote(user), "password": unquote(password)}
    try:
        addresses = [Address.parse(host) for host in hosts.split(",")]
    except InvalidValueError as error:
        raise InvalidValueError(f"Redis URL {shown!r}: {error}") from None
    return [(a.host, a.port) for a in addresses], {key: text for key, text in login.items() if text}


def _database(shown: str, text: str) -> int:
    if not text.isdecimal():
        raise InvalidValueError(f"Redis URL {shown!r}: database {text!r} is not a number")
    return int(text)


async def cancellable(work: Awaitable[T]) -> T:
    """The result of `work`. redis-py sends with `asyncio.wait_for`, which before Python 3.12 loses a
    cancellation that comes just as it ends (python/cpython#86296): here it still counts."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    result = await work
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return result


def database_of(client: Client) -> int:
    """The number of the database that it works in; a Cluster has just one."""
    return client.connection_pool.connection_kwargs.get("db") or 0 if isinstance(client, Redis) else 0


async def close_client(client: Client, timeout_s: float) -> None:
    """Close all its connections, those to Sentinels too. A peer that is gone cannot be said goodbye to."""
    closes: list[Callable[[], Awaitable[None]]] = [client.aclose]
    pool = getattr(client, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        closes += [sentinel.aclose for sentinel in pool.sentinel_manager.sentinels]
    if isinstance(client, RedisCluster):  # which closes none itself once a call has failed
        closes += [partial(client.nodes_manager.aclose, kind) for kind in ("nodes_cache", "startup_nodes")]
    for close in closes:
        with contextlib.suppress(RedisError, OSError, *CLOSED_UNDERNEATH):
            async with asyncio.timeout(timeout_s):
                await close()


async def drop_idle(client: Client) -> None:
    """Close the connections that no call uses. A Cluster client sorts its own out."""
    if isinstance(client, Redis):
        await client.connection_pool.disconnect(inuse_connections=False)


@contextlib.asynccontextmanager
async def one_node_of(client: Client, timeout_s: float) -> AsyncIterator[Redis]:
    """A client of one Redis: `client` itself, or one to a node of the Cluster, where any node passes on
    what is published at another."""
    if isinstance(client, Redis):
        yield client
        return
    await cancellable(client.initialize())
    chosen = client.get_random_node()
    node = Redis.from_pool(ConnectionPool(chosen.connection_class, **chosen.connection_kwargs))
    try:
        yield node
    finally:
        await close_client(node, timeout_s)
