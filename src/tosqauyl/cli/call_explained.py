"""`tosqauyl calls --explain`: why one call got its verdict, for people at a terminal."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from tosqauyl.cli.policies_kept import policy_in
from tosqauyl.cli.report import Row
from tosqauyl.ledger import call_words
from tosqauyl.ledger.explained import GROUPS, Explained, RuleOutcome, explain
from tosqauyl.texts import Texts
from tosqauyl.tokens import Tokens, load_key

KEY = "token.key"
TOKEN = re.compile(r"t:[0-9a-f]{16}")
_INDENT = "  "


def spellings(options: argparse.Namespace) -> tuple[tuple[str, ...], bool]:
    """Every way in which a journal may have the number that is looked for, and whether there was a key to make tokens with.

    Raises TosqauylError for a key that cannot be used. No new key is made: it would find nothing.
    """
    from tosqauyl.numbers.plan import load_plan

    if TOKEN.fullmatch(options.number):
        return (options.number,), True
    number = load_plan().read(options.number).text
    path = options.key or options.data / KEY
    if not options.key and not path.is_file():
        return (number,), False
    return (number, Tokens(load_key(path)).of(number)), True


def explained(row: Row, data: Path) -> Explained:
    """A row of the journal with its explanation."""
    return explain(row, policy_in(data, str(row["policy"])))


def lines(found: Explained, shown: Row, t: Texts) -> Iterator[str]:
    """The explanation. shown: the row as it may be shown, numbers masked or not."""
    yield call_words.summary(found, t)
    yield from call_words.more(found, t)
    yield ""
    yield from call_words.network_said(found, t)
    yield ""
    yield call_words.policy_line(found, t)
    for one in found.rules:
        if one.held:
            yield from _rule_lines(one, t)
    quiet = [one for one in found.rules if not one.held]
    if quiet:
        yield t("Rules that did not hold: {n}", n=t.count(len(quiet)))
        for one in quiet:
            yield f"{_INDENT}{one.rule.id}" + (f": {_flat(call_words.against_text(one, t))}" if one.against else "")
    for group in GROUPS:
        yield ""
        yield t(call_words.GROUP_NAMES[group])
        for fact in found.of(group):
            masked = shown[fact.name] != fact.value
            text = str(shown[fact.name]) if masked else call_words.fact_text(fact, t)
            yield f"{_INDENT}{call_words.fact_name(fact.name, t)}: {text}"


def as_data(found: Explained, shown: Row, t: Texts) -> dict[str, object]:
    """The same for programs; texts in the language of `t`."""
    rules = [
        {
            "id": one.rule.id, "held": one.held, "part": one.part, "mode": one.mode, "tier": one.rule.tier,
            "verdict": str(one.rule.verdict), "reason": str(one.rule.reason), "law": t.pick(one.rule.law),
            "text": t.pick(one.rule.texts), "against": call_words.against_text(one, t),
        }
        for one in found.rules
    ]  # fmt: skip
    facts = {one.name: {"value": shown[one.name], "state": one.state, "group": one.group} for one in found.facts}
    return {
        "said": call_words.summary(found, t), "more": call_words.more(found, t), "policy": str(found.row["policy"]),
        "policy_known": found.policy is not None, "same": found.is_same, "networks": call_words.network_said(found, t),
        "rules": rules, "facts": facts, "row": dict(shown),
    }  # fmt: skip


def _rule_lines(one: RuleOutcome, t: Texts) -> Iterator[str]:
    yield f"{_INDENT}{one.rule.id}: {t.pick(one.rule.texts)}"
    yield f"{_INDENT * 2}{t(call_words.PARTS[one.part])}"
    yield f"{_INDENT * 2}{t('What it would do')}: {call_words.verdict_text(one, t)} ({t.reason(one.rule.reason)})"
    yield f"{_INDENT * 2}{t('Mode')}: {call_words.mode_text(one, t)}"
    yield f"{_INDENT * 2}{t('Tier')}: {t(call_words.TIERS[one.rule.tier])} ({one.rule.tier})"
    yield f"{_INDENT * 2}{t('Rests on')}: {t.pick(one.rule.law)}"


def _flat(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())
