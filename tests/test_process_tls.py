"""A serving process with TLS: files that cannot be used, clients of several kinds, signals."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.doubles.certificates import Authority
from tests.doubles.http_servers import OK, HTTPServer, answering
from tests.doubles.ports import free_port
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually

SETTINGS = """\
[node]
id = "n1"
admin = "127.0.0.1:{admin}"
workers = {workers}
[redis]
url = "{redis}"
namespace = "{namespace}"
[[listeners]]
bind = "127.0.0.1:{port}"
tls = [{{ certificate = "site.pem", key = "site.key" }}]
hsts_max_age_s = 600
[[listeners]]
bind = "127.0.0.1:{plain}"
redirect_to_https = true
https_port = {port}
"""


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    port: int
    plain: int
    admin: int
    log: Path

    async def is_ready(self) -> bool:
        with suppress(aiohttp.ClientError):
            return (await self.ask_admin("/readyz")).startswith("{")
        return False

    async def ask_admin(self, path: str) -> str:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.get(f"http://127.0.0.1:{self.admin}{path}") as response,
        ):
            return await response.text()

    async def names(self, authority: Authority) -> set[str]:
        """Those in the certificate that it shows."""
        _, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=authority.client_context(), server_hostname="a.example"
        )
        shown = writer.get_extra_info("peercert")
        writer.transport.abort()
        return {name for _, name in shown["subjectAltName"]}


@contextmanager
def serving(folder: Path, redis: str, workers: int = 1) -> Iterator[Served]:
    port, plain, admin, log = free_port(), free_port(), free_port(1), folder / "serve.log"
    settings = folder / "lb.toml"
    settings.write_text(
        SETTINGS.format(
            admin=admin, redis=redis, port=port, plain=plain, workers=workers, namespace=folder.name[-32:]
        )
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cluster_lb", "serve", "--config", str(settings)],
            stdout=output,
            stderr=output,
        )
    try:
        yield Served(process, port, plain, admin, log)
    finally:
        process.kill() if workers == 1 else process.terminate()
        process.wait()


async def register(served: Served, server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{served.admin}/v1/pools/web/servers/s0"
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await session.put(url, json={"address": str(server.address), "ttl_s": 60})


@pytest.mark.cluster
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_is_led_to_https_and_served(tmp_path, shared_server: RedisServer):
    authority = Authority(tmp_path)
    authority.issue("a.example")
    with serving(tmp_path, shared_server.url) as served:
        await eventually(served.is_ready, 40.0)
        async with HTTPServer(answering(OK)) as server:
            await register(served, server)
            curl = await asyncio.create_subprocess_exec(
                *["curl", "--silent", "--show-error", "--fail", "--location", "--http1.1", "--include"],
                *["--retry", "20", "--retry-delay", "1", "--retry-connrefused"],
                *["--cacert", str(authority.path), f"http://a.example:{served.plain}/x"],
                *["--resolve", f"a.example:{served.plain}:127.0.0.1"],
                *["--resolve", f"a.example:{served.port}:127.0.0.1"],
                stdout=subprocess.PIPE,
            )
            answer, _ = await curl.communicate()
        metrics = await served.ask_admin("/metrics")
    assert f"Location: https://a.example:{served.port}/x" in answer.decode()
    assert "Strict-Transport-Security: max-age=600" in answer.decode()
    assert answer.endswith(b"ok")
    assert f'cluster_lb_tls_handshakes_total{{listener="127.0.0.1:{served.port}",outcome="done"}}' in metrics
    assert f'certificate="{tmp_path}/site.pem"' in metrics


@pytest.mark.cluster
@pytest.mark.parametrize("workers", [1, 2])
async def test_sighup_brings_a_new_certificate_in(tmp_path, shared_server: RedisServer, workers):
    authority = Authority(tmp_path)
    authority.issue("a.example")
    with serving(tmp_path, shared_server.url, workers) as served:
        await eventually(served.is_ready, 40.0)
        await eventually(lambda: served.log.read_text().count("serving") >= workers, 40.0)
        assert await served.names(authority) == {"a.example"}
        authority.issue("a.example", "new.example")
        served.process.send_signal(signal.SIGHUP)
        for _ in range(4 * workers):  # whichever worker takes it
            await eventually(lambda: _shows(served, authority, "new.example"))


async def _shows(served: Served, authority: Authority, name: str) -> bool:
    return name in await served.names(authority)


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda authority: (authority.folder / "site.key").unlink(),
            "listeners.0: key {0}/site.key of certificate {0}/site.pem: cannot be read: No such file",
        ),
        (
            lambda authority: authority.issue("a.example", days=(-9, -2)),
            "listeners.0: certificate {0}/site.pem: expired on",
        ),
    ],
)
def test_files_that_cannot_be_used_are_bad_settings(tmp_path, command, spoil, problem):
    authority = Authority(tmp_path)
    authority.issue("a.example")
    spoil(authority)
    settings = tmp_path / "lb.toml"
    settings.write_text(
        SETTINGS.format(admin=1, redis="redis://x", port=0, plain=0, workers=1, namespace="n").replace(
            "https_port = 0\n", ""
        )
    )
    arguments = ["check", str(settings)] if command == "check" else ["serve", "--config", str(settings)]
    done = subprocess.run([sys.executable, "-m", "cluster_lb", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"cluster-lb: {settings}: {problem.format(tmp_path)}")
    assert done.stderr.count("\n") == 1
