"""What an idle client connection costs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

CONNECTIONS = 1000
BOUND_BYTES = 8 * 1024  # over what the transport itself takes

# A process of its own: what it allocates is what is measured. Clients are bare sockets in the same process,
# equal in both runs. The block of fields is a browser's, about 650 bytes, another one for each client.
PROGRAM = """
import asyncio, gc, resource, socket, sys
from ipaddress import ip_network
import uvloop
from cluster_lb.clock import SystemClock
from cluster_lb.model.address import Address
from cluster_lb.proxy.ledger import Ledger
from cluster_lb.proxy.listener import Listener, bind
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import ListenerSettings, PoolSettings
from cluster_lb.tasks import TaskSet

KIND, LOOP, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
HEAD = b"GET / HTTP/1.1\\r\\nHost: a.example\\r\\n" + b"".join(
    b"X-Field-%d: %b\\r\\n" % (n, b"v" * 40) for n in range(10)
)

class Tickets:
    def take(self):
        return 0
    def adopt(self, epoch, period):
        return None

class Plain(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(b"HTTP/1.1 503 No\\r\\nContent-Length: 0\\r\\n\\r\\n")

def memory():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

async def main():
    loop, ticker = asyncio.get_running_loop(), Ticker(SystemClock())
    if KIND == "plain":
        sock = bind(Address("127.0.0.1", 0))
        await loop.create_server(Plain, sock=sock, backlog=1024)
    else:
        settings = ListenerSettings(bind=Address("127.0.0.1", 0))
        sock = bind(settings.bind)
        pool = LivePool("web", Tickets(), ticker, PoolSettings())
        await Listener(settings, sock, Router(pool), Ledger(500, None), ticker, TaskSet(),
                       print, COUNT + 10).start()
    address = sock.getsockname()
    clients = []
    async def open_one(number):
        client = socket.socket()
        client.setblocking(False)
        await loop.sock_connect(client, address)
        await loop.sock_sendall(client, HEAD + b"X-Client: %d\\r\\n\\r\\n" % number)
        assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 503")
        clients.append(client)
    for number in range(200):
        await open_one(number)
    before = memory()
    for number in range(COUNT):
        await open_one(200 + number)
    print((memory() - before) // COUNT)
    for client in clients:
        client.close()

import structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
new_loop = uvloop.new_event_loop if LOOP == "uvloop" else asyncio.new_event_loop
with asyncio.Runner(loop_factory=new_loop) as runner:
    runner.run(main())
"""


def bytes_each(kind: str, loop: str) -> int:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(PROGRAM), kind, loop, str(CONNECTIONS)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(result.stdout)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_idle_client_connection_costs_little_over_its_transport(loop):
    assert bytes_each("ours", loop) - bytes_each("plain", loop) <= BOUND_BYTES
