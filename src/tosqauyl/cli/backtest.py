"""`tosqauyl backtest`: what a policy would have done to recorded calls; numbers masked, and whoever reveals them is recorded."""

import argparse
import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tosqauyl.cli.calls import masked, record_access
from tosqauyl.cli.office import LEDGER, ZONE, calls_done, ledger_in, need_ledger, window_within
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import SHIPPED, Policy, load_policy, load_shipped
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts
from tosqauyl.tokens import mask

if TYPE_CHECKING:
    from tosqauyl.ledger.backtest import Task
    from tosqauyl.ledger.backtesting.result import Result
    from tosqauyl.ledger.store import Store


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl backtest` to the command line."""
    parser = subparsers.add_parser(
        "backtest",
        help=t("what a policy would have done to recorded calls"),
        description=t(
            "Judge recorded calls with a policy and show what would change: calls newly stopped and newly let through, whom that "
            "meets, examples. Exit code: 0 done, 2 trouble. A back-test that was stopped goes on when it is given again."
        ),
    )
    parser.add_argument("policy", metavar="POLICY", help=t("a policy file, or kz-border for the one that comes along"))
    parser.add_argument(
        "--calls", metavar="DIR", type=Path, default=LEDGER, help=t("folder of the ledger (default var/ledger)")
    )
    parser.add_argument(
        "--against", metavar="POLICY", help=t("compare with another policy (default: with what was recorded)")
    )
    parser.add_argument(
        "--add", metavar="FILE", help=t("try the rules of this policy file as well, after those of POLICY")
    )
    parser.add_argument(
        "--rule",
        metavar="ID",
        action="append",
        default=[],
        help=t(
            "enforce this rule and leave the others as the policy has them; may be repeated (default: as --enforce)"
        ),
    )
    parser.add_argument("--from", dest="first", metavar="DAY", help=t("first day (default: the first of the ledger)"))
    parser.add_argument("--to", dest="last", metavar="DAY", help=t("last day, itself included (default: the last)"))
    parser.add_argument("--zone", default=ZONE, help=t("time zone of the days (default Asia/Almaty)"))
    parser.add_argument(
        "--good", metavar="FILE", type=Path, help=t("calling numbers known to be good, one a line; # begins a comment")
    )
    parser.add_argument("--record", action="store_true", help=t("keep the result on record, for policy promote"))
    parser.add_argument("--reveal", action="store_true", help=t("show numbers in clear; recorded in DIR/access.log"))
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl backtest`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.ledger.backtest import record_of_result, run_backtest
    from tosqauyl.ledger.backtest_record import write_record

    store = ledger_in(options.calls, "--calls")
    task = _task(options, store, t)
    if options.reveal:
        _record_access(options)
    started = time.monotonic()
    with calls_done(t) as progress:
        found = run_backtest(store, task, progress)
    seconds = time.monotonic() - started
    record = ""
    if options.record:
        kept = record_of_result(found, task, time.time())
        write_record(options.calls, kept)
        record = kept.id
    shown = found if options.reveal else _masked(found)
    _show(shown, options, (record, seconds), t)
    return 0


def _show(found: "Result", options: argparse.Namespace, about: tuple[str, float], t: Texts) -> None:
    from tosqauyl.cli.backtest_view import show_result
    from tosqauyl.ledger.figures import FORMAT, plain

    record, seconds = about
    if options.json:
        content = {"format": FORMAT, **plain(found), "record": record}
        content["examples"] = [one._asdict() for one in found.examples]
        print(json.dumps(content, ensure_ascii=False, indent=1))
        return
    console = Console(highlight=False)
    show_result(console, found, t)
    console.print()
    if record:
        print(t("On record as {id}.", id=record))
    print(t("{rows} calls in {seconds} s.", rows=t.count(found.rows), seconds=t.decimal(seconds)))


def _task(options: argparse.Namespace, store: "Store", t: Texts) -> "Task":
    from tosqauyl.ledger.backtest import Task
    from tosqauyl.ledger.backtesting.judge import judge_of, with_rules
    from tosqauyl.ledger.window import zone_of

    zone_of(options.zone)
    today = datetime.now(UTC).date()
    policy = policy_named(options.policy)
    if options.add:
        policy = with_rules(policy, policy_named(options.add))
    other = policy_named(options.against) if options.against else None
    against = None
    if other is not None:
        # Beside rules that are tried alone the other policy is taken as it is written, too.
        against = judge_of(other, (), today)
        if options.rule:
            against = replace(against, modes=tuple(rule.mode_at(False, today) for rule in other.rules), enforced=False)
    good = _good(options.good, t) if options.good else frozenset()
    judge = judge_of(policy, options.rule, today)
    window = window_within(options, store) if options.first or options.last else None
    return Task(judge, against, window, options.zone, good, options.good.name if options.good else "")


def policy_named(name: str) -> Policy:
    """A policy file, or the one that comes along. Raises TosqauylError, FileMistakes among them."""
    if name == SHIPPED:
        return load_shipped()
    try:
        return load_policy(Path(name).read_text(encoding="utf-8"), name)
    except FileMistakes:
        raise
    except OSError as error:
        hint = f"a policy file, or {SHIPPED} for the policy that comes along"
        raise TosqauylError(f"the policy cannot be read: {error.strerror}", name, hint) from error
    except UnicodeDecodeError as error:
        raise TosqauylError("the policy is no UTF-8 text", name, "save it as UTF-8") from error


def _good(path: Path, t: Texts) -> frozenset[str]:
    """The numbers of a file as the ledger writes them; lines that hold none are named and left out. Raises TosqauylError."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise TosqauylError(f"the numbers cannot be read: {error.strerror}", str(path)) from error
    read, numbers, wrong = load_plan().read, set(), []
    for place, line in enumerate(lines, 1):
        text = line.split("#", 1)[0].strip()
        number = read(text)
        if text.startswith("t:") or number.kind != "unknown":
            numbers.add(text if text.startswith("t:") else number.text)
        elif text:
            wrong.append(place)
    if wrong:
        said = t("{n} lines of {file} hold no number; the first is line {line}", n=len(wrong), file=path, line=wrong[0])
        print(said, file=sys.stderr)
    if not numbers:
        raise TosqauylError("there is no number in the file", str(path), "one number a line, for example +77011234567")
    return frozenset(numbers)


def _masked(found: "Result") -> "Result":
    examples = tuple(one._replace(call=masked(one.call)) for one in found.examples)
    return replace(found, top=tuple((mask(number), calls) for number, calls in found.top), examples=examples)


def _record_access(options: argparse.Namespace) -> None:
    asked = {name: getattr(options, name) for name in ("policy", "against", "rule", "first", "last")}
    try:
        record_access(options.calls, {"command": "backtest", **asked}, time.time())
    except OSError as error:
        what = f"it cannot be recorded who looks at numbers: {error.strerror}"
        raise TosqauylError(what, str(options.calls), "leave out --reveal") from error
