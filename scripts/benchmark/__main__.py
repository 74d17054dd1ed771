"""The command line of scripts/bench."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from scripts.benchmark import chart, load, machine, processes, report
from scripts.benchmark.contenders import StartError
from scripts.benchmark.modes import MODES
from scripts.benchmark.peers import BASELINE, CONTENDERS, OURS
from scripts.benchmark.run import Plan, run

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT, CHART = DOCS / "benchmarks.md", DOCS / "benchmarks.svg"

Item = TypeVar("Item")


def fail(message: str) -> typer.Exit:
    print(f"scripts/bench: {message}", file=sys.stderr)
    return typer.Exit(2)


def chosen(
    option: str, names: str, everything: Sequence[Item], name_of: Callable[[Item], str]
) -> tuple[Item, ...]:
    """What a comma-separated option names, in the order of `everything`; all of it when it is empty."""
    wanted = {name.strip().lower() for name in names.split(",") if name.strip()}
    known = {name_of(item).lower() for item in everything}
    if unknown := wanted - known:
        raise fail(f"{option}: unknown {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    return tuple(item for item in everything if not wanted or name_of(item).lower() in wanted)


def two_cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise fail("two CPU cores are needed: one for the contender, one for load and servers")
    return cores[0], cores[1]


def check_document() -> None:
    """Says now, and not after a quarter of an hour, that the document cannot take the figures."""
    try:
        report.check_markers(DOCUMENT.read_text())
    except (OSError, ValueError) as error:
        raise fail(f"{DOCUMENT.name} cannot take the figures: {error}") from error


def main(
    rounds: Annotated[
        int, typer.Option(min=1, help="How often each contender is measured in each mode.")
    ] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="Length of one measurement.")] = 3,
    modes: Annotated[str, typer.Option(help="Comma-separated; default: all.")] = "",
    contenders: Annotated[str, typer.Option(help="Comma-separated; default: all.")] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="Three rounds of one second: does everything work?")
    ] = False,
    no_write: Annotated[bool, typer.Option("--no-write", help="Leave docs/ as it is.")] = False,
) -> None:
    """Measures cluster-lb side by side with other proxies, prints the tables and writes them to docs/."""
    if quick:
        rounds, seconds = 3, 1
    plan = Plan(
        chosen("--contenders", contenders, CONTENDERS, lambda contender: contender.name),
        chosen("--modes", modes, MODES, lambda mode: mode.name),
        rounds,
        seconds,
    )
    wrk = processes.find_program("wrk")
    if wrk is None:
        raise fail("wrk is not installed (Debian package wrk)")
    if not no_write:
        check_document()
    try:
        results = run(plan, wrk, two_cores())
    except StartError as error:
        raise fail(str(error)) from error
    if not results.samples:
        raise fail("nothing was measured")
    circumstances = (
        f"Measured on {machine.describe()}; medians of interleaved rounds ({rounds} of {seconds} s each),"
        f" {load.CONNECTIONS} connections."
    )
    tables = report.Report(results, plan.modes, BASELINE, OURS)
    figures = tables.markdown(circumstances)
    print(figures)
    if not no_write:
        DOCUMENT.write_text(report.replace_figures(DOCUMENT.read_text(), figures))
        chart.draw(results, plan.modes, tables.rows, OURS, CHART)


if __name__ == "__main__":
    # SIGTERM ends like Ctrl-C: through every `finally`, so that no process is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    typer.run(main)
