"""The one that looks after files: in time, when told to, and with a warning before an end."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cluster_lb.tls import watch as module
from cluster_lb.tls.certificate import Certificate
from cluster_lb.tls.watch import Watch
from cluster_lb.tls.watched import Watched
from tests.doubles.waiting import eventually

DAY_S = 86400.0


@pytest.fixture
def events():
    with structlog.testing.capture_logs() as events:
        yield events


@pytest.mark.parametrize(("every_s", "hurried"), [(0.01, False), (3600.0, True)])
async def test_files_are_looked_at_in_time_and_when_told_to(tmp_path, monkeypatch, events, every_s, hurried):
    monkeypatch.setattr(module, "CHECK_S", every_s)
    path = tmp_path / "f"
    path.write_text("one")
    watched = Watched("x", (str(path),), path.read_text)
    watch = Watch(lambda: 0.0)
    watch.add(watched)
    running = asyncio.ensure_future(watch.run())
    path.write_text("other")
    if hurried:
        watch.hurry()
    await eventually(lambda: watched.value == "other")
    running.cancel()


@pytest.mark.parametrize(
    ("left_days", "told"),
    [(15, []), (13, ["certificate ends soon"]), (-1, ["certificate has ended"])],
)
def test_an_end_is_told_two_weeks_before(events, left_days, told):
    watch = Watch(lambda: 1000 * DAY_S)
    watch.warn_of(lambda: [Certificate("site.pem", "site.key", (), RSAPublicKey, (1000 + left_days) * DAY_S)])
    watch.warn_of_expiry()
    watch.warn_of_expiry()
    assert [event["event"] for event in events] == told


def test_it_is_told_again_each_day(events):
    now = [0.0]
    watch = Watch(lambda: now[0])
    watch.warn_of(lambda: [Certificate("site.pem", "site.key", (), RSAPublicKey, 5 * DAY_S)])
    for _ in range(3):
        watch.warn_of_expiry()
        now[0] += DAY_S
    assert len(events) == 3
