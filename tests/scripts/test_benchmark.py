"""The benchmark's own arithmetic: what it reads from wrk and /proc, and what it makes of the figures."""

import os

import pytest

from scripts.benchmark import cpu, load, machine, report
from scripts.benchmark.contenders import RedisCommands
from scripts.benchmark.modes import MODES, SMALL, Mode
from scripts.benchmark.results import Results, Sample
from scripts.benchmark.run import Meters, make_sample, rotated

WRK = """\
Running 3s test @ http://127.0.0.1:8080/small
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.00ms    2.86ms  28.19ms   93.02%
    Req/Sec    26.96k    12.44k   50.39k    70.00%
  Latency Distribution
     50%    1.25ms
     75%    1.73ms
     90%    3.95ms
     99%   {p99}
  27017 requests in 1.01s, 3.86MB read
{errors}Requests/sec:  26743.49
Transfer/sec:      3.83MB
"""
ERRORS = "  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 12\n"


def wrk_output(p99: str = "16.32ms", errors: str = "") -> str:
    return WRK.format(p99=p99, errors=errors)


class TestWrkOutput:
    def test_a_clean_run(self) -> None:
        result = load.parse(wrk_output())
        assert result == load.LoadResult(requests=27017, requests_per_s=26743.49, p99_ms=16.32)
        assert result.errors == 0

    def test_errors_of_all_kinds_are_counted(self) -> None:
        result = load.parse(wrk_output(errors=ERRORS))
        assert (result.bad_status, result.socket_errors, result.errors) == (12, 4321, 4333)

    @pytest.mark.parametrize(
        ("printed", "milliseconds"),
        [("850.00us", 0.85), ("16.32ms", 16.32), ("1.50s", 1500.0), ("2.00m", 120_000.0)],
    )
    def test_latency_units(self, printed: str, milliseconds: float) -> None:
        assert load.parse(wrk_output(p99=printed)).p99_ms == pytest.approx(milliseconds)

    def test_output_without_figures_is_refused_and_shown(self) -> None:
        with pytest.raises(ValueError, match=r"no 99 % latency.*unable to connect"):
            load.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


class TestWrkCommand:
    def test_headers_are_passed_one_by_one(self, tmp_path) -> None:
        mode = Mode("m", "m", "/x", 3, headers={"A": "1", "B": "2"})
        argv = load.command("wrk", 8080, mode, 3, tmp_path)
        assert argv[-5:] == ["--header", "A: 1", "--header", "B: 2", "http://127.0.0.1:8080/x"]
        assert "--script" not in argv

    def test_a_body_needs_a_script(self, tmp_path) -> None:
        argv = load.command("wrk", 8080, Mode("m", "m", "/x", 3, body_bytes=10240), 3, tmp_path)
        assert argv[argv.index("--script") + 1] == str(tmp_path / "m.lua")
        assert (tmp_path / "m.lua").read_text() == (
            'wrk.method = "POST"\nwrk.body = string.rep("x", 10240)\n'
        )


def test_the_browser_head_has_12_lines_and_about_650_bytes() -> None:
    browser = next(mode for mode in MODES if mode.name == "browser")
    lines = [f"GET {browser.path} HTTP/1.1", "Host: 127.0.0.1:8080"]
    lines += [f"{name}: {value}" for name, value in browser.headers.items()]
    assert len(lines) == 12
    assert 630 <= len("\r\n".join(lines)) + 4 <= 670


def stat_line(pid: int, parent: int, *times: int, name: str = "worker") -> str:
    """A line as Linux prints it; `times` are utime, stime, cutime, cstime."""
    used = " ".join(map(str, times))
    return f"{pid} ({name}) S {parent} {pid} {pid} 0 -1 4194560 101 0 0 0 {used} 20 0 1 0 99"


class TestProcessTree:
    def test_time_is_user_and_system_of_itself_and_its_reaped_children(self) -> None:
        assert cpu.parse_stat(stat_line(7, 3, 100, 20, 4000, 300)) == cpu.Stat(pid=7, parent=3, ticks=4420)

    def test_a_command_name_may_hold_spaces_and_parentheses(self) -> None:
        line = stat_line(7, 3, 1, 2, 0, 0, name="a) S 9 (b")
        assert cpu.parse_stat(line) == cpu.Stat(pid=7, parent=3, ticks=3)

    @pytest.mark.parametrize("line", ["", "7 (a) S 3", "no parentheses " * 20])
    def test_another_text_is_refused(self, line: str) -> None:
        with pytest.raises(ValueError, match="not a /proc"):
            cpu.parse_stat(line)

    def test_the_tree_holds_all_generations_and_nobody_else(self) -> None:
        parents = {1: 0, 10: 1, 11: 10, 12: 11, 13: 10, 20: 1, 21: 20}
        stats = [cpu.Stat(pid, parent, 0) for pid, parent in parents.items()]
        assert sorted(stat.pid for stat in cpu.tree(10, stats)) == [10, 11, 12, 13]

    def test_this_process_has_used_time(self) -> None:
        assert cpu.seconds_of(os.getpid()) > 0

    def test_a_process_that_is_gone_is_an_error(self) -> None:
        with pytest.raises(ProcessLookupError, match="has ended"):
            cpu.seconds_of(2**22 + 1)  # above the highest pid that Linux gives out


class TestSample:
    RESULT = load.LoadResult(
        requests=20_000, requests_per_s=10_000.0, p99_ms=7.5, bad_status=1, socket_errors=2
    )

    def test_cpu_is_microseconds_per_request(self) -> None:
        sample = make_sample("a", SMALL, 0, self.RESULT, Meters(1.5), Meters(1.9))
        assert sample.cpu_us == pytest.approx(20.0)
        assert (sample.requests_per_s, sample.p99_ms, sample.errors) == (10_000.0, 7.5, 3)
        assert sample.redis_per_1000 is None

    def test_redis_commands_are_those_of_the_measurement(self) -> None:
        before, after = RedisCommands(500, 1000), RedisCommands(540, 1200)
        sample = make_sample("a", SMALL, 0, self.RESULT, Meters(0, before), Meters(1, after))
        assert sample.redis_per_1000 == pytest.approx(2.0)
        assert sample.redis_executed_per_1000 == pytest.approx(10.0)


def test_each_contender_comes_first_in_turn() -> None:
    assert [rotated("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert rotated([], 3) == []


def measured(**figures: list[float]) -> Results:
    """Results in mode small: the CPU figure of each round by contender."""
    samples = [
        Sample(name, SMALL.name, number, cpu_us, requests_per_s=1e6 / cpu_us, p99_ms=1.0)
        for name, values in figures.items()
        for number, cpu_us in enumerate(values)
    ]
    return Results(samples, versions={"backends": "nginx", **dict.fromkeys(figures, "1.0")})


class TestFigures:
    def test_the_median_ignores_a_slow_round(self) -> None:
        assert measured(a=[10.0, 900.0, 12.0]).median("a", SMALL.name, "cpu_us") == 12.0

    def test_nothing_measured_has_no_median(self) -> None:
        assert measured(a=[1.0]).median("b", SMALL.name, "cpu_us") is None
        assert measured(a=[1.0]).median("a", SMALL.name, "redis_per_1000") is None

    def test_the_ratio_compares_within_a_round(self) -> None:
        # Every round is slower than the one before, for both alike: the medians alone would say 40 / 10.
        results = measured(a=[20.0, 40.0, 80.0], base=[10.0, 20.0, 40.0])
        assert results.ratio("a", "base", SMALL.name) == pytest.approx(2.0)

    def test_the_ratio_takes_only_rounds_that_both_have(self) -> None:
        results = measured(a=[20.0, 90.0], base=[10.0])
        assert results.ratio("a", "base", SMALL.name) == pytest.approx(2.0)

    def test_without_the_base_there_is_no_ratio(self) -> None:
        assert measured(a=[20.0]).ratio("a", "base", SMALL.name) is None


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
        results = measured(base=[10.0], other=[60.0], ours=[15.0])
        text = report.Report(results, [SMALL], "base", "ours").markdown("")
        assert rows_of(text, "CPU per request: ours as a multiple of each") == [
            "| base | 1.50 x |",
            "| other | 0.25 x |",
        ]

    def test_errors_stand_beside_the_figure(self) -> None:
        results = measured(base=[10.0])
        results.samples.append(Sample("base", SMALL.name, 1, 10.0, 1.0, 1.0, errors=7))
        text = report.Report(results, [SMALL], "base", "ours").markdown("")
        assert rows_of(text, "CPU per request") == ["| base | 10.0 (1.00 x), **7 errors** |"]

    def test_what_is_missing_is_named_with_its_reason(self) -> None:
        results = measured(base=[10.0])
        results.missing["Envoy"] = "`envoy` is not installed"
        results.faults["base", "1m"] = "status 502"
        text = report.Report(results, [SMALL], "base", "ours").markdown("")
        assert text.endswith("Not measured:\n\n- Envoy: `envoy` is not installed\n- base, 1m: status 502")

    def test_redis_commands_are_told_where_there_is_a_redis(self) -> None:
        results = measured(base=[10.0])
        assert "Redis" not in report.Report(results, [SMALL], "base", "ours").markdown("")
        results.samples.append(
            Sample("base", SMALL.name, 1, 10.0, 1.0, 1.0, redis_per_1000=1.234, redis_executed_per_1000=5.0)
        )
        text = report.Report(results, [SMALL], "base", "ours").markdown("")
        told = "Redis commands per 1000 requests, mode small: base 1.23 (executed, with those inside"
        assert f"{told} scripts: 5.00)." in text


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


def test_the_cpu_model_is_read_from_cpuinfo() -> None:
    assert machine.cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2.5GHz\n") == "Some CPU @ 2.5GHz"
