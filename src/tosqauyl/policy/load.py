"""A policy file (TOML) -> Policy, or every mistake in it at once."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from importlib import resources

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.facts import Call
from tosqauyl.policy.fields import RuleReader, Sheet
from tosqauyl.policy.modes import overridden
from tosqauyl.policy.rule import ModeOverride, Rule
from tosqauyl.policy.to_python import compile_rules
from tosqauyl.policy.to_sql import condition_text
from tosqauyl.toml_text import Table, read_toml

MAX_RULES = 120
"""A hit mask is kept in one signed 128-bit column (HUGEINT); eight bits stay free."""

SHIPPED = "kz-border"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in file order, compiled once.

    name and dated: from the file's [policy] table. hash: 16 hex digits of the SHA-256 of everything the file says,
    without its layout. hits(call): bit i is set when rules[i].condition holds, whatever the rule's mode.
    """

    name: str
    dated: date
    rules: tuple[Rule, ...]
    hash: str
    file: str = field(compare=False)
    hits: Callable[[Call], int] = field(compare=False, repr=False)

    def with_modes(self, overrides: Iterable[ModeOverride], file: str = "") -> "Policy":
        """The policy with some rules in other modes, as the configuration's [[mode]] tables say; its hash tells them.

        Raises FileMistakes with everything wrong in the overrides at once; file is where they were written.
        """
        rules, mistakes = overridden(self.rules, overrides, file)
        if mistakes:
            raise FileMistakes(mistakes)
        if rules == self.rules:
            return self
        return replace(self, rules=rules, hash=_hash(self.name, self.dated, rules))


def load_policy(text: str, file: str) -> Policy:
    """Read a policy; file is its name in messages. Raises FileMistakes with all mistakes, in the order of lines."""
    mistakes: list[Mistake] = []
    content, places = _parse(text, file, mistakes)
    name, dated, rules = "", date.min, []
    if not mistakes:
        name, dated = _read_header(content, places, file, mistakes)
        rules = _read_rules(content, places, file, mistakes)
    if mistakes:
        raise FileMistakes(sorted(mistakes, key=lambda mistake: (mistake.line, mistake.column)))
    return policy_of_rules(name, dated, tuple(rules), file)


def policy_of_rules(name: str, dated: date, rules: tuple[Rule, ...], file: str) -> Policy:
    """A policy of rules that were checked: hashed, and compiled to one function."""
    return Policy(name, dated, rules, _hash(name, dated, rules), file, compile_rules(rules))


def shipped_text() -> str:
    """The text of the policy that comes with the package."""
    return resources.files("tosqauyl.policy").joinpath(f"data/{SHIPPED}.toml").read_text(encoding="utf-8")


def load_shipped() -> Policy:
    """The policy that comes with the package."""
    return load_policy(shipped_text(), f"{SHIPPED}.toml")


def _parse(text: str, file: str, mistakes: list[Mistake]) -> tuple[dict[str, object], list[Table]]:
    try:
        content, places = read_toml(text, file)
    except FileMistakes as error:
        mistakes += error.mistakes
        return {}, []
    if not content:
        mistakes.append(Mistake(file, 1, 0, "the file is empty", "it needs a [policy] table and [[rule]] tables"))
    return content, places


def _read_header(
    content: dict[str, object], places: list[Table], file: str, mistakes: list[Mistake]
) -> tuple[str, date]:
    named = [table for table in places if table.name == "policy"]
    where = named[0] if named else Table("policy", 1)
    header = content.get("policy")
    sheet = Sheet(file, header if isinstance(header, dict) else {}, where, mistakes)
    for key in content:
        if key not in ("policy", "rule"):
            found = next((table.line for table in places if table.name.split(".")[0] == key), 0)
            line = found or (places[0].keys[key].line if key in places[0].keys else 0)
            mistakes.append(
                Mistake(file, line, 0, f"there is no table or key {key!r} here", "[policy] and [[rule]] are read")
            )
    if not isinstance(header, dict):
        mistakes.append(Mistake(file, 1, 0, "the [policy] table is missing", "it holds name and dated"))
        return "", date.min
    sheet.only(("name", "dated"))
    return sheet.slug("name"), sheet.day("dated", required=True) or date.min


def _read_rules(content: dict[str, object], places: list[Table], file: str, mistakes: list[Mistake]) -> list[Rule]:
    raw = content.get("rule", [])
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        line = next((table.line for table in places if table.name.split(".")[0] == "rule"), 0)
        mistakes.append(Mistake(file, line, 0, "'rule' is not a list of tables", "begin each rule with [[rule]]"))
        return []
    if not raw:
        mistakes.append(Mistake(file, 1, 0, "the policy has no rules", "begin each rule with [[rule]]"))
    if len(raw) > MAX_RULES:
        mistakes.append(Mistake(file, 0, 0, f"the policy has {len(raw)} rules; {MAX_RULES} are allowed"))
        return []
    wheres = [table for table in places if table.name == "rule"]
    if len(wheres) != len(raw):  # written as rule = [{...}]: no table lines to point to
        wheres = [Table("rule", places[0].keys["rule"].line if "rule" in places[0].keys else 0) for _ in raw]
    rules: list[Rule] = []
    seen: dict[str, int] = {}
    for item, where in zip(raw, wheres, strict=True):
        sheet = Sheet(file, item, where, mistakes)
        rule = RuleReader(sheet).read()
        first = seen.setdefault(rule.id, where.line) if rule.id else where.line
        if first != where.line:
            sheet.mistake("id", f"the id {rule.id!r} is taken by the rule in line {first}", "ids are unique")
        rules.append(rule)
    return rules


def _hash(name: str, dated: date, rules: Iterable[Rule]) -> str:
    content = [name, dated.isoformat()]
    content += [json.dumps(_canonical(rule), ensure_ascii=False, sort_keys=True) for rule in rules]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]


def _canonical(rule: Rule) -> dict[str, object]:
    """What the hash is made of; a key that a rule does not use adds nothing, and a law in one text is that text, so old
    policies keep their hash."""
    chosen: dict[str, object] = {"percent": rule.percent} if rule.percent else {}
    if rule.evidence:
        seen = rule.evidence
        chosen["evidence"] = [seen.reason, seen.by, seen.on.isoformat(), seen.report]
    return chosen | {
        "id": rule.id,
        "when": condition_text(rule.condition),
        "verdict": rule.verdict,
        "reason": rule.reason,
        "class": rule.klass,
        "tier": rule.tier,
        "mode": rule.mode,
        "promote": rule.promote,
        "text": dict(rule.texts),
        "law": _one_or_each(rule.law),
        "why_mode": dict(rule.why_mode),
        "expires": rule.expires.isoformat() if rule.expires else "",
        "divert_to": rule.divert_to,
    }


def _one_or_each(texts: Mapping[str, str]) -> str | dict[str, str]:
    """The text that stands for all languages, else each language's."""
    one = next(iter(texts.values()), "")
    return one if set(texts.values()) == {one} else dict(texts)
