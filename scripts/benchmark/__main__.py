"""The command line of scripts/bench."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from scripts.benchmark import handshakes, history, load, machine, processes, report, wrk
from scripts.benchmark.contenders import StartError
from scripts.benchmark.modes import MODES, with_extended
from scripts.benchmark.peers import BASELINE, CONTENDERS, OURS
from scripts.benchmark.results import Results
from scripts.benchmark.run import Plan, run

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT, CHART = DOCS / "benchmarks.md", DOCS / "benchmarks.svg"
HISTORY = DOCS / "benchmarks-history.jsonl"

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


def check_documents() -> list[history.Entry]:
    """The history so far. Says now, and not after a quarter of an hour, what cannot take the figures."""
    try:
        report.check_markers(DOCUMENT.read_text())
        return history.read(HISTORY)
    except (OSError, ValueError) as error:
        raise fail(f"docs/ cannot take the figures: {error}") from error


def find_generators() -> load.Generators:
    found = processes.find_program("wrk")
    if found is None:
        raise fail("wrk is not installed (Debian package wrk)")
    return load.Generators(found, processes.find_program("openssl"))


def measure(plan: Plan, generators: load.Generators) -> Results:
    try:
        results = run(plan, generators, two_cores())
    except StartError as error:
        raise fail(str(error)) from error
    if not results.samples:
        raise fail("nothing was measured")
    return results


def circumstances(plan: Plan) -> str:
    handshakes_too = any(mode.handshake for mode in plan.modes)
    return (
        f"Measured on {machine.describe()}; medians of interleaved rounds ({plan.rounds} of {plan.seconds} s"
        f" each), {wrk.CONNECTIONS} connections"
        + (f" ({handshakes.PROCESSES} where each is a TLS handshake)." if handshakes_too else ".")
    )


def write(plan: Plan, results: Results, tables: report.Report, figures: str, entry: history.Entry) -> None:
    DOCUMENT.write_text(report.replace_figures(DOCUMENT.read_text(), figures))
    draw(plan, results, tables.rows)
    history.append(HISTORY, entry)


def draw(plan: Plan, results: Results, rows: Sequence[str]) -> None:
    from scripts.benchmark import chart  # needs matplotlib, which nothing else does

    chart.draw(results, plan.modes, rows, OURS, CHART)


def main(
    rounds: Annotated[
        int, typer.Option(min=1, help="How often each contender is measured in each mode.")
    ] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="Length of one measurement.")] = 2,
    modes: Annotated[str, typer.Option(help="Comma-separated; default: all.")] = "",
    contenders: Annotated[str, typer.Option(help="Comma-separated; default: all.")] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="Three rounds of one second: does everything work?")
    ] = False,
    no_write: Annotated[bool, typer.Option("--no-write", help="Leave docs/ as it is.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 when a mode got more than 10 % worse.")
    ] = False,
) -> None:
    """Measures cluster-lb side by side with other proxies and prints the tables.

    A run of all modes and contenders, that is not --quick, writes them to docs/ and adds to the history.
    """
    if quick:
        rounds, seconds = 3, 1
    plan = Plan(
        chosen("--contenders", contenders, CONTENDERS, lambda contender: contender.name),
        with_extended(chosen("--modes", modes, MODES, lambda mode: mode.name)),
        rounds,
        seconds,
    )
    past = check_documents()
    generators = find_generators()
    results = measure(plan, generators)
    tables = report.Report(results, plan.modes, BASELINE, OURS)
    figures = tables.markdown(circumstances(plan))
    print(figures)
    entry = history.entry(results, plan.modes, (rounds, seconds), machine.describe(), (OURS, BASELINE))
    comparison = history.compare(entry, past, plan.modes)
    print(f"\n{comparison.text}")
    whole = plan.modes == MODES and plan.contenders == CONTENDERS and not quick
    if whole and not no_write:
        write(plan, results, tables, figures, entry)
    elif not no_write:
        print("docs/ is left as it is: only a run of all modes and contenders is written.", file=sys.stderr)
    if check and comparison.worse:
        raise typer.Exit(1)


if __name__ == "__main__":
    # SIGTERM ends like Ctrl-C: through every `finally`, so that no process is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    typer.run(main)
