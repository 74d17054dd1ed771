"""What the hash policies go by: `hash_key` and `balance_factor` of a pool."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from cluster_lb.errors import InvalidValueError
from cluster_lb.settings.base import read_by

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Of a query: all that may stand there (RFC 3986 section 3.4, and brackets, which many use), but & = { }.
_ARGUMENT = r"[!$%'()*+,./0-9:;?@A-Z\[\]_a-z~-]+"
_source = re.compile(rf"(client_ip|path)|(header|cookie):({_TOKEN})|(query):({_ARGUMENT})").fullmatch
_pieces = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+").finditer
_is_safe = re.compile(r"[\x20-\x7e]*").fullmatch

_KNOWN = "client_ip, path, header:NAME, cookie:NAME, query:NAME"
_MIN_FACTOR, _MAX_FACTOR = 1.01, 10.0  # HAProxy: above 100 %


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that a request says of itself. `name`: of a header (in lower case), cookie or argument."""

    kind: str
    name: str = ""


def parse_hash_key(text: str) -> tuple[Source | bytes, ...]:
    """The parts of a key: sources, and the text between them. Raises InvalidValueError."""
    if "{" not in text and "}" not in text:
        return (_parse_source(text, text),)
    if not _is_safe(text):
        raise InvalidValueError(f"{text!r} may hold visible ASCII characters and spaces only")
    parts: list[Source | bytes] = []
    for piece in _pieces(text):
        whole, source = piece[0], piece[1]
        if source is not None:
            parts.append(_parse_source(source, text))
        elif whole in "{}":
            raise InvalidValueError(f"lone {whole!r} in {text!r}; write {whole * 2!r} for the character")
        else:
            parts.append((whole[0] if whole in ("{{", "}}") else whole).encode("ascii"))
    if not any(isinstance(part, Source) for part in parts):
        raise InvalidValueError(f"{text!r} is the same for all requests; known: {_KNOWN}")
    return tuple(parts)


def _parse_source(text: str, whole: str) -> Source:
    match = _source(text)
    if match is None:
        inside = f" in {whole!r}" if whole != text else ""
        raise InvalidValueError(
            f"{text!r}{inside} is no hash key; known: {_KNOWN}, "
            'or a template of them such as "{client_ip} {header:X-Tenant}"'
        )
    if match[1]:
        return Source(match[1])
    if match[2] == "header":
        return Source("header", match[3].lower())
    return Source(match[2] or match[4], match[3] or match[5])


def _check_factor(value: float) -> float:
    if value and not _MIN_FACTOR <= value <= _MAX_FACTOR:
        raise InvalidValueError(
            f"{value:g} is no bound: write 0 for none, or {_MIN_FACTOR} to {_MAX_FACTOR:g}"
            " (1.25: a server has at most a quarter more than the mean)"
        )
    return value


HashKey = Annotated[str, read_by(parse_hash_key)]
BalanceFactor = Annotated[float, AfterValidator(_check_factor)]
