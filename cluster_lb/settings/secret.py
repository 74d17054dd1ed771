"""A secret among settings: shown to nobody, written out only where it has to be kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, SecretStr, SerializationInfo

MIN_SECRET_CHARS = 16  # 128 bits, if they are random bytes; what is shorter can be guessed
NOT_SHOWN = "**********"  # as pydantic shows secrets

#: The context of a dump that holds the secrets themselves.
REVEALED = {"secrets": "revealed"}


def _long_enough(value: SecretStr) -> SecretStr:
    if 0 < len(value.get_secret_value()) < MIN_SECRET_CHARS:
        raise ValueError(f"is too short: write at least {MIN_SECRET_CHARS} random characters")
    return value


def _dumped(value: SecretStr, info: SerializationInfo[Any]) -> str:
    return value.get_secret_value() if info.context == REVEALED else str(value)


Secret = Annotated[SecretStr, AfterValidator(_long_enough), PlainSerializer(_dumped)]
