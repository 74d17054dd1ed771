"""The Lua scripts: files named `verb_object-N.lua`, N = number of keys, with a contract as their header.

A line `--- @include name` stands for `lua/include/name.lua`: one copy of what several scripts do.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^--- @include (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One script, as Redis gets it. `sha`: SHA-1 of `text`, what EVALSHA takes."""

    name: str
    text: str
    sha: str
    n_keys: int


@cache
def load(name: str) -> Script:
    """The script `name`, for example `register_server`. FileNotFoundError when there is none."""
    paths = list(FOLDER.glob(f"{name}-*.lua"))
    if len(paths) != 1:
        raise FileNotFoundError(f"{FOLDER}/{name}-N.lua: {len(paths)} files instead of one")
    text = _INCLUDE.sub(_included, paths[0].read_text())
    n_keys = int(paths[0].stem.rpartition("-")[2])
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), n_keys)


def _included(match: re.Match[str]) -> str:
    return (FOLDER / "include" / f"{match[1]}.lua").read_text().rstrip("\n")
