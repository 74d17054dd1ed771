"""What pydantic found wrong, in an operator's words: where it is, what it is, what is accepted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

# these need no "not <value>" behind them: the text names the value, or there is none
_OWN_WORDS = {"value_error", "extra_forbidden", "missing"}
_TYPES = {"a valid tuple": "an array", "a valid dictionary": "a table"}  # in the words of TOML
Location = tuple[int | str, ...]

_NO_VALUE = object()


class Problem(NamedTuple):
    """One thing that is wrong. `key`: dotted path of the key, empty for the whole."""

    key: str
    text: str


def problems_of(error: ValidationError, model: type[BaseModel], data: object) -> list[Problem]:
    """All that `error` says of `data`, which `model` refused; one a key, in the order of the model."""
    texts: dict[str, list[str]] = {}
    inputs: dict[str, object] = {}
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and any(_within(other, detail) for other in details):
            continue  # what was refused is missing: that is no second mistake
        key = _dotted(detail["loc"], data, missing=detail["type"] == "missing")
        texts.setdefault(key, []).append(_text(detail, model))
        if detail["type"] not in _OWN_WORDS:
            inputs[key] = detail["input"]
    return [Problem(key, _joined(said, inputs.get(key, _NO_VALUE))) for key, said in texts.items()]


def _within(one: Any, other: Any) -> bool:
    depth = len(other["loc"])
    return len(one["loc"]) > depth and one["loc"][:depth] == other["loc"]


def one_line(problems: Sequence[Problem]) -> Problem:
    """The first problem, with the number of the others in its text."""
    first, others = problems[0], len(problems) - 1
    return Problem(first.key, f"{first.text} (and {others} more)") if others else first


def _joined(said: Iterable[str], value: object) -> str:
    """What each member of a union said, and the value that none of them took."""
    text = " or ".join(said)
    return text if value is _NO_VALUE else f"{text}, not {value!r}"


def _dotted(location: Location, data: object, *, missing: bool) -> str:
    # pydantic adds steps of its own, for members of a union and for bad names: they are not in the data
    steps = []
    for step in location:
        try:
            data = data[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            if not missing:
                break
        steps.append(str(step))
    return ".".join(steps)


def _text(detail: Any, model: type[BaseModel]) -> str:
    location: Location = detail["loc"]
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(str(location[-1]), _keys_at(model, location[:-1]))
        case "missing":
            return "is required"
        case "tuple_type" if isinstance(detail["input"], dict):
            return f"there may be several: write [[{location[-1]}]]"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            return in_our_words(detail["msg"])


def in_our_words(message: str) -> str:
    """What pydantic says of a value, without its manner."""
    message = message.removeprefix("Value error, ")
    message = re.sub(r"^\w+ should\b", "must", message).partition(", unable to parse")[0]
    for theirs, ours in _TYPES.items():
        message = message.replace(theirs, ours)
    return message


def _unknown_key(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"unknown key; did you mean {close[0]!r}?" if close else f"unknown key; known: {', '.join(known)}"


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that the table at `location` takes."""
    annotation: Any = model
    for step in location:
        if isinstance(step, str) and isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[step].annotation
        else:  # one of a dict[name, Table] or of a tuple[Table, ...]
            annotation = next(a for a in get_args(annotation) if isinstance(a, type))
        if isinstance(annotation, UnionType):  # a table that may be left out
            annotation = get_args(annotation)[0]
    return sorted(annotation.model_fields)
