"""The portability file: which operator serves a ported Kazakh mobile number now.

A text file, one `number,operator` a line; '#' begins a comment. The central database of ported numbers (order No 1105
of 26 November 2015) has no open format, so this one is ours; an operator's export is a sed script away.
"""

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.numbers.plan import Plan

MOST_MISTAKES = 1000
"""Mistakes told of one file: the wrong file altogether must not fill the memory with one message a line."""


def read_portability(text: str, file: str, plan: Plan) -> dict[str, str]:
    """'+7...' -> operator slug, for load_plan(). Numbers may be spelt in any way the plan can read.

    Raises FileMistakes with every mistake of the file: a line that is no pair, a number that is no Kazakh mobile
    number, an operator the plan does not have, a number given to two operators.
    """
    ported = dict[str, str]()
    mistakes = list[Mistake]()
    for line, row in enumerate(text.splitlines(), 1):
        row = row.partition("#")[0].strip()
        if not row:
            continue
        what, hint = _take(row, ported, plan)
        if what:
            mistakes.append(Mistake(file, line, 0, what, hint))
            if len(mistakes) == MOST_MISTAKES:
                mistakes.append(Mistake(file, line, 0, f"{MOST_MISTAKES} mistakes so far; the rest was not read"))
                break
    if mistakes:
        raise FileMistakes(mistakes)
    return ported


def _take(row: str, ported: dict[str, str], plan: Plan) -> tuple[str, str]:
    """Put one row into the table; ('', '') or what is wrong with it, and a hint."""
    raw, comma, operator = (part.strip() for part in row.partition(","))
    if not comma or "," in operator:
        return "not 'number,operator'", "for example +77011234567,beeline"
    number = plan.read(raw)
    if number.kind != "mobile":
        return f"'{raw}' is no Kazakh mobile number but {number.kind}", f"codes: {', '.join(plan.mobile_codes)}"
    if operator not in plan.codes_of_operator:
        return f"no operator '{operator}'", f"one of {', '.join(sorted(plan.codes_of_operator))}"
    if ported.setdefault(number.text, operator) != operator:
        return f"{number.text} is given to {operator} here and to {ported[number.text]} above", "keep one line"
    return "", ""
