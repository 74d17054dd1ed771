"""The network's share: of the busiest interface whose speed is known."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cluster_lb.sdk.bandwidth import BandwidthMeter


@dataclass(frozen=True)
class Carried:
    bytes_sent: int
    bytes_recv: int


class Machine:
    """One interface of 1000 bytes a second, and loopback."""

    def __init__(self) -> None:
        self.now = 0.0
        self.speed = 1000.0
        self.carried = {"eth0": Carried(0, 0), "lo": Carried(0, 0)}
        self.meter = BandwidthMeter(
            lambda: dict(self.carried), lambda: {"eth0": self.speed}, lambda: self.now
        )

    def after(self, seconds: float, sent: int, received: int) -> float | None:
        self.now += seconds
        for name, before in self.carried.items():
            self.carried[name] = Carried(before.bytes_sent + sent, before.bytes_recv + received)
        return self.meter.share()


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    assert machine.meter.share() is None
    return machine


def test_the_busier_direction_counts_since_the_last_look(machine: Machine) -> None:
    assert machine.after(2.0, sent=1000, received=400) == pytest.approx(0.5)
    assert machine.after(1.0, sent=0, received=900) == pytest.approx(0.9)


def test_it_is_a_share_whatever_the_interface_says_of_its_speed(machine: Machine) -> None:
    assert machine.after(1.0, sent=5000, received=0) == 1.0


def test_two_registrations_of_one_process_see_the_same(machine: Machine) -> None:
    first = machine.after(2.0, sent=1000, received=0)
    assert machine.after(0.1, sent=100, received=0) == first


def test_an_interface_that_was_made_anew_carried_nothing(machine: Machine) -> None:
    machine.after(1.0, sent=500, received=500)
    machine.carried["eth0"] = Carried(0, 0)
    assert machine.after(1.0, sent=0, received=0) == 0.0


def test_without_a_known_speed_there_is_no_figure(machine: Machine) -> None:
    machine.meter = BandwidthMeter(lambda: dict(machine.carried), dict, lambda: machine.now)
    assert machine.after(1.0, sent=500, received=0) is None
    assert machine.after(1.0, sent=500, received=0) is None
