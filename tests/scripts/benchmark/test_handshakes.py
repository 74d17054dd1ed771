"""What is asked of `openssl s_time`, and what it prints."""

import pytest

from scripts.benchmark import handshakes
from scripts.benchmark.modes import Handshake

FULL = """\
Collecting connection statistics for 2 seconds
{marks}

{count} connections in 0.83s; 377.11 connections/user sec, bytes read 26605
{count} connections in 3 real seconds, 85 bytes read per connection
"""
RESUMED = """\


Now timing with session id reuse.
starting
{marks}

{count} connections in 0.32s; 768.75 connections/user sec, bytes read 20910
{count} connections in 3 real seconds, 85 bytes read per connection
"""


class TestOutput:
    def test_new_connections_are_marked_by_stars(self) -> None:
        assert handshakes.parse(FULL.format(marks="*" * 7, count=7), Handshake.FULL) == (7, 0)

    def test_resumed_connections_are_marked_by_an_r(self) -> None:
        assert handshakes.parse(RESUMED.format(marks="r" * 7, count=7), Handshake.RESUMED) == (7, 0)

    def test_connections_of_the_other_kind_are_counted(self) -> None:
        assert handshakes.parse(FULL.format(marks="***rr", count=5), Handshake.FULL) == (5, 2)
        assert handshakes.parse(RESUMED.format(marks="***rr", count=5), Handshake.RESUMED) == (5, 3)

    @pytest.mark.parametrize(
        "output",
        ["ERROR\nBIO_connect:Connection refused\n", FULL.format(marks="**", count=3)],
        ids=["no connection", "marks and count differ"],
    )
    def test_other_output_is_refused_and_shown(self, output: str) -> None:
        with pytest.raises(ValueError, match="did not count") as error:
            handshakes.parse(output, Handshake.FULL)
        assert repr(output[-20:])[1:] in str(error.value)


@pytest.mark.parametrize(("kind", "option"), [(Handshake.FULL, "-new"), (Handshake.RESUMED, "-reuse")])
def test_the_kind_is_an_option_and_the_time_is_bounded(kind: Handshake, option: str) -> None:
    argv = handshakes.command("openssl", 8443, kind, 2)
    assert argv[:2] == ["openssl", "s_time"]
    assert argv[-3:] == [option, "-time", "2"]
    assert argv[argv.index("-connect") + 1] == "127.0.0.1:8443"
