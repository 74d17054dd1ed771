"""A server as the fields of its Redis hash. What cannot be read is named, and skipped or defaulted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.address import Address
from cluster_lb.model.advice import Advice
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.figures import GREATEST, is_usable
from cluster_lb.model.names import check_id
from cluster_lb.model.server import MAX_WEIGHT, Server, check_priority, check_weight
from cluster_lb.model.verdict import Verdict
from cluster_lb.store.foreign import UNREADABLE

_REPORT = "report."
T = TypeVar("T")


def read_server(
    server_id: str, fields: Mapping[str, str], verdict: str | None, lease_ms: int, problems: list[str]
) -> Server | None:
    """The server; None when it has no usable id or address. Adds a line for each bad field to `problems`."""
    try:
        check_id(server_id, "server")
        address = Address.parse(fields.get("address", ""))
    except InvalidValueError as error:
        problems.append(f"server {server_id!r} is left out: {error}")
        return None
    reader = _Fields(server_id, fields, problems)
    weight = reader.weight("admin_weight", reader.weight("weight", 1))
    advice = reader.advice()
    state, state_reason = _strictest(reader.state(), fields.get("state_reason", ""), advice)
    return Server(
        id=server_id,
        address=address,
        weight=weight,
        effective_weight=advice.weigh(weight, MAX_WEIGHT),
        zone=fields.get("zone", ""),
        priority=reader.priority(),
        admin_state=reader.admin_state(),
        verdict=read_verdict(server_id, verdict, problems) if verdict else None,
        stale=fields.get("stale") == "1",
        registered_at_ms=reader.integer("registered_at_ms", 0),
        lease_ms=lease_ms,
        report=reader.report(),
        percent=reader.percent(),
        percent_reason=fields.get("percent_reason", ""),
        state=state,
        state_reason=state_reason,
        advice=advice,
    )


def _strictest(own: ServerState, reason: str, advice: Advice) -> tuple[ServerState, str]:
    """The stricter of the server's own word and its agent's."""
    if advice.state is None or advice.state.strictness <= own.strictness:
        return own, reason
    return advice.state, "its agent says so"


def read_verdict(server_id: str, text: str, problems: list[str]) -> Verdict | None:
    """The verdict that a script wrote as JSON; None, and a line in `problems`, when it is none."""
    try:
        value = json.loads(text)
        return Verdict(
            health=Health(value["health"]),
            reason=str(value.get("reason", "")),
            authors=tuple(str(author) for author in value.get("authors") or ()),
            epoch=int(value.get("epoch", 0)),
            at_ms=int(value.get("at_ms", 0)),
            flips=len(value.get("flips_ms") or ()),
            held_until_ms=int(value.get("held_until_ms", 0)),
        )
    except UNREADABLE as error:
        problems.append(f"verdict of {server_id!r} {text!r} is ignored: {error!r}")
        return None


class _Fields:
    """The fields of one server hash, read one by one."""

    def __init__(self, server_id: str, fields: Mapping[str, str], problems: list[str]) -> None:
        self._id = server_id
        self._fields = fields
        self._problems = problems

    def integer(self, name: str, default: int) -> int:
        text = self._fields.get(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            return self._bad(name, default)

    def weight(self, name: str, default: int) -> int:
        try:
            return check_weight(self.integer(name, default))
        except InvalidValueError:
            return self._bad(name, default)

    def priority(self) -> int:
        try:
            return check_priority(self.integer("priority", 0))
        except InvalidValueError:
            return self._bad("priority", 0)

    def admin_state(self) -> AdminState:
        try:
            return AdminState(self._fields.get("admin_state", "READY"))
        except ValueError:
            return self._bad("admin_state", AdminState.READY)

    def state(self) -> ServerState:
        return self._state("state") or ServerState.UP

    def advice(self) -> Advice:
        return Advice(
            self._count("agent_percent"),
            self._count("agent_weight"),
            self._state("agent_state"),
            self._count("agent_maxconn"),
        )

    def _count(self, name: str) -> int | None:
        count = self.integer(name, -1)
        return count if count >= 0 else None

    def _state(self, name: str) -> ServerState | None:
        text = self._fields.get(name)
        try:
            return None if text is None else ServerState(text)
        except ValueError:
            return self._bad(name, None)

    def report(self) -> dict[str, float]:
        report: dict[str, float] = {}
        for name, text in self._fields.items():
            if name.startswith(_REPORT):
                self._figure(name, text, report)
        return report

    def percent(self) -> int:
        percent = self.integer("percent", 100)
        return percent if 1 <= percent <= 100 else self._bad("percent", 100)

    def _figure(self, name: str, text: str, report: dict[str, float]) -> None:
        figure = name.removeprefix(_REPORT)
        try:
            value = float(text)
        except ValueError:
            self._bad(name, 0)
            return
        if is_usable(figure, value):
            report[figure] = value
        else:  # without its value, which may be another one each time: it is named once
            most = f"0..{GREATEST[figure]:g}" if figure in GREATEST else "a finite number"
            self._problems.append(f"server {self._id!r}: {name} is ignored: it must be {most}")

    def _bad(self, name: str, default: T) -> T:
        self._problems.append(f"server {self._id!r}: {name} {self._fields[name]!r} is ignored")
        return default
