"""What all tables of settings have in common."""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic import AfterValidator, BaseModel, ConfigDict


def read_by(read: Callable[[str], object]) -> AfterValidator:
    """The text stays as it is written; `read`, which is what uses it later, raises where it means nothing."""

    def checked(text: str) -> str:
        read(text)
        return text

    return AfterValidator(checked)


def matching(pattern: str, wanted: str) -> AfterValidator:
    """Text that `pattern` describes as a whole; `wanted` says it to people, and stands behind the value."""
    compiled = re.compile(pattern)

    def checked(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"{text!r}: {wanted}")
        return text

    return AfterValidator(checked)


class Table(BaseModel):
    """Immutable; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
