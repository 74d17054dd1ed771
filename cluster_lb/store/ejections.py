"""Ejections as they are in Redis."""

from __future__ import annotations

import json

from cluster_lb.model.ejection import Ejection
from cluster_lb.model.server import Server
from cluster_lb.store.foreign import UNREADABLE


def read_ejection(server: Server, text: str | None, problems: list[str]) -> Ejection | None:
    """The ejection that a script wrote as JSON; None without one, where the server registered anew since, or,
    with a line in `problems`, when the text is none."""
    if text is None:
        return None
    try:
        value = json.loads(text)
        ejection = Ejection(
            kind=str(value["kind"]),
            reason=str(value["reason"]),
            by=str(value["by"]),
            at_ms=int(value["at_ms"]),
            until_ms=int(value["until_ms"]),
            times=int(value["times"]),
            recovered_at_ms=int(value.get("recovered_at_ms", 0)),
            ended_by=str(value.get("ended_by", "")),
        )
    except UNREADABLE as error:
        problems.append(f"ejection of {server.id!r} {text!r} is ignored: {error!r}")
        return None
    return ejection if ejection.at_ms >= server.registered_at_ms else None
