"""Regular expressions over what clients send: RE2's, whose time is linear in the text whatever the pattern.

Python's own would let one pattern like `(a+)+$` and one path of a hostile client hold the whole node up.
Envoy routes by RE2 for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

from cluster_lb.errors import InvalidValueError

MAX_PATTERN_PROGRAM = 1024  # instructions, hundreds of characters (Envoy's old re2.max_program_size: 100)
_MAX_SET_PROGRAM = 128 * 1024  # instructions of the patterns that are looked for together
_MAX_SET_BYTES = 64 << 20  # of memory for that, used as texts demand it; RE2's own default is 8 MiB


def _options(max_bytes: int) -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.max_mem = max_bytes
    return options


def check_pattern(text: str) -> int:
    """The number of instructions that `text` compiles to. Raises InvalidValueError for what RE2 does not
    take: bad syntax, back references, look-around; or for too large a pattern."""
    if not (text.isascii() and text.isprintable()):
        raise InvalidValueError(f"{text!r} holds other than visible ASCII; what clients send is encoded")
    try:
        size: int = re2.compile(text.encode("ascii"), _options(_MAX_SET_BYTES)).programsize
    except re2.error as error:
        (reason,) = error.args
        raise InvalidValueError(f"{text!r} is not a regular expression of RE2: {_shown(reason)}") from None
    if size > MAX_PATTERN_PROGRAM:
        raise InvalidValueError(f"{text!r} is too large: {size} instructions, over {MAX_PATTERN_PROGRAM}")
    return size


def _shown(reason: bytes | str) -> str:
    return reason.decode("ascii", "replace") if isinstance(reason, bytes) else str(reason)


class PatternSet:
    """Patterns that are looked for together, in one pass over the text; each has to match the whole of it."""

    __slots__ = ("_sets",)

    def __init__(self, patterns: Sequence[str]) -> None:
        self._sets: list[tuple[int, re2.Set]] = []  # number of the first pattern, set
        room = 0
        for number, pattern in enumerate(patterns):
            size = check_pattern(pattern)
            if size > room:
                self._sets.append((number, re2.Set.FullMatchSet(_options(_MAX_SET_BYTES))))
                room = _MAX_SET_PROGRAM
            room -= size
            self._sets[-1][1].Add(pattern.encode("ascii"))
        for _, compiled in self._sets:
            compiled.Compile()

    def matching(self, text: bytes) -> list[int]:
        """The numbers of the patterns that match all of `text`, rising."""
        return [first + number for first, found in self._sets for number in sorted(found.Match(text) or ())]


class Finder:
    """A pattern that is looked for anywhere in a text."""

    __slots__ = ("_pattern",)

    def __init__(self, pattern: str) -> None:
        check_pattern(pattern)
        self._pattern = re2.compile(pattern.encode("ascii"), _options(_MAX_SET_BYTES))

    def finds(self, text: bytes) -> bool:
        return self._pattern.search(text) is not None
