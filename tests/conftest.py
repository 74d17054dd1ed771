"""What all tests share."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.doubles.redis_servers import RedisServer, running

# Hundreds of processes are started. Each would compile all of its modules again where Python is told to keep
# none, and read all certificates that this machine trusts, which aiohttp does when it is imported.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["SSL_CERT_FILE"] = os.devnull

# No assertion on how long an example takes: machines differ, and this one may be busy. The same examples each
# time, so that a change is judged by what it changes; new ones come with --hypothesis-profile explore.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """What is loaded by now lives to the end: tests that collect garbage need not look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def root_logger_as_before() -> Iterator[None]:
    """A command that runs in the test's own process sets logging up; the next test must not notice."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if type(handler) is logging.StreamHandler]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One real Valkey for all tests that leave it as it is."""
    with running(RedisServer(tmp_path_factory.mktemp("valkey"))) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A real Valkey of the test's own, to freeze and kill."""
    with running(RedisServer(tmp_path)) as server:
        yield server
