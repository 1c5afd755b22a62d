"""How a back-test looks in a terminal: what must not be overlooked first, then the changes, whom they meet, and examples."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from tosqauyl.cli.stats_view import make_table, print_wrapped, show_block
from tosqauyl.ledger.texts import DIMENSIONS
from tosqauyl.ledger.wording import source_lines, value_text, window_text
from tosqauyl.texts import N_, Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.backtesting.result import Amount, FactShare, Result, Truth

RED, YELLOW = "bold red", "bold yellow"
ROWS = 10
"""Values of a dimension shown."""
GOOD = {
    "file": N_("numbers of the file"),
    "answered": N_("answered for over a minute"),
    "confirmed": N_("confirmed by their operator"),
    "allow-listed": N_("on the allow-list"),
}
"""Why a number counts as known to be good."""
CHANGES = {
    "stopped": N_("newly stopped"),
    "passed": N_("newly let through"),
    "other": N_("another verdict"),
    "same": N_("stopped before and now"),
}
MILLIONS = 10
"""Columns that a figure of tens of millions takes, thousands set apart."""
_PLAIN = ("at", "caller", "called", "trunk", "carrier", "origin", "batch", "line", "truth", "kind")


def show_result(console: Console, found: "Result", t: Texts) -> None:
    """Everything of a result."""
    _show_warnings(console, found, t)
    _show_head(console, found, t)
    _show_changes(console, found, t)
    if found.truth is not None:
        _show_truth(console, found.truth, t)
    _show_good(console, found, t)
    _show_rules(console, found, t)
    for name, rows in found.by.items():
        _show_dimension(console, name, rows, t)
    _show_top(console, found, t)
    _show_examples(console, found, t)
    _show_facts(console, found, t)


def amount_text(amount: "Amount", t: Texts) -> str:
    """Calls, and numbers."""
    return t("{calls} calls of {numbers} numbers", calls=t.count(amount.calls), numbers=t.count(amount.numbers))


def warnings(found: "Result", t: Texts) -> Iterable[tuple[str, str]]:
    """(style, text) of what must not be overlooked."""
    if found.stopped_roamers.calls:
        text = t(
            "Would stop {calls} calls of {numbers} subscribers known to be abroad, {new} of these calls newly.",
            calls=t.count(found.stopped_roamers.calls),
            numbers=t.count(found.stopped_roamers.numbers),
            new=t.count(found.newly_stopped_roamers.calls),
        )
        yield RED, text
    if found.known_good.calls:
        yield (
            RED,
            t("Would newly stop {amount} known to be good.", amount=amount_text(found.known_good, t)),
        )
    yield from _unknown_facts(found, t)
    if found.undecided:
        text = t("Of {n} calls no verdict was recorded; they count as let through before.", n=t.count(found.undecided))
        yield YELLOW, text


def _unknown_facts(found: "Result", t: Texts) -> Iterable[tuple[str, str]]:
    """Rules that rest on facts that are not known of all calls: one by one where they decide or are tried, the others together."""
    shares = {one.name: one for one in found.facts}
    others = []
    for rule in found.rules:
        if not rule.unknown or rule.mode == "off":
            continue
        if rule.mode == "monitor" or (found.tried and rule.id not in found.tried):
            others.append(rule.id)
            continue
        facts = ", ".join(f"{name} ({_known(shares[name], t)})" for name in rule.unknown)
        yield RED, t("Rule {rule} rests on facts that are not known of all calls: {facts}", rule=rule.id, facts=facts)
    if others:
        text = t("Rules beside it that rest on facts that are not known of all calls: {rules}", rules=", ".join(others))
        yield YELLOW, text


def _known(share: "FactShare", t: Texts) -> str:
    known = share.recorded + share.derived
    return t("known of {share} %", share=t.decimal(100 * known / max(1, known + share.unknown)))


def _show_warnings(console: Console, found: "Result", t: Texts) -> None:
    lines = list(warnings(found, t))
    for style, text in lines:
        print_wrapped(console, Text(text, style=style))
    if any(one.unknown for one in found.facts):
        hint = t("A fact that is not known never stops a call: such a rule does less here than at a gate.")
        print_wrapped(console, Text(hint, style="yellow"))
        print_wrapped(console, Text(t("Rates can be counted afterwards: tosqauyl calls derive"), style="yellow"))
    if lines:
        console.print()


def _show_head(console: Console, found: "Result", t: Texts) -> None:
    lines = [
        (t("Policy"), f"{found.policy} ({found.policy_hash})"),
        (t("Modes"), modes_text(found.modes, found.tried, t)),
        (t("Compared with"), _against(found, t)),
        (t("Calls"), t.count(found.rows)),
        (t("Window"), window_text(found.window, t)),
        *source_lines(found.sources, found.revision, t),
    ]
    show_block(console, lines)
    console.print()


def modes_text(modes: str, tried: tuple[str, ...], t: Texts) -> str:
    """Which modes were taken, in words."""
    if modes == "enforced":
        return t("as with --enforce: deterministic rules in monitor enforced, canaries for their share of callers")
    if tried:
        return t("as written in the policy, and enforced: {rules}", rules=", ".join(tried))
    return t("as written in the policy")


def _against(found: "Result", t: Texts) -> str:
    if found.against == "recorded":
        return t("what was recorded")
    return f"{found.against} ({found.against_hash}), {modes_text(found.against_modes, (), t)}"


def _show_changes(console: Console, found: "Result", t: Texts) -> None:
    lines = [
        (t("Newly stopped"), amount_text(found.newly_stopped, t)),
        (t("Newly let through"), amount_text(found.newly_passed, t)),
        (t("Another verdict"), amount_text(found.otherwise, t)),
    ]
    show_block(console, lines)
    console.print()
    verdicts = dict.fromkeys([old for old, _, _ in found.matrix] + [new for _, new, _ in found.matrix])
    cells = {(old, new): calls for old, new, calls in found.matrix}
    table = make_table((t("Before, and now:"), *(t.verdict(new) for new in verdicts)))
    for old in verdicts:
        table.add_row(t.verdict(old), *(t.count(cells[old, new]) if (old, new) in cells else "-" for new in verdicts))
    console.print(table)
    console.print()


def _show_truth(console: Console, truth: "Truth", t: Texts) -> None:
    titles = (t("What they were"), t("calls"), t("stopped before"), t("stopped now"), t("newly stopped"), t("numbers"))
    table = make_table(titles)
    for column in table.columns[1:]:
        column.min_width = MILLIONS
    rows = (
        (t("fraud"), truth.fraud, truth.fraud_before, truth.fraud_after, truth.fraud_newly_stopped),
        (t("honest"), truth.honest, truth.honest_before, truth.honest_after, truth.honest_newly_stopped),
    )
    for name, calls, before, after, stopped in rows:
        table.add_row(name, *map(t.count, (calls, before, after, stopped.calls, stopped.numbers)))
    console.print(table)
    caught, false = (_percent(after, calls, t) for _, calls, _, after, _ in rows)
    text = t("Stopped now: {caught} of fraud, and {false} of honest calls wrongly.", caught=caught, false=false)
    print_wrapped(console, Text(text))
    console.print()


def _percent(part: int, whole: int, t: Texts) -> str:
    return f"{t.decimal(100 * part / whole, 2)} %" if whole else "-"


def _show_good(console: Console, found: "Result", t: Texts) -> None:
    lines = [(t("Roamers newly stopped"), amount_text(found.newly_stopped_roamers, t))]
    for name, words in GOOD.items():
        told = amount_text(found.good[name], t) if name in found.good_sources else t("not known of these calls")
        lines.append((t("Known to be good, {why}", why=t(words)), told))
    show_block(console, lines)
    console.print()


def _show_rules(console: Console, found: "Result", t: Texts) -> None:
    """Every rule that was hit; where rules were tried alone, those and the ones that change something."""
    table = make_table(
        (t("Rule"), t("mode"), t("verdict"), t("hit"), t("decides"), t("newly stopped"), t("newly passed"))
    )
    table.padding = (0, 1, 0, 0)
    for column, least in zip(table.columns[3:], (MILLIONS - 1, MILLIONS - 1, 6, 6), strict=True):
        column.min_width = least
    silent, others = [], 0
    for rule in found.rules:
        changes = rule.newly_stopped.calls + rule.newly_passed
        if found.tried and rule.id not in found.tried and not changes:
            others += 1
        elif rule.hits or changes or rule.id in found.tried:
            counts = map(t.count, (rule.hits, rule.decides, rule.newly_stopped.calls, rule.newly_passed))
            table.add_row(rule.id, rule.mode, t.verdict(rule.verdict), *counts)
        else:
            silent.append(rule.id)
    console.print(table)
    if silent:
        print_wrapped(console, Text(t("Never hit: {rules}", rules=", ".join(silent)), style="dim"))
    if others:
        print_wrapped(console, Text(t("{n} other rules of the policy change nothing.", n=others), style="dim"))
    console.print()


def _show_dimension(console: Console, name: str, rows: tuple[tuple[str, int, int], ...], t: Texts) -> None:
    if not rows or name == "rule":  # the table of rules has told it
        return
    table = make_table((t(DIMENSIONS[name]), t("newly stopped"), t("newly passed")))
    for value, stopped, passed in rows[:ROWS]:
        table.add_row(value_text(name, value, t), t.count(stopped), t.count(passed))
    console.print(table)
    if len(rows) > ROWS:
        print_wrapped(console, Text(t("{n} more, not shown", n=t.count(len(rows) - ROWS)), style="dim"))
    console.print()


def _show_top(console: Console, found: "Result", t: Texts) -> None:
    if not found.top:
        return
    table = make_table((t("Calling number"), t("newly stopped")))
    for number, calls in found.top[:ROWS]:
        table.add_row(number, t.count(calls))
    console.print(table)
    console.print()


def _show_examples(console: Console, found: "Result", t: Texts) -> None:
    if not found.examples:
        return
    print_wrapped(console, Text(t("Examples"), style="bold"))
    for one in found.examples:
        change = one.label.split(" ")[0]
        headline = Text(f"{t(CHANGES[change])}: ", style="bold")
        headline.append(f"{_verdict(one.old, t)} → {_verdict(one.new, t)}", style="not bold")
        if "roamer" in one.label.split(" "):
            headline.append(f"  {t('subscriber known to be abroad')}", style=RED)
        print_wrapped(console, headline)
        print_wrapped(console, Text(f"  {_call_text(one.call, found.window.zone)}"))
        facts = ", ".join(f"{name} = {_value(value)}" for name, value in one.call.items() if name not in _PLAIN)
        print_wrapped(console, Text(f"  {facts}", style="dim"))
    console.print()


def _verdict(decided: tuple[str, str, str], t: Texts) -> str:
    verdict, _, rule = decided
    return f"{t.verdict(verdict)} ({rule})" if rule else t.verdict(verdict)


def _call_text(call: dict[str, Any], zone: str) -> str:
    when = datetime.fromtimestamp(float(call["at"]), ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f"{when}  {call['caller'] or '-'} → {call['called'] or '-'}  {call['trunk']} {call['carrier']}  {call['truth']}"
    )


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "''"


def _show_facts(console: Console, found: "Result", t: Texts) -> None:
    told = [one for one in found.facts if one.unknown or one.derived]
    if not told:
        n = len(found.facts)
        print_wrapped(console, Text(t("All {n} facts that the rules read were recorded with the calls.", n=n)))
        return
    table = make_table((t("Fact"), t("recorded"), t("derived"), t("not known")))
    for one in told:
        whole = max(1, one.recorded + one.derived + one.unknown)
        table.add_row(one.name, *(_percent(part, whole, t) for part in (one.recorded, one.derived, one.unknown)))
    console.print(table)
    others = len(found.facts) - len(told)
    print_wrapped(console, Text(t("{n} other facts that the rules read were recorded with all calls.", n=others)))
