"""The live view of the demo: what the journal tells, drawn for the size of the terminal. Pure: rows and times go in,
a rich renderable comes out."""

import textwrap
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tosqauyl.cli.report import STYLES, Row, clock_time
from tosqauyl.facts import Verdict
from tosqauyl.texts import Texts
from tosqauyl.tokens import mask

SPAN = 60
"""Seconds that the rate chart shows."""
SHOWN_FOR = 4.0
"""Seconds a stopped call stays on the screen: dozens are stopped each second, and people read."""
ELAPSED_KEPT = 2000


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a rule says to people, and the law or recommendation it rests on; each by language."""

    texts: Mapping[str, str]
    law: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """State of the gate's process. memory_mb: resident MiB, 0 where it cannot be read."""

    alive: bool
    memory_mb: float = 0.0


class Watch:
    """What the view remembers of the journal: counts of everything, the last minute, the last stops."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.stop_reasons: Counter[str] = Counter()
        self.other_reasons: Counter[str] = Counter()
        self.elapsed: deque[float] = deque(maxlen=ELAPSED_KEPT)
        self.faulty = 0
        self._seconds: Counter[int] = Counter()
        self._latest: dict[str, Row] = {}
        self._shown: list[Row] = []
        self._shown_since = 0.0

    def add(self, row: Row) -> None:
        """Take in one decision."""
        verdict, reason = str(row["verdict"]), str(row["reason"])
        self.verdicts[verdict] += 1
        self.elapsed.append(float(row["elapsed_us"]))
        self.faulty += bool(row["faults"])
        self._seconds[int(row["at"])] += 1
        if verdict == Verdict.STOP:
            self.stop_reasons[reason] += 1
            self._latest[reason] = row
        elif reason != "none":
            self.other_reasons[reason] += 1

    def rates(self, now: float) -> list[int]:
        """Calls in each of the last SPAN whole seconds before `now` (seconds since 1970), oldest first."""
        last = int(now)
        for second in [one for one in self._seconds if one < last - SPAN]:
            del self._seconds[second]
        return [self._seconds[second] for second in range(last - SPAN, last)]

    def stops(self, now: float) -> list[Row]:
        """The last stopped call of each reason, to be shown from the top; the same ones for SHOWN_FOR seconds, then
        those of other reasons come first."""
        if now - self._shown_since >= SHOWN_FOR or not self._shown:
            self._shown, self._shown_since = list(self._latest.values()), now
            for reason in list(self._latest)[:2]:
                self._latest[reason] = self._latest.pop(reason)
        return self._shown

    @property
    def usual_us(self) -> float:
        """Median time of the last decisions, microseconds; 0 before the first."""
        return sorted(self.elapsed)[len(self.elapsed) // 2] if self.elapsed else 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """All that one picture shows. seconds of length: how far the run is; now: seconds since 1970."""

    watch: Watch
    health: Health
    seconds: float
    length: float
    now: float
    sent: int = 0
    right: int = 0
    wrong: int = 0
    lost: int = 0
    rules: Mapping[str, RuleText] = field(default_factory=dict)


def render(scene: Scene, t: Texts, width: int, height: int) -> RenderableType:
    """The picture for a terminal of `width` columns and `height` lines (made for 80x24 and more)."""
    tall = height >= 34
    chart, counts = (8, 12) if tall else (4, 8)
    layout = Layout()
    layout.split_column(
        Layout(_header(scene, t, width), size=1),
        Layout(_rate_panel(scene, t, width - 4, chart - 2), size=chart),
        Layout(name="counts", size=counts),
        Layout(_stops_panel(scene, t, width - 4, max(0, height - chart - counts - 4)), name="stops"),
        Layout(_footer(scene, t), size=1),
    )
    left = min(40, width * 7 // 20)
    layout["counts"].split_row(
        Layout(_verdict_panel(scene, t, left - 4), size=left),
        Layout(_reason_panel(scene, t, width - left - 4, counts - 2)),
    )
    return layout


def _header(scene: Scene, t: Texts, width: int) -> Text:
    line = Text(" Tosqauyl ", style="bold reverse", no_wrap=True, overflow="ellipsis")
    line.append(f"  {_minutes(scene.seconds)} / {_minutes(scene.length)}  ", style="bold not reverse")
    if not scene.health.alive:
        line.append(t("gate ended"), style="bold red not reverse")
        return line
    line.append(t("gate up"), style="green not reverse")
    if scene.health.memory_mb:
        line.append(f" · {t('{n} MB', n=t.decimal(scene.health.memory_mb, 0))}", style="not bold not reverse")
    usual = t("{n} µs a decision", n=t.decimal(scene.watch.usual_us, 0))
    line.append(f" · {usual}", style="not bold not reverse")
    if scene.watch.faulty:
        line.append(f" · {t('with faults: {n}', n=t.count(scene.watch.faulty))}", style="yellow not bold not reverse")
    line.truncate(width)
    return line


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _rate_panel(scene: Scene, t: Texts, width: int, lines: int) -> Panel:
    rates = scene.watch.rates(scene.now)
    peak = max(rates)
    wide = [rates[place * SPAN // width] for place in range(width)]
    title = t("Calls a second: {now}, peak {peak}", now=rates[-1], peak=peak)
    chart = Text("\n".join(bars(wide, lines)), style="cyan", no_wrap=True)
    return Panel(chart, title=title, title_align="left", border_style="dim")


def bars(values: list[int], lines: int) -> list[str]:
    """A bar chart of `lines` text lines, top line first, in eighths of a character.

    >>> bars([0, 4, 8], 1)
    [' ▄█']
    """
    top = max(values, default=0) or 1
    heights = [round(value * lines * 8 / top) for value in values]
    return [
        "".join(" ▁▂▃▄▅▆▇█"[max(0, min(8, one - 8 * floor))] for one in heights) for floor in range(lines - 1, -1, -1)
    ]


def _verdict_panel(scene: Scene, t: Texts, width: int) -> Panel:
    counts = scene.watch.verdicts
    rows = [
        (t.verdict(slug), counts[slug], STYLES[slug]) for slug in STYLES if counts[slug] or slug in ("pass", "stop")
    ]
    return _bar_panel(t("Verdicts"), rows, t, width)


def _reason_panel(scene: Scene, t: Texts, width: int, lines: int) -> Panel:
    stops, others = scene.watch.stop_reasons.most_common(), scene.watch.other_reasons.most_common()
    rows = [(t.reason(slug), count, STYLES["stop"]) for slug, count in stops]
    rows += [(t.reason(slug), count, STYLES["pass"]) for slug, count in others]
    return _bar_panel(t("Reasons: stopped red, let through green"), rows[:lines], t, width)


def _bar_panel(title: str, rows: list[tuple[str, int, str]], t: Texts, width: int) -> Panel:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    room = max(4, width // 6)
    most = max((count for _, count, _ in rows), default=0) or 1
    for name, count, style in rows:
        eighths = max(1, round(count * room * 8 / most)) if count else 0
        bar = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
        table.add_row(name, t.count(count), Text(bar.ljust(room), style=style))
    return Panel(table, title=title, title_align="left", border_style="dim")


def _stops_panel(scene: Scene, t: Texts, width: int, lines: int) -> Panel:
    shown: list[Text] = []
    for row in scene.watch.stops(scene.now):
        told = explain_stop(row, scene.rules, t, width)
        if len(shown) + len(told) > lines:
            break
        shown += told
    if not shown:
        shown = [Text(t("None yet."), style="dim")]
    return Panel(Group(*shown), title=t("Last stop of each reason"), title_align="left", border_style="dim")


def explain_stop(row: Row, rules: Mapping[str, RuleText], t: Texts, width: int) -> list[Text]:
    """A stopped call in at most four lines: who and why; the rule in words (two lines); the law it rests on."""
    rule = rules.get(str(row["rule"]), RuleText({}))
    who = Text(f"{clock_time(float(row['at']))} ", style="dim", no_wrap=True, overflow="ellipsis")
    who.append(f"{mask(str(row['caller'])) or '-':<13}", style="bold red not dim")
    who.append(f" {t.reason(str(row['reason']))}", style="not dim")
    who.append(f"  {row['trunk']}", style="dim")
    told = [who]
    for line in textwrap.wrap(t.pick(rule.texts), max(20, width - 2), max_lines=2, placeholder=" …"):
        told.append(Text(f"  {line}", no_wrap=True, overflow="ellipsis"))
    if law := t.pick(rule.law):
        told.append(Text(f"  {law}", style="dim", no_wrap=True, overflow="ellipsis"))
    return told


def _footer(scene: Scene, t: Texts) -> Text:
    line = Text(" ", no_wrap=True, overflow="ellipsis")
    line.append(t("sent {n}", n=t.count(scene.sent)))
    line.append(f" · {t('right {n}', n=t.count(scene.right))}", style="green")
    line.append(f" · {t('wrong {n}', n=t.count(scene.wrong))}", style="bold red" if scene.wrong else "")
    line.append(f" · {t('lost {n}', n=t.count(scene.lost))}", style="bold red" if scene.lost else "")
    line.append(f"   {t('Ctrl-C ends it early')}", style="dim")
    return line
