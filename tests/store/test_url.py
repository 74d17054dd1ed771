"""Redis URLs: what each means, and what is wrong with those that mean nothing."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool

from cluster_lb.errors import InvalidValueError
from cluster_lb.store.client import Store
from cluster_lb.store.url import cancellable, client_factory, close_client, without_password
from tests.doubles.ports import free_port
from tests.doubles.redis_servers import RedisServer, need_binary, running


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("localhost:6379", "write redis://"),
        ("http://localhost:6379", "write redis://"),
        ("redis://", "no host or path"),
        ("unix://", "no host or path"),
        ("redis://localhost:70000", "Port out of range"),
        ("redis://localhost/web", "database 'web' is not a number"),
        ("redis+sentinel://a:1,b:2", "name the primary"),
        ("redis+sentinel://a:1,b/main/0", "address 'b'"),
        ("redis+sentinel://a:1/main/x", "database 'x' is not a number"),
        ("redis+cluster://a", "address 'a'"),
        ("redis+cluster://a:1/3", "a Cluster has no database numbers"),
    ],
)
def test_a_bad_url_is_named_with_what_is_wrong(url: str, problem: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        client_factory(url, 0.5)
    assert str(caught.value).startswith(f"Redis URL {url!r}: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pass-word@h:70000",
        "redis://:pass-word@h/web",
        "redis://:pass-/word@h:6379/0",
        "redis+sentinel://:pass-?word@h:1/main",
        "redis+cluster://:pass-#word@h:1",
        "http://:pass-word@h",
    ],
)
def test_a_bad_url_is_named_without_its_password(url: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        client_factory(url, 0.5)
    assert "***@h" in str(caught.value)
    assert "pass-" not in str(caught.value)
    assert "word@" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://:pw@h:6379/0", "redis://:***@h:6379/0"),
        ("redis://:p/w@h:6379/0", "redis://:***@h:6379/0"),
        ("redis://h:6379/0?client_name=a:b", "redis://h:6379/0?client_name=a:b"),
        ("redis+sentinel://u:p:w@h:1,i:2/main/0", "redis+sentinel://u:***@h:1,i:2/main/0"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


async def test_one_redis_with_tls_login_and_database() -> None:
    client = client_factory("rediss://ann:p%40ss@db.example:7000/4?ssl_ca_certs=ca.pem", 0.25)()
    assert isinstance(client, Redis)
    pool = client.connection_pool
    assert pool.connection_class is SSLConnection
    wanted = {"host": "db.example", "port": 7000, "db": 4, "username": "ann", "password": "p@ss"}
    assert wanted.items() <= pool.connection_kwargs.items()
    assert pool.connection_kwargs["ssl_ca_certs"] == "ca.pem"
    assert (
        pool.connection_kwargs["socket_timeout"] == pool.connection_kwargs["socket_connect_timeout"] == 0.25
    )
    assert pool.connection_kwargs["retry"].get_retries() == 0


async def test_sentinels_with_the_name_of_the_primary_login_and_database() -> None:
    client = client_factory("redis+sentinel://:pw@h1:26379,[::1]:26380/main/2", 0.5)()
    assert isinstance(client, Redis)
    pool = client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "main"
    assert (pool.connection_kwargs["db"], pool.connection_kwargs["password"]) == (2, "pw")
    asked = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in asked] == [("h1", 26379), ("::1", 26380)]
    assert all(each["socket_timeout"] == 0.5 for each in asked)
    assert not any(each.get("password") for each in asked)
    await close_client(client, 0.5)


async def test_a_cluster_by_some_of_its_nodes() -> None:
    client = client_factory("redis+cluster://h1:7000,h2:7001", 0.5)()
    assert isinstance(client, RedisCluster)
    assert {(node.host, node.port) for node in client.nodes_manager.startup_nodes.values()} == {
        ("h1", 7000),
        ("h2", 7001),
    }
    assert client.retry.get_retries() == 0


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with running(RedisServer(tmp_path, options=["--unixsocket", str(path)])):
        async with Store.from_url(f"unix://{path}?db=2") as store:
            assert await store.call("SET", "x", 1)
            assert "db2" in str(await store.call("INFO", "keyspace"))


@pytest.fixture
def certificate(tmp_path: Path) -> list[str]:
    """A certificate of 127.0.0.1 that signs itself, as options of the server; `cert.pem` in `tmp_path`."""
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"]
    command = [need_binary("openssl"), "req", "-x509", "-days", "2", *key, *subject, "-out", "cert.pem"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return ["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "cert.pem"]


async def test_tls(tmp_path: Path, certificate: list[str]) -> None:
    tls_port = free_port()
    options = ["--tls-port", str(tls_port), *certificate, "--tls-auth-clients", "no"]
    with running(RedisServer(tmp_path, need_binary("redis-server"), options=options)):
        url = f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={tmp_path}/cert.pem"
        async with Store.from_url(url, command_timeout_s=5.0) as store:
            assert await store.call("PING")


async def test_a_cancellation_that_the_work_swallowed_still_counts() -> None:
    async def swallow() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done"
        return "never"

    task = asyncio.ensure_future(cancellable(swallow()))
    await asyncio.wait({task}, timeout=0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
