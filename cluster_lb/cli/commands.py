"""The commands by name, each imported when it is asked for: `get` starts without what `demo` is made of."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

#: In the order of the help. Module `cluster_lb.cli.NAME` has a function or a Typer of this name.
NAMES = ("demo", "serve", "register", "apply", "check", "get", "server", "top")


class Commands(TyperGroup):
    """What click's documentation calls lazily loaded subcommands. The help of the whole loads them all."""

    def list_commands(self, ctx: object) -> list[str]:
        return list(NAMES)

    def get_command(self, ctx: object, cmd_name: str) -> Any:
        # For a name that there is not, all of them: the error tells what may have been meant.
        for name in {cmd_name}.intersection(NAMES) or NAMES:
            if name not in self.commands:
                self.commands[name] = _load(name)
        return self.commands.get(cmd_name)


def _load(name: str) -> Any:
    command = getattr(import_module(f"cluster_lb.cli.{name}"), name)
    if isinstance(command, typer.Typer):
        return get_command(command)
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")  # paragraphs fill the width
    app.command()(command)
    return get_command(app)
