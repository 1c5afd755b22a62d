"""Moments on pages: in Kazakhstan's time, whatever the API writes."""

import pytest

from tosqauyl.texts import Texts
from tosqauyl.web.pages.words import stretch


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-28T08:45:47.848Z/2026-11-29T19:30:00Z", "2026-11-28 13:45 – 2026-11-30 00:30"),
        ("2026-11-28T08:45:47Z", "2026-11-28T08:45:47Z"),
        ("the last week", "the last week"),
        ("a/b", "a/b"),
    ],
)
def test_a_stretch_of_time_is_told_in_local_time_and_anything_else_as_it_is(text, said):
    assert stretch(text, Texts("en")) == said
