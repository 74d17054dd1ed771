"""Settings from a file and from the command line; every error names the file and the key, or the option."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from cluster_lb.errors import SettingsError
from cluster_lb.model.address import Address
from cluster_lb.settings.consistency import contradictions
from cluster_lb.settings.problems import Problem, one_line, problems_of
from cluster_lb.settings.schema import ListenerSettings, NodeSettings, RedisSettings, Settings

DEFAULT_LISTENER = ListenerSettings(bind=Address("127.0.0.1", 8080), pool="web")

_Table = TypeVar("_Table", NodeSettings, RedisSettings)


def load_settings(path: Path) -> Settings:
    """Read a TOML file. Raises SettingsError `FILE: KEY: what is wrong` for the first thing that is."""
    data = _read(path)
    try:
        settings = Settings.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        raise _error(str(path), problems_of(error, Settings, data)) from None
    return _complete(settings, str(path))


def with_overrides(
    settings: Settings,
    *,
    redis: str | None = None,
    namespace: str | None = None,
    listen: Iterable[str] = (),
    admin: str | None = None,
    admin_token: str | None = None,
    id: str | None = None,
    zone: str | None = None,
    workers: str | None = None,
) -> Settings:
    """`settings` with what the command line says; None, and an empty `listen`, leave a setting as it is.

    `listen` takes HOST:PORT=POOL (pool `web` when left out) and replaces the listeners of the file. With no
    listener in either there is one, 127.0.0.1:8080 to pool `web`. Raises SettingsError `--option: ...`.
    """
    node = {"admin": admin, "admin_token": admin_token, "id": id, "zone": zone, "workers": workers}
    listeners = tuple(_listener(form) for form in listen)
    changed = settings.model_copy(
        update={
            "node": _overridden(settings.node, node),
            "redis": _overridden(settings.redis, {"url": redis, "namespace": namespace}),
            "listeners": listeners or settings.listeners,
        }
    )
    return _complete(changed, "settings")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise SettingsError(str(path), "is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(path), f"is not TOML: {error}") from None


def _overridden(table: _Table, options: Mapping[str, str | None]) -> _Table:
    data = dict(table) | {key: value for key, value in options.items() if value is not None}
    try:
        return type(table).model_validate(data)
    except ValidationError as error:
        first = one_line(problems_of(error, type(table), data))
        option = "redis" if first.key == "url" else first.key.replace("_", "-")
        raise SettingsError(f"--{option}", first.text) from None


def _listener(form: str) -> ListenerSettings:
    bind, _, pool = form.partition("=")
    data = {"bind": bind, "pool": pool or "web"}
    try:
        return ListenerSettings.model_validate(data)
    except ValidationError as error:
        first = one_line(problems_of(error, ListenerSettings, data))
        raise SettingsError(f"--listen {form}", first.text) from None


def _complete(settings: Settings, source: str) -> Settings:
    if not settings.listeners:
        settings = settings.model_copy(update={"listeners": (DEFAULT_LISTENER,)})
    if problems := list(contradictions(settings)):
        raise _error(source, problems)
    return settings


def _error(source: str, problems: Sequence[Problem]) -> SettingsError:
    key, text = one_line(problems)
    return SettingsError(f"{source}: {key}" if key else source, text)
