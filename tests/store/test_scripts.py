"""The contract of the Lua scripts: file name, header and use agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster_lb.store import scripts
from cluster_lb.store.client import Store

FILES = sorted(scripts.FOLDER.glob("*.lua"))
SOURCES = [path.read_text() for path in scripts.FOLDER.parent.glob("*.py")]
NAMES = {path.stem.rpartition("-")[0] for path in FILES}


def parts(path: Path) -> tuple[str, str]:
    """Header and code of a script."""
    header, code = re.fullmatch(r"--\[\[\n(.*?)\n\]\]\n(.*)", path.read_text(), re.DOTALL).groups()  # type: ignore[union-attr]
    return header, code


def documented(header: str, what: str) -> dict[int, str]:
    """Number -> text of the header's lines `KEYS[1] ...`, in which numbers count up from 1."""
    found = re.findall(rf"^{what}\[(\d+)\] +(\S.*)$", header, re.MULTILINE)
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
    return {int(number): text for number, text in found}


def used(code: str, what: str) -> set[int]:
    """The numbers that the code takes out of KEYS or ARGV: by index, or unpacked into names."""
    numbers = {int(number) for number in re.findall(rf"{what}\[(\d+)\]", code)}
    for names, first, last in re.findall(rf"local ([\w, ]+?) = unpack\({what}(?:, (\d+), (\d+))?\)", code):
        begin = int(first or 1)
        count = names.count(",") + 1
        assert not last or int(last) == begin + count - 1, f"{what}: as many names as are unpacked"
        numbers |= set(range(begin, begin + count))
    return numbers


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestEachScript:
    def test_is_named_verb_object_and_number_of_keys(self, path: Path) -> None:
        assert re.fullmatch(r"[a-z]+_[a-z]+-\d", path.stem)
        assert len(documented(parts(path)[0], "KEYS")) == int(path.stem[-1])

    @pytest.mark.parametrize("what", ["KEYS", "ARGV"])
    def test_documents_what_it_uses_and_uses_what_it_documents(self, path: Path, what: str) -> None:
        header, code = parts(path)
        assert used(code, what) == set(documented(header, what))

    def test_says_type_and_pattern_of_each_key(self, path: Path) -> None:
        for text in documented(parts(path)[0], "KEYS").values():
            assert re.match(r"ns:\S+ +(STRING|HASH|ZSET|SET)\b", text), text

    def test_keeps_its_keys_in_one_slot(self, path: Path) -> None:
        keys = documented(parts(path)[0], "KEYS").values()
        assert all(text.startswith("ns:{pool}:") for text in keys) or len(keys) == 1

    def test_says_what_holds_in_a_race_what_it_returns_publishes_and_whose_time_it_takes(
        self, path: Path
    ) -> None:
        header, code = parts(path)
        assert re.match(r"[A-Z]", header)
        assert re.search(r"^Race: \w", header, re.MULTILINE)
        assert re.search(r"^Returns \S", header, re.MULTILINE)
        publishes = re.search(r"^Publishes (what=|nothing\.)", header, re.MULTILINE)
        assert publishes
        assert (publishes[1] == "what=") == ("announce(" in code or "PUBLISH" in code)
        assert ("Time source: Redis TIME." in header) == ("now_ms()" in code)
        assert "Time source: " in header

    def test_includes_just_what_it_calls_itself_or_by_another(self, path: Path) -> None:
        included = set(re.findall(r"^--- @include (\w+)$", path.read_text(), re.MULTILINE))
        helpers = {file.stem for file in (scripts.FOLDER / "include").glob("*.lua")}
        whole = scripts.load(path.stem.rpartition("-")[0]).text
        assert included == {name for name in helpers if re.search(rf"(?<!function )\b{name}\(", whole)}

    def test_is_used_by_its_name(self, path: Path) -> None:
        name = path.stem.rpartition("-")[0]
        assert sum(f'load("{name}")' in source for source in SOURCES) == 1


def test_what_python_loads_is_there() -> None:
    assert {name for source in SOURCES for name in re.findall(r'load\("(\w+)"\)', source)} - NAMES == set()


def test_load_tells_apart_names_that_begin_alike_and_counts_the_keys() -> None:
    script = scripts.load("take_tickets")
    assert (script.name, script.n_keys) == ("take_tickets", 2)
    assert "@include" not in script.text


def test_load_names_the_file_that_is_missing() -> None:
    with pytest.raises(FileNotFoundError, match=r"no_such-N\.lua"):
        scripts.load("no_such")


async def test_a_server_that_does_not_know_a_script_yet_gets_its_text(store: Store) -> None:
    await store.call("SCRIPT", "FLUSH")
    keys = store.keys.pool("web")
    for _ in range(2):
        assert await store.run(scripts.load("take_tickets"), [keys.epoch, keys.tickets], [0, -1, 1, 0])
