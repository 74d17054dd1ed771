"""`cluster-lb check`: would this settings file do?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from cluster_lb.errors import InvalidValueError, SettingsError
from cluster_lb.settings.load import load_settings
from cluster_lb.settings.schema import Settings
from cluster_lb.store.client import Store
from cluster_lb.tls.front import check_listeners

SettingsFile = Annotated[Path, typer.Argument(metavar="FILE", help="Settings in TOML.", show_default=False)]


def check(file: SettingsFile) -> None:
    """Read a settings file, and say OK or what is wrong with it. Asks no Redis."""
    load_checked(file)
    typer.echo(f"{file}: OK")


def load_checked(file: Path) -> Settings:
    """The settings of a file whose Redis URL is well-formed too, and whose certificates can be used. Raises
    SettingsError."""
    settings = load_settings(file)
    try:
        check_listeners(settings.listeners, time.time())
    except SettingsError as error:
        raise SettingsError(f"{file}: {error.path}", error.problem) from None
    if settings.redis.url != "embedded":
        try:
            Store.from_url(settings.redis.url)
        except InvalidValueError as error:
            raise SettingsError(f"{file}: redis.url", str(error)) from None
    return settings
