"""A command beside the server: what its end says, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from cluster_lb.errors import InvalidValueError
from cluster_lb.sdk.check import Check
from tests.doubles.waiting import eventually


def check(code: str, timeout_s: float = 30.0) -> Check:
    return Check((sys.executable, "-c", code), interval_s=0.01, timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("print('fine')", ("up", "")),
        ("import sys; print('disk full'); sys.exit(3)", ("down", "exit 3: disk full")),
        (
            "import sys; print('one'); print('two', file=sys.stderr); print(); sys.exit(1)",
            ("down", "exit 1: two"),
        ),
        ("import sys; sys.exit(1)", ("down", "exit 1")),
        ("import os; os.kill(os.getpid(), 9)", ("down", "signal 9")),
        ("import sys; print('a\\tb\\x1b[31m'); sys.exit(1)", ("down", "exit 1: a b [31m")),
        ("import sys; sys.stdout.buffer.write(b'\\xff'); sys.exit(1)", ("down", "exit 1: \ufffd")),
    ],
)
async def test_the_exit_code_decides_and_the_last_line_says_why(code: str, found) -> None:
    assert await check(code).once() == found


async def test_the_reason_of_a_talkative_command_stays_short() -> None:
    state, reason = await check("import sys; sys.stdout.write('x' * 1_000_000); sys.exit(1)").once()
    assert (state, reason) == ("down", "exit 1: " + "x" * 248)


async def test_a_command_that_cannot_be_started_is_down() -> None:
    assert await Check(("/nowhere/check",)).once() == ("down", "/nowhere/check: No such file or directory")


async def test_what_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 300 & echo $! > {pid_file}; wait"
    look = Check(("sh", "-c", script), timeout_s=0.5)
    found = await look.once()
    while not pid_file.exists():  # on a machine this busy the shell had not begun
        found = await look.once()
    assert found == ("down", "no exit within 0.5 s")
    await eventually(lambda: not _lives(int(pid_file.read_text())))


async def test_so_is_what_it_started_in_a_session_of_its_own(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"setsid sh -c 'echo $$ > {pid_file}; sleep 300; :' & wait"
    look = Check(("sh", "-c", script), timeout_s=0.5)
    await look.once()
    while not (pid_file.exists() and pid_file.read_text()):  # on a machine this busy the shell had not begun
        await look.once()
    await eventually(lambda: not _lives(int(pid_file.read_text())))


async def test_what_a_command_leaves_behind_is_killed_when_it_ends(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 300 >/dev/null 2>&1 & echo $! > {pid_file}"
    assert await Check(("sh", "-c", script), timeout_s=30.0).once() == ("up", "")
    await eventually(lambda: not _lives(int(pid_file.read_text())))


async def test_only_changes_are_told(tmp_path: Path) -> None:
    ill = tmp_path / "ill"
    said: list[tuple[str, str]] = []
    looking = Check(("sh", "-c", f"! cat {ill} 2>/dev/null"), interval_s=0.01, timeout_s=30.0)
    telling = asyncio.ensure_future(looking.keep_telling(lambda *word: said.append(word)))
    await eventually(lambda: said == [("up", "")])
    ill.write_text("broken")
    await eventually(lambda: said[1:] == [("down", "exit 1: broken")])
    ill.unlink()
    await eventually(lambda: said[2:] == [("up", "")])
    telling.cancel()
    await asyncio.wait([telling])


def test_text_is_split_into_words_and_not_given_to_a_shell() -> None:
    assert Check.parse("curl -f 'http://a/b c' ; $HOME").command == (
        "curl",
        "-f",
        "http://a/b c",
        ";",
        "$HOME",
    )


@pytest.mark.parametrize(
    ("text", "timing", "problem"),
    [
        ("", {}, "is empty"),
        ("'unclosed", {}, "No closing quotation"),
        ("true", {"interval_s": 0.0}, "check interval 0"),
        ("true", {"timeout_s": 4000.0}, "check timeout 4000"),
    ],
)
def test_bad_checks_are_named(text: str, timing: dict[str, float], problem: str) -> None:
    with pytest.raises(InvalidValueError, match=problem):
        Check.parse(text, **timing)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")
