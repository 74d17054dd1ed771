"""Clusters for the tests of a file; what their processes printed is shown on failure.

Processes take seconds to start, so files that leave all nodes and Redis running share a cluster: `cluster`,
of three nodes, or `pair`, of two. What kills or freezes one of them has its `own_cluster`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator

import pytest

from tests.doubles.real_cluster import RealCluster, real_cluster

_SHOWN_LINES = 40


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with real_cluster(tmp_path_factory.mktemp("cluster"), ["n1", "n2", "n3"]) as running:
        yield running


@pytest.fixture(scope="session")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with real_cluster(tmp_path_factory.mktemp("pair"), ["n1", "n2"]) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(three_nodes: RealCluster) -> RealCluster:
    asyncio.run(three_nodes.clear())
    return three_nodes


@pytest.fixture(scope="module")
def pair(two_nodes: RealCluster) -> RealCluster:
    asyncio.run(two_nodes.clear())
    return two_nodes


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with real_cluster(tmp_path_factory.mktemp("own"), ["n1", "n2", "n3"]) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and isinstance(cluster, RealCluster):
        for log in sorted(cluster.folder.glob("*.log")):
            lines = [line for line in log.read_text(errors="replace").splitlines() if "attempts=" not in line]
            report.sections.append((log.name, "\n".join(lines[-_SHOWN_LINES:])))
    return report
