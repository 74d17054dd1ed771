"""What the documents tell people to write is what the code takes: settings, command lines."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
from typer.main import get_command

from cluster_lb.cli import app
from cluster_lb.settings.load import load_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    """Where it begins, for the test's name, and the text of each block."""
    return [
        (f"{document.name}:{text.count(chr(10), 0, found.start()) + 1}", found[1])
        for document in DOCUMENTS
        for text in [document.read_text()]
        for found in re.finditer(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


def command_lines() -> list[str]:
    """Each use of `cluster-lb` in a block or between backticks, up to what ends it in a shell."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        code = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        code += re.findall(r"`(cluster-lb [^`\n]+)`", text)
        for line in "\n".join(code).splitlines():
            found += re.findall(r"\bcluster-lb ((?:[a-z]|--)[^#&|;]*)", line)
    return sorted({use.partition(" -- ")[0].strip() for use in found})


@pytest.mark.parametrize(("place", "text"), blocks("toml"), ids=lambda value: value.partition("\n")[0])
def test_settings_are_accepted(place: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "lb.toml"
    file.write_text(text)
    load_settings(file)


@pytest.mark.parametrize("line", command_lines())
def test_commands_and_options_exist(line: str) -> None:
    command = get_command(app)
    line = re.sub(r'"[^"]*"', "TEXT", line)  # the value of an option, which may be a command of its own
    words = line.replace("...", " ").replace("[", " ").replace("]", " ").split()
    while words and hasattr(command, "get_command"):
        if words[0].startswith("-") or words[0].isupper():  # `cluster-lb --help`, `cluster-lb COMMAND`
            break
        name = words.pop(0)
        command = command.get_command(None, name)
        assert command is not None, name
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} - known == set()


@pytest.mark.parametrize(("place", "text"), blocks("python"), ids=lambda value: value.partition("\n")[0])
def test_programs_import_what_there_is(place: str, text: str) -> None:
    for statement in ast.walk(ast.parse(text)):
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("cluster_lb"):
            module = importlib.import_module(str(statement.module))
            assert all(hasattr(module, name.name) for name in statement.names)


def test_what_is_seen_when_something_is_wrong_is_what_the_code_says() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    seen = [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| ")]
    phrases = [phrase for cell in seen for phrase in re.findall(r"(?<!`)`([^`]*[a-z]{3}[^`]*)`(?!`)", cell)]
    assert len(phrases) > 15
    source = "".join(path.read_text() for path in (ROOT / "cluster_lb").rglob("*.py"))
    for phrase in phrases:
        for part in re.split(r": | N ", phrase):  # a number, a detail behind a colon
            assert part in source, phrase


def test_there_is_something_to_look_at() -> None:
    assert len(blocks("toml")) > 5
    assert len(command_lines()) > 20
