"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# No assertion on how long an example takes: machines differ, and this one may be busy.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
