"""Gates as they stand now: a page, and the part of it that is fetched anew every two seconds."""

from collections.abc import Sequence

from starlette.responses import Response

from tosqauyl.registry.moments import EPOCH, MILLISECOND, ZONE
from tosqauyl.texts import N_, Texts
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.stacked import Stack, stacked
from tosqauyl.web.pages.words import MINUTE
from tosqauyl.web.routes.live import GateOut, LiveOut, RatesOut, read_live

pages = Pages()
LIVE = "/office/live"
NOW = "/office/live/now"
SCOPE = "calls:read"
KINDS = {
    "stopped": N_("stopped"), "diverted": N_("diverted"), "withheld": N_("number withheld"), "marked": N_("marked"),
    "passed": N_("passed"),
}  # fmt: skip
"""Bands of the chart, the lowest first, and columns of its table."""
MINUTES = 5
LEVELS = (N_("calm"), N_("calls are not counted for analytic rules"), N_("sources are held to their share"))
"""Of overload."""
TOTALS = {
    "calls": N_("Calls"), "stopped": N_("Stopped"), "would_stop": N_("Would have stopped"),
    "failed_open": N_("Let through after a fault"),
}  # fmt: skip


@pages.get(LIVE, SCOPE)
def live_page(page: Page) -> Response:
    """Everything; a script keeps it up to date, and without one there is a link."""
    return _shown(page, "office/live.html")


@pages.get(NOW, SCOPE)
def live_now(page: Page) -> Response:
    """The part that changes, without a page around it."""
    return _shown(page, "office/live-now.html")


def rate_text(value: float, t: Texts) -> str:
    """A rate with as many digits as say something."""
    if not value:
        return "0"
    return t.decimal(value, 0 if value >= 100 else 1 if value >= 10 else 2)


def clock_time(at: int) -> str:
    """A moment in Kazakhstan's time, to the second; '–' for none."""
    return f"{(EPOCH + at * MILLISECOND).astimezone(ZONE):%H:%M:%S}" if at else "–"


def minutes(series: Sequence[RatesOut], at: int) -> list[tuple[int, dict[str, float] | None]]:
    """How many minutes ago each of the latest minutes ended, and the mean rates in it; None where nothing was heard."""
    found: list[tuple[int, dict[str, float] | None]] = []
    for ago in range(MINUTES):
        among = [one for one in series if ago * MINUTE <= at - one.at < (ago + 1) * MINUTE]
        means = {kind: sum(getattr(one, kind) for one in among) / len(among) for kind in KINDS} if among else None
        found.append((ago, means))
    return found


def chart_of(found: LiveOut, t: Texts) -> Stack | None:
    """The last minutes as a picture; None where nothing was heard yet."""
    if not found.series:
        return None
    rates = {kind: [getattr(one, kind) for one in found.series] for kind in KINDS}
    since = min(found.series[0].at, found.at - MINUTES * MINUTE)
    return stacked([one.at for one in found.series], rates, (since, found.at), t.count)


def said(gates: Sequence[GateOut], t: Texts) -> tuple[str, str]:
    """What is told when it changes, who does not answer, and the classes in which it is shown."""
    down = [one.name for one in gates if one.state == "down"]
    if down:
        return t("Does not answer: {names}", names=", ".join(down)), "note bad"
    return (t("All gates answer."), "note good") if gates and all(one.state == "up" for one in gates) else ("", "")


def _shown(page: Page, name: str) -> Response:
    found, t = page.ask(read_live), page.t
    text, mood = said(found.gates, t)
    judging = {one.snapshot for one in found.gates if one.state == "up"}
    return page.render(
        name, found=found, chart=chart_of(found, t), kinds=KINDS, minutes=minutes(found.series, found.at), levels=LEVELS,
        rate=rate_text, clock_time=clock_time, totals=TOTALS, said=text, mood=mood, now_path=NOW, differ=len(judging) > 1,
    )  # fmt: skip
