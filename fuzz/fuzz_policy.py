"""Fuzz the policy reader: python fuzz/fuzz_policy.py -max_total_time=600.

Whatever comes, a Policy or FileMistakes; and what was read compiles, runs on a call, lints and can be read out.
"""

import sys
from datetime import date

import atheris

with atheris.instrument_imports(include=["tosqauyl"]):
    from tosqauyl.errors import FileMistakes
    from tosqauyl.facts import UNKNOWN_CALL
    from tosqauyl.policy.check import lint
    from tosqauyl.policy.explain import condition_lines, explain_rule
    from tosqauyl.policy.expression import read_condition
    from tosqauyl.policy.load import Policy, load_policy, shipped_text
    from tosqauyl.policy.to_python import compile_conditions
    from tosqauyl.policy.to_sql import condition_text, mask_sql

WORDS = """AND OR NOT ( ) , = <> < >= - IN LIKE BETWEEN ESCAPE TRUE 'a' '%_!' 1 1.5 1e9 length starts_with caller network
direction 'international' protected redirections at caller_kind 'fixed' NULL IS " ; . :: [ { /* -- $$ e' x'""".split()  # noqa: SIM905
SHIPPED = "[[rule]]".join(shipped_text().split("[[rule]]")[:3])  # two rules: whole, one run takes 50 ms
TODAY = date(2026, 3, 1)


def expression(text: str) -> None:
    """One expression: a condition or mistakes."""
    condition, misreads = read_condition(text)
    assert (condition is None) == bool(misreads), text
    assert all(0 <= misread.offset <= len(text) for misread in misreads), (text, misreads)
    if condition is not None:
        assert compile_conditions([condition])(UNKNOWN_CALL) in (0, 1)
        condition_text(condition)
        for language in ("kk", "ru", "en"):
            condition_lines(condition, language)


def file(text: str) -> None:
    """One policy file: a policy or mistakes."""
    try:
        policy = load_policy(text, "fuzzed.toml")
    except FileMistakes as error:
        told = error.mistakes
    else:
        told = []
        use(policy)
    assert all(0 <= mistake.line <= text.count("\n") + 1 for mistake in told), told


def use(policy: Policy) -> None:
    """What was read can be run, written as SQL, linted and read out."""
    assert policy.hits(UNKNOWN_CALL) >= 0
    mask_sql(policy.rules)
    lint(policy, TODAY)
    for rule in policy.rules:
        explain_rule(rule, "kk")


def one(data: bytes) -> None:
    """One input: its first byte says whether it is an expression, a row of words, a file, or a change to the shipped one."""
    source = atheris.FuzzedDataProvider(data)
    match source.ConsumeIntInRange(0, 3):
        case 0:
            expression(source.ConsumeUnicodeNoSurrogates(4100))
        case 1:
            expression(" ".join(WORDS[source.ConsumeIntInRange(0, len(WORDS) - 1)] for _ in range(min(len(data), 900))))
        case 2:
            file(source.ConsumeUnicodeNoSurrogates(5000))
        case 3:
            at = source.ConsumeIntInRange(0, len(SHIPPED))
            cut = source.ConsumeIntInRange(0, 200)
            file(SHIPPED[:at] + source.ConsumeUnicodeNoSurrogates(200) + SHIPPED[at + cut :])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
