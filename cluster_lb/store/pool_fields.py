"""Settings of a pool as the fields of a Redis hash, and back: `health.interval_s` -> `2.0`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cluster_lb.settings.schema import PoolSettings
from cluster_lb.settings.secret import NOT_SHOWN, REVEALED
from cluster_lb.store.foreign import UNREADABLE

NOT_SETTINGS = frozenset({"created_ms", "revision", "seeds", "sticky_secret", "sticky_secret_before"})
_SECRETS = frozenset({"sticky.secret"})
_JSON = ("[", '"')


def to_fields(settings: PoolSettings) -> dict[str, str]:
    """Every setting by its dotted name; numbers and words as they are; lists, and texts that would read as
    JSON, as JSON."""
    fields: dict[str, str] = {}
    _flatten("", settings.model_dump(mode="json", context=REVEALED), fields)
    return fields


def shown(name: str, text: str | None) -> str | None:
    """The text of a field, as it may stand in logs and on screens."""
    return NOT_SHOWN if text and name in _SECRETS else text


def _flatten(prefix: str, values: Mapping[str, Any], fields: dict[str, str]) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            _flatten(f"{prefix}{name}.", value, fields)
        else:
            is_plain = isinstance(value, str) and not value.startswith(_JSON)
            fields[prefix + name] = value if is_plain else json.dumps(value)


def from_fields(fields: Mapping[str, str]) -> tuple[PoolSettings, list[str]]:
    """The settings, and one line for each field that cannot be one: such a field has its default."""
    usable = {name: text for name, text in fields.items() if name not in NOT_SETTINGS}
    problems: list[str] = []
    while True:
        try:
            return PoolSettings.model_validate(_nest(usable)), problems
        except ValidationError as error:
            bad = {_field_of(item["loc"], usable): item["msg"] for item in error.errors()}
            for name, message in bad.items():
                problems.append(f"config {name} {shown(name, usable.pop(name))!r}: {message}")


def _nest(fields: Mapping[str, str]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, text in fields.items():
        *path, last = name.split(".")
        level = nested
        for part in path:
            inner = level.setdefault(part, {})
            if not isinstance(inner, dict):  # `health` and `health.path` both there
                inner = level[part] = {}
            level = inner
        level[last] = _parsed(text) if text.startswith(_JSON) else text
    return nested


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except UNREADABLE:
        return text


def _field_of(loc: tuple[int | str, ...], fields: Mapping[str, str]) -> str:
    """The field that a pydantic error is about; an error may name a part of a list, or a whole group."""
    path = [str(part) for part in loc]
    for length in range(len(path), 0, -1):
        name = ".".join(path[:length])
        if name in fields:
            return name
    group = ".".join(path) + "."
    return next((name for name in fields if name.startswith(group)), next(iter(fields)))
