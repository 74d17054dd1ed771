"""The command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from cluster_lb.picking import POLICIES
from scripts.simulation import document
from scripts.simulation.__main__ import main
from scripts.simulation.scenario import SCENARIOS
from scripts.simulation.studies import STUDIES


def run(*options: str) -> Result:
    app = Typer()
    app.command()(main)
    return CliRunner().invoke(app, options)


def test_a_quick_run_has_every_policy() -> None:
    result = run("--quick", "--scenario", "even")
    assert result.exit_code == 0, result.output
    for policy in POLICIES:
        assert result.output.count(f" {policy} ") == 1


def test_a_quick_run_has_every_study() -> None:
    result = run("--quick", "--policy", "weighted_round_robin")
    assert result.exit_code == 0, result.output
    assert result.output.count(" weighted_round_robin ") >= len(SCENARIOS)
    for title in ("Own zone first", "Adaptive weights", "with slow start"):
        assert title in result.output


def test_options_choose_policies_and_scenarios() -> None:
    result = run("--quick", "--policy", "round_robin", "--scenario", "even, slow")
    assert result.output.count(" round_robin ") == 2
    assert result.output.count(" perfect ") == 2
    assert "weighted_round_robin" not in result.output


def test_the_same_seed_prints_the_same() -> None:
    one, same, other = (run("--quick", "--scenario", "even", "--seed", seed).output for seed in "112")
    assert one == same != other


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--policy", "least_round"), "--policy: unknown least_round; there are: "),
        (("--scenario", "rainy,even"), "--scenario: unknown rainy; there are: "),
        (("--docs", "--quick"), "--docs: only a run of all policies that is not --quick"),
        (("--docs", "--policy", "round_robin"), "--docs: only a run of all policies"),
    ],
)
def test_what_cannot_be_done_is_said(options: tuple[str, ...], problem: str) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_docs_takes_all_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "simulation.md"
    path.write_text(f"prose\n{document.BEGIN}\n{document.END}\n")
    monkeypatch.setattr(document, "DOCUMENT", path)
    for name in STUDIES.keys() - {"even", "rebalance"}:
        monkeypatch.delitem(STUDIES, name)
    for name in POLICIES.keys() - {"round_robin", "weighted_round_robin"}:
        monkeypatch.delitem(POLICIES, name)
    result = run("--docs", "--requests", "100")
    assert result.exit_code == 0, result.output
    text = path.read_text()
    assert text.startswith("prose\n")
    assert "Seed 1, 100 requests a simulation: `scripts/simulate --docs --requests 100`." in text
    assert "](policies-rebalance.svg)" in text
    assert (tmp_path / "policies-rebalance.svg").read_text().startswith("<svg")


def test_docs_takes_a_single_scenario_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "simulation.md"
    told = "Seed 1, 100 requests a simulation: `scripts/simulate --docs --requests 100`."
    title = SCENARIOS["even"].title
    path.write_text(f"{document.BEGIN}\n\n{told}\n\n### {title}\n\nold\n\n### Other\n\n7\n\n{document.END}\n")
    monkeypatch.setattr(document, "DOCUMENT", path)
    result = run("--docs", "--requests", "100", "--scenario", "even")
    assert result.exit_code == 0, result.output
    assert "old" not in path.read_text()
    assert "### Other\n\n7\n" in path.read_text()
    result = run("--docs", "--requests", "200", "--scenario", "even")
    assert result.exit_code == 2
    assert "its figures were made otherwise: Seed 1, 100 requests" in result.stderr


def test_a_document_that_cannot_take_the_figures_is_named_before_anything_is_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "simulation.md"
    path.write_text("prose\n")
    monkeypatch.setattr(document, "DOCUMENT", path)
    result = run("--docs", "--requests", "100")
    assert result.exit_code == 2
    assert "simulation.md cannot take the figures: it needs the lines" in result.stderr
    assert "p99" not in result.output
