"""`tosqauyl traffic`: realistic mixed calls with known truth over real SIP/UDP, each answer checked.

It sends to loopback addresses only: a load tool is not to be aimed at somebody else's network.
"""

import argparse
import contextlib
import json
import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tosqauyl.cli.texts import choose_language
from tosqauyl.cli.traffic_drive import Drive, Score, loopback, percentile
from tosqauyl.cli.traffic_mix import Mix, draw_roamers, load_mix, plan_calls
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts

DEFAULT_RATE = 120.0
"""Calls a second outside of waves: enough to see a country's border at work, little for one core."""
REFUSED_FOR = 3.0
"""Seconds of refused packets and no answer after which nobody is taken to listen there."""
EXPECTATIONS = ("prepared", "bare", "monitor")
EXIT_GOOD, EXIT_WRONG, EXIT_USAGE = 0, 1, 2


def prepare(mix: Mix, seed: int, folder: Path, ports: tuple[int, int]) -> Path:
    """Write what a gate needs for the mix's truths to hold: roaming.txt, lists.toml, networks.toml and gate.toml; the last's
    path.

    ports: of the international and of the domestic listener on 127.0.0.1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "roaming.txt").write_text("\n".join(draw_roamers(mix, seed)) + "\n", "utf-8")
    listed = [
        f"[[indicator]]\nid = {_toml(one.id)}\nkind = {_toml(one.list)}\nnumber = {_toml(one.number)}\n"
        f'source = "tosqauyl traffic"\nwhy = {_toml(one.why)}\n'
        for one in mix.numbers
    ]
    (folder / "lists.toml").write_text("\n".join(listed), "utf-8")
    said = [
        f'[[number]]\nnumber = "{number}"\nanswer = "{one.answer}"\nstarted = "{one.started}"\n'
        f'fault = "{one.fault}"\ndelay = 0.02\n'
        for one in mix.asked
        for number in one.numbers
    ]
    (folder / "networks.toml").write_text("\n".join(['[default]\nanswer = "home"\ndelay = 0.02\n', *said]), "utf-8")
    config = folder / "gate.toml"
    config.write_text(_GATE.format(border=ports[0], domestic=ports[1]), "utf-8")
    return config


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_GATE = """# Made by tosqauyl traffic --prepare: a gate for which the truths of the test traffic hold.
# Paths are relative to this file.
data = "data"
enforce = true

# Two operators give whole lists of who is abroad. The others are asked about each call, here by a script.
[subscribers]
roaming = "roaming.txt"
complete = ["kcell", "t2"]

[home_network]
provider = "scripted"
script = "networks.toml"

[indicators]
files = ["lists.toml"]

[[mode]]
rule = "kz-call-denied"
mode = "enforce"
reason = "A trial: the script knows the calls of all its subscribers, roamers included."
by = "tosqauyl traffic"
on = 2026-11-28

[[trunk]]
id = "border"
listen = "udp:127.0.0.1:{border}"
from = ["127.0.0.1/32"]
direction = "international"
carrier = "Demo Transit"
trust = ["asserted"]
next_hop = "sender"

[[trunk]]
id = "domestic"
listen = "udp:127.0.0.1:{domestic}"
from = ["127.0.0.1/32"]
direction = "domestic"
carrier = "Demo Local"
trust = ["asserted"]
next_hop = "sender"
"""

_COLUMNS = (
    ("sent", N_("Sent")), ("answered", N_("Answ.")), ("passed", N_("Pass")), ("marked", N_("Mark")),
    ("stopped", N_("Stop")), ("wrong", N_("Wrong")), ("lost", N_("Lost")),
)  # fmt: skip
"""Keys of the result and their column heads: short, so that the table fits 80 columns in every language."""


def score_table(score: Score, t: Texts, title: str = "") -> Table:
    """The results by class, a line each and the sum."""
    table = Table(title=title or None, title_justify="left", box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column(t("Class (p50, p99: ms)"), no_wrap=True)
    for _, name in _COLUMNS:
        table.add_column(t(name), justify="right", no_wrap=True)
    for name in ("p50", "p99"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in [*(one for one in score.by_class.values() if one.sent), score.total]:
        shown = one.as_dict()
        cells = [t.count(int(str(shown[key]))) if shown[key] else "·" for key, _ in _COLUMNS]
        times = [percentile(one.latency, share) for share in (50, 99)]
        cells += ["·" if value is None else t.decimal(value * 1000, 2) for value in times]
        bad = one.wrong or one.verdicts["lost"]
        table.add_row(t("all") if one.id == "all" else one.id, *cells, style="bold red" if bad else "")
    return table


def score_json(score: Score, drive: Drive, mix: Mix) -> dict[str, object]:
    """The whole result for --json."""
    classes = []
    for one in mix.classes:
        truth = {"trunk": one.trunk, "right": sorted(one.right), "recognised": one.recognised}
        classes.append({**score.by_class[one.id].as_dict(), **truth, "what": dict(one.what), "why": dict(one.why)})
    counters = {"retransmitted": drive.client.retransmitted, "strays": drive.client.strays, "refused": drive.refused}
    return {"mix": mix.name, "good": score.is_good, "all": score.total.as_dict(), **counters, "classes": classes}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl traffic` to the command line."""
    parser = subparsers.add_parser(
        "traffic",
        help=t("send realistic test calls with known truth to a gate on this machine"),
        description=t(
            "Send mixed test calls over SIP/UDP to a gate on this machine and check every answer. "
            "Exit code: 0 all right, 1 an answer was wrong or lost, 2 usage."
        ),
    )
    parser.add_argument("--to", metavar="udp:HOST:PORT", help=t("listener of the international trunk (loopback only)"))
    parser.add_argument(
        "--domestic-to", metavar="udp:HOST:PORT", help=t("listener of the domestic trunk; else its class is left out")
    )
    parser.add_argument(
        "--prepare",
        metavar="DIR",
        type=Path,
        help=t("write roaming file, lists and config for the gate to DIR and end"),
    )
    parser.add_argument(
        "--expect",
        choices=EXPECTATIONS,
        default="prepared",
        help=t("what the gate is: prepared with --prepare (default), bare (--enforce only), or in monitor mode"),
    )
    parser.add_argument("--seconds", type=positive, default=60.0, help=t("length of the run (default 60)"))
    parser.add_argument(
        "--rate", type=positive, default=DEFAULT_RATE, help=t("calls a second outside of waves (default 120)")
    )
    parser.add_argument("--seed", type=int, default=7, help=t("same seed, same calls and roamers (default 7)"))
    parser.add_argument(
        "--mix", metavar="FILE", type=Path, help=t("TOML file with the classes of calls (default: the shipped one)")
    )
    parser.add_argument(
        "--explain", action="store_true", help=t("print what each class is and which answer is right, and end")
    )
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.add_argument("--json", action="store_true", help=t("print the result as JSON"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl traffic`."""
    t = Texts(choose_language(options.lang))
    try:
        mix = load_mix(options.mix.read_text("utf-8"), str(options.mix)) if options.mix else load_mix()
        if options.explain:
            return _explain(mix, t)
        if options.prepare:
            return _prepare(mix, options, t)
        targets = {"international": loopback(options.to or "")}
        if options.domestic_to:
            targets["domestic"] = loopback(options.domestic_to)
    except (TosqauylError, OSError) as error:
        print(f"tosqauyl traffic: {error}", file=sys.stderr)
        return EXIT_USAGE
    return _send(mix, targets, options, t)


def _send(mix: Mix, targets: dict[str, tuple[str, int]], options: argparse.Namespace, t: Texts) -> int:
    score = Score(mix, options.expect)
    drive = Drive(plan_calls(mix, options.seconds, options.rate, options.seed), targets, score)
    try:
        while drive.step(0.5):
            if drive.refused and drive.seconds > REFUSED_FOR and not score.total.answered:
                print(f"tosqauyl traffic: {t('nobody listens at {place}', place=options.to)}", file=sys.stderr)
                return EXIT_USAGE
    except KeyboardInterrupt:
        print(t("ended early"), file=sys.stderr)
    finally:
        drive.close()
    if options.json:
        print(json.dumps(score_json(score, drive, mix), ensure_ascii=False, indent=1))
    else:
        Console(highlight=False).print(score_table(score, t))
    return EXIT_GOOD if score.is_good else EXIT_WRONG


def _explain(mix: Mix, t: Texts) -> int:
    for one in mix.classes:
        right = ", ".join(t.verdict(slug) for slug in sorted(one.right))
        print(
            f"{one.id}\n    {t.pick(one.what)}\n    {t('right answer: {verdicts}', verdicts=right)}. {t.pick(one.why)}"
        )
    return EXIT_GOOD


def positive(text: str) -> float:
    """Read a number above 0 and below a million, for argparse."""
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and below 1,000,000")
    return number


def program_name() -> str:
    """How this program is called in a shell here: by its name if the shell finds it, else by its path."""
    path = Path(sys.argv[0])
    if path.name != "tosqauyl" or shutil.which("tosqauyl"):
        return "tosqauyl"
    with contextlib.suppress(ValueError):
        path = path.resolve().relative_to(Path.cwd())
    return shlex.quote(str(path))


def _prepare(mix: Mix, options: argparse.Namespace, t: Texts) -> int:
    ports = tuple(
        loopback(text)[1] for text in (options.to or "udp:127.0.0.1:5060", options.domestic_to or "udp:127.0.0.1:5062")
    )
    config = prepare(mix, options.seed, options.prepare, (ports[0], ports[1]))
    print(t("Now start the gate, and in another terminal the traffic:"))
    program = program_name()
    print(f"  {program} serve --config {shlex.quote(str(config))}")
    print(
        f"  {program} traffic --to udp:127.0.0.1:{ports[0]} --domestic-to udp:127.0.0.1:{ports[1]} --seed {options.seed}"
    )
    return EXIT_GOOD
