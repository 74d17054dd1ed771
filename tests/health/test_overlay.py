"""Servers that this node itself cannot reach are out here, and come back by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from cluster_lb.clock import SystemClock
from cluster_lb.health.overlay import Overlay
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from tests.doubles.waiting import eventually

OUT, BACK = True, False


@asynccontextmanager
async def overlay(heard: list, recheck_s: float = 0.05) -> AsyncIterator[Overlay]:
    async with Overlay(
        lambda *change: heard.append(change), clock=SystemClock(), random=Random(1), recheck_s=recheck_s
    ) as opened:
        yield opened


def server(address: Address, identifier: str = "a") -> Server:
    return Server(identifier, address)


async def keep_open(reader, writer) -> None:
    await reader.read()


async def test_a_server_that_cannot_be_connected_to_is_out_until_it_can(serve) -> None:
    heard: list = []
    backend = await serve(keep_open)
    await backend.stop()
    async with overlay(heard) as local:
        local.update("web", [server(backend.address)])
        assert not local.is_out("web", "a")
        local.report_unreachable("web", "a", "L4CON connection refused")
        assert local.is_out("web", "a")
        assert heard == [("web", "a", OUT, "L4CON connection refused")]
        await backend.start_again()
        await eventually(lambda: not local.is_out("web", "a"))
    assert heard[1:] == [("web", "a", BACK, "L4OK")]


async def test_a_server_that_stays_away_stays_out_over_many_checks(refusing, monkeypatch) -> None:
    heard: list = []
    looked = count_connects(monkeypatch)
    async with overlay(heard) as local:
        local.update("web", [server(refusing)])
        local.report_unreachable("web", "a", "refused")
        await eventually(lambda: len(looked) > 3)
        assert local.is_out("web", "a")
    assert heard == [("web", "a", OUT, "refused")]


async def test_many_reports_of_one_server_are_one(refusing) -> None:
    heard: list = []
    async with overlay(heard, recheck_s=3600) as local:
        local.update("web", [server(refusing)])
        for _ in range(100):
            local.report_unreachable("web", "a", "refused")
        assert len(local._tasks) == 1
    assert len(heard) == 1


async def test_a_report_of_an_unknown_server_is_nothing() -> None:
    heard: list = []
    async with overlay(heard) as local:
        local.report_unreachable("web", "a", "refused")
        local.hear_tally("web", "a", False, "L7STS 503")
        assert not local.is_out("web", "a")
    assert heard == []


async def test_a_server_is_out_while_the_own_tally_says_down(refusing) -> None:
    heard: list = []
    async with overlay(heard) as local:
        local.update("web", [server(refusing)])
        local.hear_tally("web", "a", False, "L7STS 503")
        assert local.is_out("web", "a")
        local.hear_tally("web", "a", True, "L7OK 200")
        assert not local.is_out("web", "a")
    assert heard == [("web", "a", OUT, "L7STS 503"), ("web", "a", BACK, "L7OK 200")]


async def test_a_connect_does_not_bring_back_what_the_tally_holds_down(serve) -> None:
    heard: list = []
    backend = await serve(keep_open)
    async with overlay(heard) as local:
        local.update("web", [server(backend.address)])
        local.report_unreachable("web", "a", "refused")
        local.hear_tally("web", "a", False, "L7STS 503")
        await eventually(lambda: len(local._tasks) == 0)  # the re-check succeeded
        assert local.is_out("web", "a")
        local.hear_tally("web", "a", True, "L7OK 200")
        assert not local.is_out("web", "a")
    assert heard == [("web", "a", OUT, "refused"), ("web", "a", BACK, "L7OK 200")]


async def test_a_good_tally_does_not_bring_back_what_cannot_be_connected_to(refusing) -> None:
    heard: list = []
    async with overlay(heard) as local:
        local.update("web", [server(refusing)])
        local.report_unreachable("web", "a", "refused")
        local.hear_tally("web", "a", True, "L7OK 200")
        assert local.is_out("web", "a")
    assert len(heard) == 1


async def test_a_server_that_leaves_is_forgotten_without_a_word(refusing) -> None:
    heard: list = []
    async with overlay(heard) as local:
        local.update("web", [server(refusing)])
        local.report_unreachable("web", "a", "refused")
        local.update("web", [])
        assert not local.is_out("web", "a")
        local.update("web", [server(refusing)])
        assert not local.is_out("web", "a")
    assert len(heard) == 1


async def test_nothing_is_heard_of_a_server_after_it_left(serve) -> None:
    heard: list = []
    backend = await serve(keep_open)
    async with overlay(heard) as local:
        local.update("web", [server(backend.address)])
        local.report_unreachable("web", "a", "refused")
        local.update("web", [])
        await eventually(lambda: len(local._tasks) == 0)
    assert heard == [("web", "a", OUT, "refused")]


async def test_a_server_that_left_is_not_checked_any_more(refusing) -> None:
    async with overlay([]) as local:
        local.update("web", [server(refusing)])
        local.report_unreachable("web", "a", "refused")
        local.update("web", [])
        await eventually(lambda: len(local._tasks) == 0)


async def test_other_servers_coming_and_going_change_nothing(refusing) -> None:
    heard: list = []
    async with overlay(heard) as local:
        local.update("web", [server(refusing)])
        local.report_unreachable("web", "a", "refused")
        local.update("web", [server(refusing), server(refusing, "b")])
        assert local.is_out("web", "a")
        assert not local.is_out("web", "b")
        local.update("web", [server(refusing)])
        assert local.is_out("web", "a")
    assert len(heard) == 1


async def test_pools_are_apart(refusing) -> None:
    async with overlay([]) as local:
        for pool in ("web", "api"):
            local.update(pool, [server(refusing)])
        local.report_unreachable("web", "a", "refused")
        assert not local.is_out("api", "a")


async def test_a_new_address_is_in_again(refusing, silent) -> None:
    heard: list = []
    async with overlay(heard) as local:
        local.update("web", [server(refusing)])
        local.report_unreachable("web", "a", "refused")
        local.update("web", [server(silent)])
        assert not local.is_out("web", "a")
    assert heard[1:] == [("web", "a", BACK, "has a new address")]


async def test_a_closed_overlay_checks_no_more(refusing, monkeypatch) -> None:
    looked = count_connects(monkeypatch)
    async with overlay([]) as local:
        local.update("web", [server(refusing)])
        local.report_unreachable("web", "a", "refused")
        await eventually(lambda: looked)
    assert len(local._tasks) == 0


def count_connects(monkeypatch) -> list[Address]:
    from cluster_lb.health import overlay as module

    looked, real = [], module.connect

    async def counted(address: Address, *rest):
        looked.append(address)
        return await real(address, *rest)

    monkeypatch.setattr(module, "connect", counted)
    return looked


async def test_in_a_pool_that_panics_the_tally_takes_nobody_out_but_failed_connects_do(refusing) -> None:
    heard: list = []
    async with overlay(heard, recheck_s=60.0) as local:
        local.update("web", [server(refusing)])
        local.hear_tally("web", "a", False, "L7STS 503")
        local.update("web", [server(refusing)], panics=True)
        assert not local.is_out("web", "a")
        local.report_unreachable("web", "a", "L4CON connection refused")
        assert local.is_out("web", "a")
    assert [out for _, _, out, _ in heard] == [OUT, BACK, OUT]


async def test_when_the_panic_is_over_the_tally_counts_again(refusing) -> None:
    heard: list = []
    async with overlay(heard) as local:
        local.update("web", [server(refusing)], panics=True)
        local.hear_tally("web", "a", False, "L7STS 503")
        assert not local.is_out("web", "a")
        local.update("web", [server(refusing)])
        assert local.is_out("web", "a")
    assert heard == [("web", "a", OUT, "health counts again")]
