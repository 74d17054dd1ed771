"""A cluster of three nodes for the tests of a file; what its processes printed is shown on failure."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.doubles.real_cluster import RealCluster, real_cluster

_SHOWN_LINES = 40


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with real_cluster(tmp_path_factory.mktemp("cluster"), ["n1", "n2", "n3"]) as running:
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
