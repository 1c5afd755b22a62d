"""How moments, sums and counts are written on pages, in each language."""

from datetime import datetime

from tosqauyl.registry.moments import EPOCH, MILLISECOND, ZONE
from tosqauyl.texts import N_, Texts
from tosqauyl.web.times import moment_of

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TIYN = 100


def when(moment: int | str | None, t: Texts) -> str:
    """A moment (milliseconds, or as the API writes it) in Kazakhstan's time, to the minute; '–' for none."""
    at = milliseconds(moment)
    return f"{day(at, t)} {_local(at):%H:%M}" if at else "–"


def stretch(text: str, t: Texts) -> str:
    """From one moment to another as the API writes it ('2026-11-23T00:00:00Z/2026-11-30T00:00:00Z'), in Kazakhstan's time; any
    other text as it is."""
    first, _, last = text.partition("/")
    try:
        return f"{when(moment_of(first), t)} – {when(moment_of(last), t)}"
    except ValueError:
        return text


def day(moment: int | str | None, t: Texts) -> str:
    """A day in Kazakhstan: 30.11.2026, in English 2026-11-30; '–' for none."""
    at = milliseconds(moment)
    if not at:
        return "–"
    return f"{_local(at):%Y-%m-%d}" if t.language == "en" else f"{_local(at):%d.%m.%Y}"


def machine(moment: int | str | None) -> str:
    """A moment for the attribute `datetime`."""
    at = milliseconds(moment)
    return _local(at).isoformat(timespec="seconds") if at else ""


def left(due: int | str | None, now: int, t: Texts) -> str:
    """How long until something is due: 'in 5 h', or 'late by 2 d'; '' where nothing is due."""
    at = milliseconds(due)
    if not at:
        return ""
    text = span(abs(at - now), t)
    return t("in {span}", span=text) if at > now else t("late by {span}", span=text)


def ago(moment: int | str | None, now: int, t: Texts) -> str:
    """How long ago something was: '5 min ago'; '–' for never."""
    at = milliseconds(moment)
    return t("{span} ago", span=span(max(0, now - at), t)) if at else "–"


def span(length: int, t: Texts) -> str:
    """A length of time in its largest unit."""
    for size, text in ((DAY, N_("{n} d")), (HOUR, N_("{n} h")), (MINUTE, N_("{n} min"))):
        if length >= size:
            return t(text, n=t.count(length // size))
    return t(N_("{n} s"), n=length // 1000)


def money(tiyn: int, t: Texts) -> str:
    """A sum in tenge."""
    return f"{t.count(tiyn // TIYN)} ₸"


def milliseconds(moment: int | str | None) -> int:
    """A moment as milliseconds; 0 for none."""
    return moment_of(moment) if isinstance(moment, str) and moment else int(moment or 0)


def _local(at: int) -> datetime:
    return (EPOCH + at * MILLISECOND).astimezone(ZONE)
