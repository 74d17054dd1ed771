"""Secrets among settings are kept as they are and shown to nobody."""

from __future__ import annotations

from cluster_lb.settings.base import Table
from cluster_lb.settings.secret import NOT_SHOWN, REVEALED, Secret

SECRET = "correct horse battery staple"


class Settings(Table):
    secret: Secret


def test_a_secret_is_shown_only_where_it_is_asked_for():
    settings = Settings(secret=SECRET)
    assert settings.model_dump(mode="json") == {"secret": NOT_SHOWN}
    assert settings.model_dump(mode="json", context=REVEALED) == {"secret": SECRET}
    assert SECRET not in repr(settings)


def test_no_secret_is_shown_as_none():
    assert Settings(secret="").model_dump(mode="json") == {"secret": ""}
