"""How one routing table differs from another, in an operator's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from cluster_lb.settings.routes import RouteSettings


def route_changes(before: Sequence[RouteSettings], after: Sequence[RouteSettings]) -> Iterator[str]:
    """A line for each route that came or left and for each key that changed; routes are told apart by their
    names. A table in another order is a line too: the first of equals is taken."""
    old = {route.label: route for route in before}
    new = {route.label: route for route in after}
    for label, route in old.items():
        if label not in new:
            yield f"routes: {label!r} {route.action_label}: removed"
    for label, route in new.items():
        if label not in old:
            yield f"routes: {label!r} {route.action_label}: new"
        else:
            yield from _changed_keys(label, old[label], route)
    if [label for label in old if label in new] != [label for label in new if label in old]:
        yield "routes: another order"


def _changed_keys(label: str, before: RouteSettings, after: RouteSettings) -> Iterator[str]:
    old, new = (route.model_dump(mode="json", exclude_none=True) for route in (before, after))
    for key in RouteSettings.model_fields:
        if old.get(key) != new.get(key):
            yield f"routes: {label!r} {key}: {_shown(old.get(key))} -> {_shown(new.get(key))}"


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)
