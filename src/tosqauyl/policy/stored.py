"""A policy as JSON data and back: what a snapshot carries, so that a gate needs neither TOML nor an SQL parser.

A stored rule has the keys of a [[rule]] table, its condition's tree and its line. It is read back by the reader of policy
files with all its checks; only the text of the condition is not parsed again, the checked tree stands in for it.
"""

from datetime import date

from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.policy.fields import RuleReader, Sheet
from tosqauyl.policy.load import MAX_RULES, Policy, policy_of_rules
from tosqauyl.policy.rule import Rule
from tosqauyl.policy.stored_tree import Json, Unstored, decode_condition, encode_condition
from tosqauyl.policy.tree import Condition
from tosqauyl.toml_text import Table


def encode_policy(policy: Policy) -> dict[str, Json]:
    """The policy as JSON data."""
    return {
        "name": policy.name,
        "dated": policy.dated.isoformat(),
        "file": policy.file,
        "hash": policy.hash,
        "rules": [_encode_rule(rule) for rule in policy.rules],
    }


def _encode_rule(rule: Rule) -> Json:
    values: dict[str, Json] = {
        "id": rule.id, "when": rule.when, "verdict": rule.verdict.value, "reason": rule.reason.value,
        "class": rule.klass, "tier": rule.tier, "mode": rule.mode, "promote": rule.promote,
        "text": dict(rule.texts), "law": dict(rule.law), "why_mode": dict(rule.why_mode),
    }  # fmt: skip
    if rule.expires:
        values["expires"] = rule.expires.isoformat()
    if rule.divert_to:
        values["divert_to"] = rule.divert_to
    if rule.percent:
        values["percent"] = rule.percent
    if rule.evidence:
        seen = rule.evidence
        report: dict[str, Json] = {"report": seen.report} if seen.report else {}
        values["evidence"] = {"reason": seen.reason, "by": seen.by, "on": seen.on.isoformat(), **report}
    return {"line": rule.line, "tree": encode_condition(rule.condition), "rule": values}


def decode_policy(data: object) -> Policy:
    """The policy that was encoded. Raises FileMistakes or TosqauylError for anything that is not what `encode_policy`
    gives for a policy that was loaded: unknown facts, wrong types and values, unknown keys, another hash."""
    match data:
        case {"name": str(name), "dated": str(dated), "file": str(file), "hash": str(digest), "rules": list(rules)}:
            pass
        case _:
            raise TosqauylError("the stored policy has no name, date, file, hash and rules")
    mistakes: list[Mistake] = []
    sheet = Sheet(file[:500], {"name": name, "dated": dated}, Table("policy", 1), mistakes)
    name, day = sheet.slug("name"), sheet.day("dated", required=True) or date.min
    if not 0 < len(rules) <= MAX_RULES:
        raise TosqauylError(f"the stored policy has {len(rules)} rules", hint=f"1 to {MAX_RULES} are possible")
    read = tuple(_decode_rule(rule, file[:500], mistakes) for rule in rules)
    if len({rule.id for rule in read}) != len(read):
        mistakes.append(Mistake(file[:500], 0, 0, "two stored rules have one id"))
    if mistakes:
        raise FileMistakes(mistakes)
    policy = policy_of_rules(name, day, read, file)
    if policy.hash != digest:
        raise TosqauylError(f"the stored policy has the hash {policy.hash}, not {digest[:32]!r}")
    return policy


def _decode_rule(data: object, file: str, mistakes: list[Mistake]) -> Rule:
    match data:
        case {"line": int(line), "tree": tree, "rule": dict(values)}:
            pass
        case _:
            raise TosqauylError("a stored rule has no line, tree and rule")
    where = Table("rule", line)
    try:
        condition = decode_condition(tree)
    except Unstored as error:
        raise TosqauylError(f"rule {str(values.get('id'))[:40]}: {error}") from None
    return _StoredReader(Sheet(file, values, where, mistakes), condition).read()


class _StoredReader(RuleReader):
    """Reads a rule whose condition is a tree already."""

    def __init__(self, sheet: Sheet, condition: Condition) -> None:
        super().__init__(sheet)
        self._tree = condition

    def _condition(self, when: str) -> Condition:
        return self._tree
