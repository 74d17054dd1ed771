"""Values made from files follow the files."""

from __future__ import annotations

import os

import pytest
import structlog

from cluster_lb.errors import SettingsError
from cluster_lb.tls.watched import Watched


@pytest.fixture
def events():
    with structlog.testing.capture_logs() as events:
        yield events


def reader(path):
    def read() -> str:
        try:
            return path.read_text()
        except OSError as error:
            raise SettingsError(str(path), "is not there") from error

    return read


def test_it_is_made_anew_only_when_a_file_changed(tmp_path, events):
    path, made = tmp_path / "f", []
    path.write_text("one")
    watched = Watched("x", (str(path),), lambda: made.append(0) or path.read_text())
    watched.check()
    assert (watched.value, len(made)) == ("one", 1)
    path.write_text("three")
    watched.check()
    assert (watched.value, len(made)) == ("three", 2)


def test_a_link_that_leads_elsewhere_is_a_change(tmp_path, events):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1, 1))
    link = tmp_path / "link"
    link.symlink_to("one")
    watched = Watched("x", (str(link),), reader(link))
    link.unlink()
    link.symlink_to("two")
    watched.check()
    assert watched.value == "two"


def test_by_force_it_is_made_anew_in_any_case(tmp_path, events):
    made = []
    watched = Watched("x", (), lambda: made.append(0))
    watched.check(force=True)
    assert len(made) == 2


def test_what_cannot_be_used_leaves_the_old_value_and_is_told_once(tmp_path, events):
    path = tmp_path / "f"
    path.write_text("one")
    watched = Watched("x", (str(path),), reader(path))
    path.unlink()
    watched.check()
    watched.check()
    assert (watched.value, watched.failures) == ("one", 1)
    assert [(event["log_level"], event["problem"]) for event in events] == [
        ("error", f"{path}: is not there")
    ]
    path.write_text("back")
    watched.check()
    assert watched.value == "back"


def test_the_first_time_an_error_is_raised_or_stood_in_for(tmp_path, events):
    path = tmp_path / "f"
    with pytest.raises(SettingsError):
        Watched("x", (str(path),), reader(path))
    watched = Watched("x", (str(path),), reader(path), otherwise=lambda error: error.problem)
    assert (watched.value, watched.failures) == ("is not there", 1)
    path.write_text("there")
    watched.check()
    assert watched.value == "there"
