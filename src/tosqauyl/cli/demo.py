"""`tosqauyl demo`: a gate on this machine, a minute of realistic calls, a live view, and the report; beside it, where its libraries
are installed, the office with its console and public page.

The gate is the real one, in a process of its own; calls and answers are real SIP over UDP on loopback. Nothing is left
behind unless --data names a folder.
"""

import argparse
import contextlib
import select
import shlex
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from tosqauyl.cli import demo_office
from tosqauyl.cli.calls import journal_folder
from tosqauyl.cli.demo_process import GATE_PROGRAM, GateProcess
from tosqauyl.cli.report import Counting, render_report
from tosqauyl.cli.texts import choose_language
from tosqauyl.cli.traffic import (
    DEFAULT_RATE,
    EXIT_GOOD,
    EXIT_USAGE,
    EXIT_WRONG,
    positive,
    prepare,
    program_name,
    score_table,
)
from tosqauyl.cli.traffic_drive import Drive, Score, right_answers
from tosqauyl.cli.traffic_mix import Mix, load_mix, plan_calls
from tosqauyl.cli.view import RuleText, Scene, Watch, render
from tosqauyl.errors import TosqauylError
from tosqauyl.journal.tail import Tail
from tosqauyl.policy.load import load_shipped
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts
from tosqauyl.tokens import mask

FRAME = 0.25
"""Seconds between two pictures of the live view."""
PROGRESS = 5.0
"""Seconds between two progress lines where there is no live view."""
ROUND = 600.0
"""Seconds of traffic that are planned at once while somebody looks at the console."""


class Demo:
    """One run: traffic against a gate whose journal is followed."""

    def __init__(self, mix: Mix, gate: GateProcess, folder: Path, rules: Mapping[str, RuleText]) -> None:
        self.mix, self._gate, self._rules = mix, gate, rules
        self.journal = journal_folder(folder / "data")
        self._tail = Tail(self.journal, from_start=True)
        self.score = Score(mix)
        self.watch = Watch()
        self.counting = Counting(str(self.journal))
        self.ended_early = ""

    def follow(self) -> None:
        """Take in what the journal got."""
        while rows := self._tail.read():
            for row in rows:
                self.watch.add(row)
                self.counting.add(row)

    def frames(self, drive: Drive, length: float, every: float) -> Iterator[Scene]:
        """Run the traffic; a scene every `every` seconds, and a last one at the end."""
        going = True
        while going:
            going = drive.step(every)
            self.follow()
            scene = self.scene(drive.seconds, length)
            yield scene
            if not scene.health.alive:
                self.ended_early = "gate"
                return

    def scene(self, seconds: float, length: float) -> Scene:
        """What the view shows now."""
        whole = self.score.total
        right = whole.answered - whole.wrong
        lost = whole.verdicts["lost"]
        return Scene(
            self.watch, self._gate.health, min(seconds, length), length, time.time(),
            whole.sent, right, whole.wrong, lost, self._rules,
        )  # fmt: skip


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl demo` to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help=t("start a gate on this machine, send it realistic calls, show what it does"),
        description=t(
            "A gate, a minute of mixed calls over real SIP on loopback, a live view, and a report. "
            "Exit code: 0 all answers were right, 1 some were wrong or lost, 2 it could not start."
        ),
    )
    parser.add_argument("--seconds", type=positive, default=60.0, help=t("length of the traffic (default 60)"))
    parser.add_argument(
        "--rate", type=positive, default=DEFAULT_RATE, help=t("calls a second outside of waves (default 120)")
    )
    parser.add_argument("--seed", type=int, default=7, help=t("same seed, same calls (default 7)"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the view (default: of the terminal)"))
    parser.add_argument("--data", metavar="DIR", type=Path, help=t("keep configuration and journal in DIR"))
    parser.add_argument("--no-office", action="store_true", help=t("the gate alone, without console and public page"))
    parser.add_argument("--no-browser", action="store_true", help=t("open no browser"))
    parser.add_argument(
        "--stay", action="store_true", help=t("go on until stopped, also where nobody sits at the terminal")
    )
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class Setting:
    """What was started. ports: of the gate's two listeners; office: None where there is none."""

    mix: Mix
    ports: tuple[int, int]
    gate: GateProcess
    office: demo_office.Console | None = None

    @property
    def targets(self) -> dict[str, tuple[str, int]]:
        """Where calls are sent, by direction."""
        return {"international": ("127.0.0.1", self.ports[0]), "domestic": ("127.0.0.1", self.ports[1])}


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl demo`."""
    t = Texts(choose_language(options.lang))
    console = Console(highlight=False)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ends_in_order())
        try:
            folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tosqauyl-demo-")))
            setting = _begin(options, folder, stack, console, t)
        except (TosqauylError, OSError) as error:
            print(f"tosqauyl demo: {error}", file=sys.stderr)
            return EXIT_USAGE
        said = demo_office.told(setting.office, t, folder) if setting.office else []
        _say(said, console)
        if setting.office and not options.no_browser:
            demo_office.open_browser(setting.office.at(t.language))
        demo = Demo(setting.mix, setting.gate, folder, rule_texts())
        _play(demo, options, setting, _in_view(said), console, t)
        for part in closing(demo, setting.mix, folder, options.data is not None, t):
            # Commands stay on one line, however long, so that they can be copied.
            console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))
        if not demo.ended_early and (sys.stdin.isatty() or options.stay):
            _say(said, console)
            _stay(setting, options, console, t)
        return EXIT_GOOD if demo.score.is_good and demo.ended_early != "gate" else EXIT_WRONG


def _begin(
    options: argparse.Namespace, folder: Path, stack: contextlib.ExitStack, console: Console, t: Texts
) -> Setting:
    """Start everything; it ends with the stack, the gate last. Raises TosqauylError."""
    lacking = [] if options.no_office else demo_office.missing()
    if lacking:
        what = t("The console and the public page need {names}: {command}", names=", ".join(lacking), command=_INSTALL)
        console.print(Text(what), soft_wrap=True)
    has_office, ports = not (options.no_office or lacking), free_ports()
    mix = demo_office.with_reported(load_mix()) if has_office else load_mix()
    config = prepare(mix, options.seed, folder, ports)
    if has_office:
        console.print(t("Making an office with a sample; this takes some seconds ..."), soft_wrap=True)
        settings, people = demo_office.write_settings(folder, config), demo_office.fill(folder, options.seed)
    gate = GateProcess(config, folder, GATE_PROGRAM)
    stack.callback(gate.end)
    gate.wait_ready()
    return Setting(mix, ports, gate, demo_office.start(folder, settings, people, stack) if has_office else None)


_INSTALL = 'python -m pip install "tosqauyl[office,ledger]"'


def _say(lines: Sequence[tuple[str, str]], console: Console) -> None:
    for name, value in lines:
        console.print(Text.assemble((f"{name}: ", "bold"), value), soft_wrap=True)


def _in_view(lines: Sequence[tuple[str, str]]) -> list[Text]:
    """What stays on the screen while the live view is shown: the address of the console, and one who can sign in."""
    chosen = [lines[0], lines[2]] if len(lines) > 2 else []
    return [Text.assemble((f" {name}: ", "bold"), value, no_wrap=True) for name, value in chosen]


def _stay(setting: Setting, options: argparse.Namespace, console: Console, t: Texts) -> None:
    """Keep everything up until Enter or Ctrl-C; with an office traffic goes on, so that its pages show something."""
    if setting.office is None and not options.stay:
        console.print(Text(t("The gate is still up for these commands. Press Enter to end."), style="bold"))
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            input()
        return
    console.print(Text(t("Traffic goes on. Press Enter or Ctrl-C to end."), style="bold"))
    with contextlib.suppress(KeyboardInterrupt):
        turn = 0
        while setting.gate.is_alive and _more(setting, options, turn := turn + 1):
            pass


def _more(setting: Setting, options: argparse.Namespace, turn: int) -> bool:
    """Another ROUND of traffic, which nobody scores; False where it was ended."""
    calls = plan_calls(setting.mix, ROUND, options.rate, options.seed + turn)
    drive = Drive(calls, setting.targets, Score(setting.mix))
    try:
        while drive.step(FRAME):
            if _is_entered() or not setting.gate.is_alive:
                return False
        return True
    finally:
        drive.close()


def _is_entered() -> bool:
    """Whether somebody at the terminal pressed Enter, or went away."""
    if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0)[0]:
        return False
    sys.stdin.readline()
    return True


def free_ports() -> tuple[int, int]:
    """Two UDP ports of 127.0.0.1 that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        first, second = (int(one.getsockname()[1]) for one in sockets)
        return first, second


@contextlib.contextmanager
def _ends_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo the way Ctrl-C does: the gate is stopped, the folder removed."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _play(
    demo: Demo, options: argparse.Namespace, setting: Setting, above: Sequence[Text], console: Console, t: Texts
) -> None:
    """Send the traffic and show it: live on a terminal, else as lines. above: lines that stay over the live view."""
    calls = plan_calls(demo.mix, options.seconds, options.rate, options.seed)
    drive = Drive(calls, setting.targets, demo.score)
    try:
        if console.is_terminal and sys.stdin.isatty() and not console.is_dumb_terminal:
            _show_live(demo, drive, options.seconds, above, console, t)
        else:
            _show_lines(demo, drive, options.seconds, console, t)
    except KeyboardInterrupt:
        demo.ended_early = "key"
    finally:
        drive.close()
        demo.follow()


def _show_live(demo: Demo, drive: Drive, length: float, above: Sequence[Text], console: Console, t: Texts) -> None:
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        for scene in demo.frames(drive, length, FRAME):
            picture = render(scene, t, console.width, console.height - len(above))
            live.update(_under(above, picture), refresh=True)


def _under(above: Sequence[Text], picture: RenderableType) -> RenderableType:
    if not above:
        return picture
    layout = Layout()
    layout.split_column(Layout(Group(*above), size=len(above)), Layout(picture))
    return layout


def _show_lines(demo: Demo, drive: Drive, length: float, console: Console, t: Texts) -> None:
    console.print(t("No terminal: a line every {n} seconds instead of the live view.", n=int(PROGRESS)))
    for scene in demo.frames(drive, length, PROGRESS):
        values = {"sent": scene.sent, "stopped": scene.watch.verdicts["stop"], "wrong": scene.wrong, "lost": scene.lost}
        counts = {name: t.count(value) for name, value in values.items()}
        line = t("{at} s: sent {sent}, stopped {stopped}, wrong {wrong}, lost {lost}", at=int(scene.seconds), **counts)
        console.print(line, soft_wrap=True)


def closing(demo: Demo, mix: Mix, folder: Path, kept: bool, t: Texts) -> Iterator[RenderableType]:
    """The report after the run, part by part."""
    if demo.ended_early == "gate":
        yield Text(t("The gate ended by itself; this is what it did until then."), style="bold red")
    yield ""
    yield render_report(demo.counting.report, t)
    yield ""
    yield score_table(demo.score, t, t("Against the truth: what each class of calls was, and what it got"))
    yield ""
    yield from _judgement(demo.score, mix, t)
    yield ""
    yield from _not_yet(demo.score, mix, t)
    yield ""
    yield Text(t("What to try next"), style="bold")
    for command, what in next_commands(folder, kept or sys.stdin.isatty(), t):
        yield Text(f"  {command}", style="cyan", no_wrap=True, overflow="ignore")
        yield Padding(Text(what, style="dim"), (0, 0, 0, 6), expand=False)
    if not kept:
        yield Text(t("Configuration and journal are removed at the end; --data DIR keeps them."), style="dim")


def _judgement(score: Score, mix: Mix, t: Texts) -> Iterator[Text]:
    whole = score.total
    if score.is_good:
        yield Text(t("Every answer was right: {n} calls, none lost.", n=t.count(whole.sent)), style="bold green")
        return
    values = {"wrong": t.count(whole.wrong), "lost": t.count(whole.verdicts["lost"]), "n": t.count(whole.sent)}
    yield Text(t("Of {n} calls {wrong} were answered wrongly and {lost} got no answer.", **values), style="bold red")
    for one in list(score.mistakes)[-5:]:
        right = ", ".join(t.verdict(slug) for slug in sorted(right_answers(mix.by_id(one.call.klass), "prepared")))
        got = one.detail or t.verdict(one.verdict)
        yield Text(
            f"  {one.call.klass} {mask(one.call.caller)}: {t('got {got}, right is {right}', got=got, right=right)}"
        )


def _not_yet(score: Score, mix: Mix, t: Texts) -> Iterator[RenderableType]:
    later = [one for one in mix.classes if one.recognised == "rates" and score.by_class[one.id].sent]
    if later:
        yield Text(t("Let through today, on purpose"), style="bold")
    for one in later:
        count = t.count(score.by_class[one.id].sent)
        yield Padding(Text(f"{one.id} ({count}): {t.pick(one.what)} {t.pick(one.why)}"), (0, 0, 0, 2), expand=False)


def next_commands(folder: Path, stays: bool, t: Texts) -> list[tuple[str, str]]:
    """Commands worth trying after the demo, and what each does. stays: the folder is still there when they are read."""
    data = shlex.quote(str(folder / "data"))
    looks = (f"calls --data {data} --stopped", t("the last stopped calls, numbers masked"))
    again = ("demo --data demo-data", t("the same again, with the journal kept for a look"))
    commands = (
        looks if stays else again,
        ("traffic --explain", t("what each class of calls is, and which answer is right")),
        ("number +77172123456", t("what the number plan says of a number, and where that is written")),
        ("policy explain", t("every rule in words, with the law it rests on")),
        (
            "serve --listen udp:0.0.0.0:5060 --from 192.0.2.0/24 --data var",
            t("your own gate in monitor mode: it stops nothing and says what it would have stopped"),
        ),
    )
    return [(f"{program_name()} {command}", what) for command, what in commands]


def rule_texts() -> dict[str, RuleText]:
    """Texts and laws of the shipped policy's rules, by rule id; none where the policy cannot be read (the gate says why)."""
    try:
        return {rule.id: RuleText(rule.texts, rule.law) for rule in load_shipped().rules}
    except (TosqauylError, OSError):
        return {}
