"""A rule read out in Kazakh, Russian or English, made from its condition's tree; runs when somebody looks, never on a call."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from tosqauyl.policy.rule import Rule
from tosqauyl.policy.tree import (
    AllOf,
    AnyOf,
    Atom,
    Between,
    Comparison,
    Condition,
    Constant,
    FactRef,
    IsTrue,
    Length,
    Like,
    Literal,
    Not,
    OneOf,
    Operand,
    StartsWith,
    Value,
)

_PHRASES: dict[str, dict[str, str]] = {
    "all": {"kk": "мыналардың бәрі орындалады:", "ru": "выполнено всё:", "en": "all of these hold:"},
    "any": {"kk": "мыналардың кемінде біреуі:", "ru": "хотя бы одно:", "en": "at least one of these:"},
    "not": {"kk": "мына жағдай болмаса:", "ru": "неверно, что:", "en": "it is not so that:"},
    "=": {"kk": "{0}: {1}", "ru": "{0}: {1}", "en": "{0} is {1}"},
    "<>": {"kk": "{0}: {1} емес", "ru": "{0}: не {1}", "en": "{0} is not {1}"},
    "<": {"kk": "{0}: {1} мәнінен кіші", "ru": "{0}: меньше {1}", "en": "{0} is less than {1}"},
    "<=": {"kk": "{0}: {1} мәнінен аспайды", "ru": "{0}: не больше {1}", "en": "{0} is at most {1}"},
    ">": {"kk": "{0}: {1} мәнінен үлкен", "ru": "{0}: больше {1}", "en": "{0} is more than {1}"},
    ">=": {"kk": "{0}: {1} мәнінен кем емес", "ru": "{0}: не меньше {1}", "en": "{0} is at least {1}"},
    "between": {"kk": "{0}: {1} мен {2} аралығында", "ru": "{0}: от {1} до {2}", "en": "{0} is from {1} to {2}"},
    "in": {"kk": "{0}: мыналардың бірі: {1}", "ru": "{0}: одно из: {1}", "en": "{0} is one of: {1}"},
    "not in": {"kk": "{0}: мыналардың ешқайсысы емес: {1}", "ru": "{0}: ни одно из: {1}", "en": "{0} is none of: {1}"},
    "like": {"kk": "{0}: {1} үлгісіне сай", "ru": "{0}: по образцу {1}", "en": "{0} matches {1}"},
    "starts": {"kk": "{0}: {1} деп басталады", "ru": "{0}: начинается с {1}", "en": "{0} begins with {1}"},
    "length": {"kk": "ұзындығы ({0})", "ru": "длина ({0})", "en": "the length of {0}"},
    "true": {"kk": "әрқашан", "ru": "всегда", "en": "always"},
    "false": {"kk": "ешқашан", "ru": "никогда", "en": "never"},
    "yes": {"kk": "иә", "ru": "да", "en": "true"},
    "no": {"kk": "жоқ", "ru": "нет", "en": "false"},
    "empty": {"kk": "бос", "ru": "пусто", "en": "empty"},
    "rule": {"kk": "Ереже {0}: {1}", "ru": "Правило {0}: {1}", "en": "Rule {0}: {1}"},
    "when": {"kk": "Қашан:", "ru": "Когда:", "en": "When:"},
    "then": {"kk": "Сонда: {0}", "ru": "Тогда: {0}", "en": "Then: {0}"},
    "mode": {"kk": "Режим: {0}. {1}", "ru": "Режим: {0}. {1}", "en": "Mode: {0}. {1}"},
    "share": {
        "kk": "Режим: {0}: қоңырау шалушылардың {1}%. {2}",
        "ru": "Режим: {0}: {1}% вызывающих. {2}",
        "en": "Mode: {0}: {1}% of callers. {2}",
    },
    "evidence": {
        "kk": "Жазылған себебі: {0} ({1}, {2})",
        "ru": "Записанное основание: {0} ({1}, {2})",
        "en": "Recorded reason: {0} ({1}, {2})",
    },
    "law": {"kk": "Негізі: {0}", "ru": "Основание: {0}", "en": "Rests on: {0}"},
    "until": {"kk": "Соңғы күні: {0}", "ru": "Последний день: {0}", "en": "Last day: {0}"},
}


@cache
def words() -> dict[str, Any]:
    """The vocabulary of data/words.toml: facts, values (by group), verdicts, modes; each with kk, ru and en."""
    text = resources.files("tosqauyl.policy").joinpath("data/words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def value_group(fact: str) -> str:
    """The group of words.toml's values that a choice fact uses: form, kind and subscriber facts share theirs."""
    ending = fact.rpartition("_")[2]
    return ending if ending in ("form", "kind", "subscriber") else fact


def explain_rule(rule: Rule, language: str) -> str:
    """A rule for people: what it says, when, what then, in which mode and why, and what it rests on. Several lines."""
    lines = [
        _phrase("rule", language, rule.id, rule.texts[language]),
        _phrase("when", language),
        *("  " + line for line in condition_lines(rule.condition, language)),
        _phrase("then", language, words()["verdicts"][rule.verdict][language])
        + (f" ({rule.divert_to})" * bool(rule.divert_to)),
        _mode(rule, language),
        _phrase("law", language, rule.law[language]),
    ]
    if rule.evidence:
        found = rule.evidence
        lines.append(_phrase("evidence", language, found.reason, found.by, found.on.isoformat()))
    if rule.expires:
        lines.append(_phrase("until", language, rule.expires.isoformat()))
    return "\n".join(lines)


def _mode(rule: Rule, language: str) -> str:
    mode = words()["modes"][rule.mode][language]
    if rule.mode == "canary":
        return _phrase("share", language, mode, str(rule.percent), rule.why_mode[language])
    return _phrase("mode", language, mode, rule.why_mode[language])


def condition_lines(condition: Condition, language: str) -> list[str]:
    """A condition as an indented list, one atom a line."""
    match condition:
        case AllOf():
            return _nested("all", condition.parts, language)
        case AnyOf():
            return _nested("any", condition.parts, language)
        case Not(part=OneOf() as one_of):
            return [_one_of("not in", one_of, language)]
        case Not():
            return _nested("not", (condition.part,), language)
        case _:
            return [_atom(condition, language)]


def _nested(phrase: str, parts: tuple[Condition, ...], language: str) -> list[str]:
    lines = [_phrase(phrase, language)]
    for part in parts:
        first, *others = condition_lines(part, language)
        lines += ["- " + first, *("  " + line for line in others)]
    return lines


def _phrase(key: str, language: str, *parts: str) -> str:
    return _PHRASES[key][language].format(*parts)


def _atom(atom: Atom, language: str) -> str:
    match atom:
        case Comparison():
            whose = _fact_of(atom.left) or _fact_of(atom.right)
            left, right = _operand(atom.left, whose, language), _operand(atom.right, whose, language)
            return _phrase(atom.operator, language, left, right)
        case Between():
            whose = _fact_of(atom.operand)
            ends = (_operand(end, whose, language) for end in (atom.low, atom.high))
            return _phrase("between", language, _operand(atom.operand, whose, language), *ends)
        case OneOf():
            return _one_of("in", atom, language)
        case Like():
            return _phrase("like", language, _name(atom.fact.name, language), _quoted(atom.pattern))
        case StartsWith():
            return _phrase("starts", language, _name(atom.fact.name, language), _quoted(atom.prefix))
        case IsTrue():
            return _name(atom.fact.name, language)
        case Constant():
            return _phrase("true" if atom.value else "false", language)


def _one_of(phrase: str, atom: OneOf, language: str) -> str:
    whose = _fact_of(atom.operand)
    members = ", ".join(_value(value, whose, language) for value in atom.values)
    return _phrase(phrase, language, _operand(atom.operand, whose, language), members)


def _fact_of(operand: Operand) -> str:
    return operand.name if isinstance(operand, FactRef) else ""


def _name(fact: str, language: str) -> str:
    return str(words()["facts"][fact][language])


def _operand(operand: Operand, whose: str, language: str) -> str:
    match operand:
        case FactRef():
            return _name(operand.name, language)
        case Length():
            return _phrase("length", language, _name(operand.fact.name, language))
        case Literal():
            return _value(operand.value, whose, language)


def _value(value: Value, whose: str, language: str) -> str:
    if isinstance(value, bool):
        return _phrase("yes" if value else "no", language)
    if not isinstance(value, str):
        return str(value)
    known = words()["values"].get(value_group(whose), {}).get(value)
    if known:
        return str(known[language])
    return _quoted(value) if value else _phrase("empty", language)


def _quoted(text: str) -> str:
    return f"«{text}»"
