"""One probe of one server: connects, perhaps asks, and returns an observation. Never writes anything."""

from __future__ import annotations

from dataclasses import replace

from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.health import grpc_probe, http_probe, tcp_probe
from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.sessions import Sessions
from cluster_lb.model.server import Server
from cluster_lb.settings.health import HealthSettings

HELD_UP_S = 0.25  # later than this after its timeout, a probe says nothing of the server


async def probe(
    server: Server,
    settings: HealthSettings,
    dial: Dial | None,
    sessions: Sessions,
    clock: Clock,
) -> Observation:
    """Probe `server` once, within `settings.timeout_s` in all; `dial`: how it is spoken to, None: plainly."""
    observation = await _observe(server, settings, dial, sessions, clock)
    if _held_up(observation, settings.timeout_s):
        return Observation(Word.SOCKERR, "this machine was held up", observation.duration_ms)
    if observation.ok and 0 < settings.slow_ms < observation.duration_ms:
        return Observation(Word.SLOW, f"{observation.duration_ms:.0f} ms", observation.duration_ms)
    return observation


async def _observe(
    server: Server, settings: HealthSettings, dial: Dial | None, sessions: Sessions, clock: Clock
) -> Observation:
    address = replace(server.address, port=settings.port or server.address.port)
    if settings.kind == "http":
        return await http_probe.ask(address, settings, sessions.of(dial), clock)
    if settings.kind == "grpc":
        return await grpc_probe.check(address, settings, dial, clock)
    if settings.send or settings.expect:
        return await tcp_probe.talk(address, settings, dial, clock)
    return await tcp_probe.connect(address, settings.timeout_s, clock, dial)


def _held_up(observation: Observation, timeout_s: float) -> bool:
    # A timeout that fires late was late because this process was: the answer may have been there in time.
    timed_out = observation.word in (Word.L4TOUT, Word.L7TOUT)
    return timed_out and observation.duration_ms > (timeout_s + HELD_UP_S) * 1000
