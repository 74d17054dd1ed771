"""The command line of scripts/simulate."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from cluster_lb.picking import POLICIES
from scripts.simulation import document
from scripts.simulation.section import Section
from scripts.simulation.studies import STUDIES
from scripts.simulation.study import Options

QUICK = 400  # requests a simulation: does everything work?
WIDTH = 120  # of what goes to a file or a pipe, characters

Item = TypeVar("Item")


def chosen(option: str, names: str, known: Mapping[str, Item]) -> dict[str, Item]:
    """What a comma-separated option names, in the order of `known`; all of it when it is empty."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := wanted - known.keys():
        raise fail(f"{option}: unknown {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    return {name: item for name, item in known.items() if not wanted or name in wanted}


def fail(message: str) -> typer.Exit:
    print(f"scripts/simulate: {message}", file=sys.stderr)
    return typer.Exit(2)


def main(
    policy: Annotated[str, typer.Option(help="Comma-separated; default: all.")] = "",
    scenario: Annotated[str, typer.Option(help="Comma-separated; default: all.")] = "",
    seed: Annotated[int, typer.Option(help="Where random numbers begin.")] = 1,
    requests: Annotated[int, typer.Option(min=100, help="Requests of each simulation.")] = 40_000,
    quick: Annotated[bool, typer.Option("--quick", help=f"{QUICK} requests: does everything work?")] = False,
    docs: Annotated[
        bool,
        typer.Option("--docs", help="Write the figures to docs/simulation.md; with --scenario, these alone."),
    ] = False,
) -> None:
    """Simulates nodes, servers and clients, and prints how each policy does in each scenario.

    The same seed gives the same figures.
    """
    policies = chosen("--policy", policy, POLICIES)
    studies = chosen("--scenario", scenario, STUDIES)
    if docs and (quick or policy):
        raise fail("--docs: only a run of all policies that is not --quick is written")
    circumstances = (
        f"Seed {seed}, {requests:,} requests a simulation: `scripts/simulate --docs --requests {requests}`."
    )
    if docs:
        check_document(circumstances if scenario else "")
    options = Options(
        tuple(policies), seed, QUICK if quick else requests, workers=1 if quick else os.cpu_count() or 1
    )
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    sections: list[Section] = []
    for study in studies.values():
        if section := study(options):
            section.table.print(console, section.title)
            sections.append(section)
    if docs:
        document.write(document.DOCUMENT, sections, circumstances, whole=not scenario)


def check_document(circumstances: str) -> None:
    """Says now, and not after some minutes, that the document cannot take the figures, or not beside those
    that it has, which are of other `circumstances`; empty: all are new."""
    try:
        text = document.DOCUMENT.read_text()
        if circumstances:
            document.replace_sections(text, [], circumstances)
        document.replace_figures(text, "")
    except (OSError, ValueError) as error:
        raise fail(f"{document.DOCUMENT.name} cannot take the figures: {error}") from error


if __name__ == "__main__":
    typer.run(main)
