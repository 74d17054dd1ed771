"""The tables, and their place in the document."""

import pytest

from scripts.benchmark import report
from scripts.benchmark.modes import SMALL, named
from tests.scripts.benchmark.figures import measured, results, sample


def rows_of(text: str, heading: str) -> list[str]:
    """The rows of the table below a heading, without its two header lines."""
    section = text.partition(f"### {heading}\n")[2].partition("\n###")[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


class TestReport:
    def test_cpu_with_its_multiple_of_the_base(self) -> None:
        text = report.Report(measured(base=[10.0], ours=[15.0]), [SMALL], "base", "ours").markdown("On this.")
        assert rows_of(text, "CPU per request") == ["| base | 10.0 (1.00 x) |", "| ours | 15.0 (1.50 x) |"]
        assert text.startswith("On this.\n\nVersions: base 1.0, ours 1.0. Servers behind them: nginx.\n")

    def test_ours_against_each_of_the_others(self) -> None:
        found = measured(base=[10.0], other=[60.0], ours=[15.0])
        text = report.Report(found, [SMALL], "base", "ours").markdown("")
        assert rows_of(text, "CPU per request: ours as a multiple of each") == [
            "| base | 1.50 x |",
            "| other | 0.25 x |",
        ]

    def test_errors_stand_beside_the_figure(self) -> None:
        found = measured(base=[10.0])
        found.samples.append(sample("base", 10.0, number=1, errors=7))
        text = report.Report(found, [SMALL], "base", "ours").markdown("")
        assert rows_of(text, "CPU per request") == ["| base | 10.0 (1.00 x), **7 errors** |"]

    def test_what_is_missing_is_named_with_its_reason(self) -> None:
        found = measured(base=[10.0])
        found.missing["Envoy"] = "`envoy` is not installed"
        found.faults["base", "1m"] = "status 502"
        text = report.Report(found, [SMALL], "base", "ours").markdown("")
        assert text.endswith("Not measured:\n\n- Envoy: `envoy` is not installed\n- base, 1m: status 502")

    def test_redis_commands_are_told_where_there_is_a_redis(self) -> None:
        found = measured(base=[10.0])
        assert "Redis" not in report.Report(found, [SMALL], "base", "ours").markdown("")
        found.samples.append(
            sample("base", 10.0, number=1, redis_per_1000=1.234, redis_executed_per_1000=5.0)
        )
        text = report.Report(found, [SMALL], "base", "ours").markdown("")
        told = "Redis commands per 1000 requests, mode small: base 1.23 (executed, with those inside"
        assert f"{told} scripts: 5.00)." in text

    def test_user_and_system_time_stand_apart(self) -> None:
        text = report.Report(measured(base=[10.0]), [SMALL], "base", "ours").markdown("")
        assert rows_of(text, "CPU per request: user + system") == ["| base | 2.5 + 7.5 |"]

    def test_latency_of_ours_against_each_of_the_others(self) -> None:
        found = measured(base=[10.0], ours=[10.0])
        found.samples += [sample(name, 10.0, number=1, p99_ms=ms) for name, ms in (("base", 4), ("ours", 8))]
        text = report.Report(found, [SMALL], "base", "ours").markdown("")
        assert rows_of(text, "Latency, 99th percentile: ours as a multiple of each") == ["| base | 1.50 x |"]

    def test_what_a_feature_adds_is_told_of_those_that_have_it(self) -> None:
        figures = {("base", "small"): [9.0], ("ours", "small"): [10.0], ("ours", "log"): [12.5]}
        text = report.Report(results(figures), [SMALL, named("log")], "base", "ours").markdown("")
        assert rows_of(text, "What a feature adds") == ["| ours | +2.5 |"]

    def test_a_table_without_a_figure_is_left_out(self) -> None:
        found = measured()
        found.samples.append(sample("base", 10.0, p99_ms=None))
        found.versions["base"] = "1.0"
        text = report.Report(found, [SMALL], "base", "ours").markdown("")
        assert "### CPU per request\n" in text
        assert "Latency" not in text
        assert "What a feature adds" not in text

    def test_goals_come_first_and_only_those_that_were_measured(self) -> None:
        found = measured(base=[10.0], ours=[12.0])
        text = report.Report(found, [SMALL], "base", "ours").markdown("")
        assert rows_of(text, "Goals of ours") == ["| small | 1.25 x | 1.00 x | 1.20 x | yes |"]


class TestDocument:
    def test_only_the_figures_change(self) -> None:
        document = f"# Prose\n{report.BEGIN}\nold\n{report.END}\nmore prose\n"
        once = report.replace_figures(document, "new")
        assert once == f"# Prose\n{report.BEGIN}\n\nnew\n\n{report.END}\nmore prose\n"
        assert report.replace_figures(once, "new") == once

    @pytest.mark.parametrize(
        "document",
        ["", report.BEGIN, f"{report.END}{report.BEGIN}", f"{report.BEGIN}{report.BEGIN}{report.END}"],
        ids=["no markers", "no end", "wrong order", "twice"],
    )
    def test_a_document_without_its_markers_is_refused(self, document: str) -> None:
        with pytest.raises(ValueError, match="once each"):
            report.replace_figures(document, "new")
