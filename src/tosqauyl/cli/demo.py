"""`tosqauyl demo`: a gate on this machine, a minute of realistic calls, a live view, and the report.

The gate is the real one, in a process of its own; calls and answers are real SIP over UDP on loopback. Nothing is left
behind unless --data names a folder.
"""

import argparse
import contextlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from tosqauyl.cli.calls import journal_folder
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
from tosqauyl.cli.view import Health, RuleText, Scene, Watch, render
from tosqauyl.errors import TosqauylError
from tosqauyl.journal.tail import Tail
from tosqauyl.policy.load import load_shipped
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts
from tosqauyl.tokens import mask

FRAME = 0.25
"""Seconds between two pictures of the live view."""
PROGRESS = 5.0
"""Seconds between two progress lines where there is no live view."""
GATE_PROGRAM = ("-m", "tosqauyl", "serve")
READY_WITHIN = 20.0
ENDS_WITHIN = 10.0


class GateProcess:
    """A gate in a process of its own. Raises TosqauylError when it does not come up."""

    def __init__(self, config: Path, folder: Path, program: Sequence[str] = GATE_PROGRAM) -> None:
        """program: what the interpreter runs as the gate; tests put a stub there."""
        self._out, self._err = folder / "gate.out", folder / "gate.err"
        command = [sys.executable, *program, "--config", str(config)]
        # A session of its own: Ctrl-C is for the demo, which then ends the gate in order.
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        """Wait for the line `ready ...` on the gate's standard output."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            ended = self._child.poll() is not None
            if any(line.startswith("ready") for line in self._out.read_text("utf-8", "replace").splitlines()):
                return
            if ended:
                break
            time.sleep(0.05)
        said = self._err.read_text("utf-8", "replace").strip()[-2000:]
        raise TosqauylError("the gate did not start", hint=said or "it said nothing")

    @property
    def health(self) -> Health:
        """Whether it runs, and its resident memory where the system tells (Linux)."""
        alive = self._child.poll() is None
        try:
            pages = int(Path(f"/proc/{self._child.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return Health(alive)
        return Health(alive, pages * 4096 / 2**20)

    def end(self) -> int:
        """SIGTERM, and SIGKILL if that is not enough; the exit code."""
        if self._child.poll() is None:
            self._child.terminate()
        try:
            return self._child.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()


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
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl demo`."""
    t = Texts(choose_language(options.lang))
    console = Console(highlight=False)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ends_in_order())
        try:
            folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tosqauyl-demo-")))
            mix, ports = load_mix(), free_ports()
            gate = GateProcess(prepare(mix, options.seed, folder, ports), folder, GATE_PROGRAM)
            stack.callback(gate.end)
            gate.wait_ready()
        except (TosqauylError, OSError) as error:
            print(f"tosqauyl demo: {error}", file=sys.stderr)
            return EXIT_USAGE
        demo = Demo(mix, gate, folder, rule_texts())
        _play(demo, options, ports, console, t)
        for part in closing(demo, mix, folder, options.data is not None, t):
            # Commands stay on one line, however long, so that they can be copied.
            console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))
        if sys.stdin.isatty() and not demo.ended_early:
            console.print(Text(t("The gate is still up for these commands. Press Enter to end."), style="bold"))
            with contextlib.suppress(EOFError, KeyboardInterrupt):
                input()
        return EXIT_GOOD if demo.score.is_good and demo.ended_early != "gate" else EXIT_WRONG


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


def _play(demo: Demo, options: argparse.Namespace, ports: tuple[int, int], console: Console, t: Texts) -> None:
    """Send the traffic and show it: live on a terminal, else as lines."""
    calls = plan_calls(demo.mix, options.seconds, options.rate, options.seed)
    targets = {"international": ("127.0.0.1", ports[0]), "domestic": ("127.0.0.1", ports[1])}
    drive = Drive(calls, targets, demo.score)
    try:
        if console.is_terminal and sys.stdin.isatty() and not console.is_dumb_terminal:
            _show_live(demo, drive, options.seconds, console, t)
        else:
            _show_lines(demo, drive, options.seconds, console, t)
    except KeyboardInterrupt:
        demo.ended_early = "key"
    finally:
        drive.close()
        demo.follow()


def _show_live(demo: Demo, drive: Drive, length: float, console: Console, t: Texts) -> None:
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        for scene in demo.frames(drive, length, FRAME):
            live.update(render(scene, t, console.width, console.height), refresh=True)


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
