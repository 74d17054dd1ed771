"""A client of the cluster, as one behind DNS: it knows all nodes, and goes on to the next if one is gone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=30.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request. `moved`: nodes that could not be reached before one answered."""

    node: str
    server: str
    status: int
    moved: int
    seconds: float
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


class Client:
    """Keeps its connections. `nodes`: node id -> URL."""

    def __init__(self, nodes: Mapping[str, str]) -> None:
        self._nodes = nodes

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60.0), timeout=_TIMEOUT
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def fetch(self, order: Sequence[str], path: str = "/") -> Answer:
        """GET `path` from the first node of `order` that can be reached. A request failed when no node
        answered, or one answered with an error."""
        began = time.perf_counter()
        problem = "no node"
        for moved, node in enumerate(order):
            try:
                async with self._session.get(self._nodes[node] + path) as response:
                    body = await response.text()
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
                problem = f"{node}: {error!r}"
                continue
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = f"{node}: {error!r}"
                break
            seconds = time.perf_counter() - began
            server = body.partition(" ")[0]
            if response.status != 200:
                return Answer(
                    node, "", response.status, moved, seconds, f"{node}: {response.status} {body.strip()}"
                )
            return Answer(node, server, response.status, moved, seconds)
        return Answer("", "", 0, len(order) - 1, time.perf_counter() - began, problem)
