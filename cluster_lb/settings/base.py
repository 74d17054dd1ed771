"""What all tables of settings have in common."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import AfterValidator, BaseModel, ConfigDict


def read_by(read: Callable[[str], object]) -> AfterValidator:
    """The text stays as it is written; `read`, which is what uses it later, raises where it means nothing."""

    def checked(text: str) -> str:
        read(text)
        return text

    return AfterValidator(checked)


class Table(BaseModel):
    """Immutable; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
