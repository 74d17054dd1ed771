"""The command line, one command a file. `main` turns errors into one line and an exit code:
0 done, 1 failed, 2 bad usage or bad settings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from cluster_lb import __version__
from cluster_lb.cli.commands import Commands
from cluster_lb.errors import ClusterLBError, InvalidValueError, SettingsError
from cluster_lb.logs import configure_logs

FAILED, BAD_USAGE = 1, 2

app = typer.Typer(
    name="cluster-lb",
    cls=Commands,
    help="A load balancer that is itself a cluster: equal nodes, one Redis, exact shares.",
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "CLUSTER_LB"},
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,  # what is not caught below is a defect: a plain traceback
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cluster-lb {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            allow_from_autoenv=False,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """Options that stand before a command. Commands that only print keep the log out of people's way."""
    configure_logs("error", "text")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line (default: the process's own arguments) and end with its exit code."""
    try:
        sys.exit(app(arguments, prog_name="cluster-lb", standalone_mode=False))
    except typer.TyperException as error:
        _fail(_usage(error), error.exit_code)
    except (SettingsError, InvalidValueError) as error:
        _fail(str(error), BAD_USAGE)
    except ClusterLBError as error:
        _fail(str(error), FAILED)


def _usage(error: typer.TyperException) -> str:
    """What was wrong with the arguments, and where it says what is right."""
    from cluster_lb.settings.problems import in_our_words  # here: it brings pydantic, for an error alone

    what, colon, said = error.format_message().rpartition(": ")
    context = getattr(error, "ctx", None)
    where = f" (see `{context.command_path} --help`)" if said and context else ""
    return f"{what}{colon}{in_our_words(said)}".rstrip(".") + where


def _fail(message: str, code: int) -> NoReturn:
    if line := " ".join(message.split()):
        print(f"cluster-lb: {line}", file=sys.stderr)
    sys.exit(code)
