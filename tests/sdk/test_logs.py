"""A backend's standard output is its own: what the SDK has to say goes through `logging`."""

from __future__ import annotations

import logging

import pytest
import structlog

from cluster_lb.sdk.logs import use_stdlib_logging
from tests.doubles.logs import logging_restored


def test_shared_parts_log_through_the_backends_logging(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()
    with logging_restored():
        logging.getLogger().addHandler(caplog.handler)
        logging.getLogger().setLevel(logging.WARNING)
        use_stdlib_logging()
        structlog.get_logger("store").warning("redis does not answer", url="x")
    assert caplog.messages == ["event='redis does not answer' url='x'"]
    assert capsys.readouterr().out == ""


def test_a_program_that_configured_structlog_is_left_alone() -> None:
    with logging_restored():
        structlog.configure(cache_logger_on_first_use=False)
        before = structlog.get_config()
        use_stdlib_logging()
        assert structlog.get_config() == before
