"""CPU time of a process tree, as /proc tells it."""

import os

import pytest

from scripts.benchmark import cpu


def stat_line(pid: int, parent: int, *times: int, name: str = "worker") -> str:
    """A line as Linux prints it; `times` are utime, stime, cutime, cstime."""
    used = " ".join(map(str, times))
    return f"{pid} ({name}) S {parent} {pid} {pid} 0 -1 4194560 101 0 0 0 {used} 20 0 1 0 99"


class TestProcessTree:
    def test_time_is_user_and_system_of_itself_and_its_reaped_children(self) -> None:
        assert cpu.parse_stat(stat_line(7, 3, 100, 20, 4000, 300)) == cpu.Stat(7, 3, user=4100, system=320)

    def test_a_command_name_may_hold_spaces_and_parentheses(self) -> None:
        line = stat_line(7, 3, 1, 2, 0, 0, name="a) S 9 (b")
        assert cpu.parse_stat(line) == cpu.Stat(7, 3, user=1, system=2)

    @pytest.mark.parametrize("line", ["", "7 (a) S 3", "no parentheses " * 20])
    def test_another_text_is_refused(self, line: str) -> None:
        with pytest.raises(ValueError, match="not a /proc"):
            cpu.parse_stat(line)

    def test_the_tree_holds_all_generations_and_nobody_else(self) -> None:
        parents = {1: 0, 10: 1, 11: 10, 12: 11, 13: 10, 20: 1, 21: 20}
        stats = [cpu.Stat(pid, parent, 0, 0) for pid, parent in parents.items()]
        assert sorted(stat.pid for stat in cpu.tree(10, stats)) == [10, 11, 12, 13]

    def test_this_process_has_used_time(self) -> None:
        assert cpu.seconds_of(os.getpid()).user > 0

    def test_a_process_that_is_gone_is_an_error(self) -> None:
        with pytest.raises(ProcessLookupError, match="has ended"):
            cpu.seconds_of(2**22 + 1)  # above the highest pid that Linux gives out
