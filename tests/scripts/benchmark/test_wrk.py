"""What is asked of wrk, and what it prints."""

import pytest

from scripts.benchmark import wrk
from scripts.benchmark.modes import DISTINCT, Mode
from scripts.benchmark.results import LoadResult
from scripts.benchmark.setups import TLS

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
        result = wrk.parse(wrk_output())
        assert result == LoadResult(requests=27017, requests_per_s=26743.49, p99_ms=16.32)
        assert result.errors == 0

    def test_errors_of_all_kinds_are_counted(self) -> None:
        result = wrk.parse(wrk_output(errors=ERRORS))
        assert (result.bad_status, result.socket_errors, result.errors) == (12, 4321, 4333)

    @pytest.mark.parametrize(
        ("printed", "milliseconds"),
        [("850.00us", 0.85), ("16.32ms", 16.32), ("1.50s", 1500.0), ("2.00m", 120_000.0)],
    )
    def test_latency_units(self, printed: str, milliseconds: float) -> None:
        assert wrk.parse(wrk_output(p99=printed)).p99_ms == pytest.approx(milliseconds)

    def test_output_without_figures_is_refused_and_shown(self) -> None:
        with pytest.raises(ValueError, match=r"no 99 % latency.*unable to connect"):
            wrk.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


class TestWrkCommand:
    def test_headers_are_passed_one_by_one(self, tmp_path) -> None:
        mode = Mode("m", "m", "/x", 3, headers={"A": "1", "B": "2"})
        argv = wrk.command("wrk", 8080, mode, 3, tmp_path)
        assert argv[-5:] == ["--header", "A: 1", "--header", "B: 2", "http://127.0.0.1:8080/x"]
        assert "--script" not in argv

    def test_a_body_needs_a_script(self, tmp_path) -> None:
        argv = wrk.command("wrk", 8080, Mode("m", "m", "/x", 3, body_bytes=10240), 3, tmp_path)
        assert argv[argv.index("--script") + 1] == str(tmp_path / "m.lua")
        assert (tmp_path / "m.lua").read_text() == (
            'wrk.method = "POST"\nwrk.body = string.rep("x", 10240)\n'
        )

    def test_tls_is_another_scheme(self, tmp_path) -> None:
        argv = wrk.command("wrk", 8443, Mode("m", "m", "/x", 3, setup=TLS), 3, tmp_path)
        assert argv[-1] == "https://127.0.0.1:8443/x"

    def test_distinct_requests_have_a_path_of_their_own_below_the_modes(self, tmp_path) -> None:
        wrk.command("wrk", 8080, DISTINCT, 3, tmp_path)
        script = (tmp_path / "distinct.lua").read_text()
        assert 'wrk.format(nil, "/small/distinct/" .. digits)' in script
        assert f"for number = 1, {wrk.DISTINCT_REQUESTS} do" in script

    def test_distinct_requests_replace_a_part_of_the_cookie_that_is_as_long(self) -> None:
        # The script puts two numbers of 16 digits in the place of the session's 32.
        session = DISTINCT.headers["Cookie"].partition("session=")[2].partition(";")[0]
        assert len(session) == 2 * len(f"{1:016d}")
