"""`network status` as people see it: every figure readable on 80 columns, in every language."""

import io

import pytest
from rich.console import Console

from tosqauyl.cli.network import _closing, networks_tables
from tosqauyl.networks.desk import Senses, origination_desk
from tosqauyl.networks.provider import Networks
from tosqauyl.texts import LANGUAGES, Texts


class Nobody:
    async def originated(self, caller: str, called: str, at: float) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
def section() -> dict:
    desk = origination_desk(Nobody(), Senses(lambda: 100.0, lambda: 0.5))
    desk.tally.counters.update(
        asked=1_234_567, answered_yes=1_000_000, unknown=999_999, timeout=888_888, coalesced=777_777
    )
    desk.tally.ended("timeout", 0.3, 1.0)
    desk.tally.failed("timeout", "", 97.0)
    state = Networks({}, {"kcell": desk, "beeline": desk}).state(1.0)
    return {**state, "not_enrolled": {"whereabouts": 12, "origination": 3}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_large_counts_are_whole_on_80_columns(section: dict, language: str) -> None:
    out = io.StringIO()
    t = Texts(language)
    for table in networks_tables(section, t):
        Console(file=out, width=80).print(table)
    shown = out.getvalue()
    assert "…" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert {"en": "999,999", "ru": "999\xa0999", "kk": "999\xa0999"}[language] in shown
    assert ("1.2 M" if language == "en" else "1,2 M") in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_failed_last_and_who_is_not_asked_is_said_in_a_line_each(section: dict, language: str) -> None:
    lines = _closing(section, Texts(language))
    assert len(lines) == 4
    assert any("[[home]]" in line for line in lines)
    assert any("3" in line and "kcell" in line for line in lines)
