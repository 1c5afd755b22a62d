"""The SQL of a back-test: what the policies read of a call, grouped; which rules a group hits; which rows are of a group.

Calls are many, what rules see of them is little: closed choices, and whether a text or number meets a condition. So rows are
grouped by what the rules see (`GROUP BY` over dictionary-coded columns and packed bits), and conditions are judged once a group,
by the policy's own SQL in which each condition on a text or number stands as a column of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tosqauyl.facts import FACTS, FactType
from tosqauyl.ledger.backtesting.judge import Judge
from tosqauyl.policy.canary import bucket_sql
from tosqauyl.policy.rule import Rule
from tosqauyl.policy.to_sql import condition_text, mask_text
from tosqauyl.policy.tree import AllOf, AnyOf, Atom, Condition, Constant, FactRef, IsTrue, Not, atoms, facts_of

ALWAYS = ("network_subscriber", "presented_subscriber", "originated", "listed")
"""Facts that a result tells of, whatever the policy reads."""
SAID = ("verdict", "reason", "rule", "truth")
"""Columns that say what was decided, and what the call was."""
SHOWN = ("caller", "carrier", "trunk", "caller_country", "caller_operator")
"""Columns of rows that changed."""
ANSWERED_SECONDS = 60.0
"""A call that was answered for longer counts as known to be good."""
_WORD = 62
"""Bits in one BIGINT, the sign and one more left free."""
_CLOSED = (FactType.CHOICE, FactType.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Reads:
    """What is read of a call. closed: facts grouped by their value. bits: conditions on other facts, as SQL. good_file,
    outcomes: whether there are numbers known to be good (table `good`), and outcomes (table `answered`)."""

    judges: tuple[Judge, ...]
    closed: tuple[str, ...]
    bits: tuple[str, ...]
    good_file: bool
    outcomes: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns of a group."""
        words = -(-len(self.bits) // _WORD)
        return (*self.closed, *SAID, "good_file", "good_answered", *(f"bits_{word}" for word in range(words)))

    def rows_sql(self, condition: str, day: str, told: Sequence[str] = ()) -> str:
        """The rows of the view `calls` with the columns of a group, SHOWN, day and at; and `told_NAME` for further ones.

        day: SQL of the local day."""
        columns = [f'"{name}"' for name in (*self.closed, *SAID, *SHOWN)]
        columns += [f'"{name}" AS told_{name}' for name in told]
        good = 'caller IN (SELECT "number" FROM good)' if self.good_file else "FALSE"
        answered = "call_id IN (SELECT call_id FROM answered)" if self.outcomes else "FALSE"
        columns += [f"{good} AS good_file", f"{answered} AS good_answered", f"{day} AS day", '"at"', *self._words()]
        return f"SELECT {', '.join(columns)} FROM calls WHERE {condition}"

    def groups_sql(self) -> str:
        """Groups of the view `judged`, numbered, with their calls."""
        keys = _listed(self.keys)
        return f"SELECT row_number() OVER () AS number, * FROM (SELECT {keys}, count(*) AS calls FROM judged GROUP BY {keys})"

    def masks_sql(self) -> str:
        """Of each row of `groups`: number, calls, SAID, ALWAYS, good_file, good_answered, then mask and hold of each judge."""
        wanted = ["number", "calls", *SAID, *ALWAYS, "good_file", "good_answered"]
        masks = [text for judge in self.judges for text in (self._mask(judge), self._hold(judge))]
        unpacked = "".join(
            f", (bits_{place // _WORD} & {1 << place % _WORD}) <> 0 AS {_name(place)}"
            for place in range(len(self.bits))
        )
        return f"SELECT {_listed(wanted)}, {', '.join(masks)} FROM (SELECT *{unpacked} FROM groups)"

    def hits_sql(self, table: str, own: Sequence[str], columns: Sequence[str]) -> str:
        """The rows of `judged` that are of a group in a table: the table's `own` columns, then those of the row.

        No value of a group is null, so plain equality finds them."""
        on = " AND ".join(f'judged."{name}" = {table}."{name}"' for name in self.keys)
        wanted = [f'{table}."{name}"' for name in own] + [f'judged."{name}"' for name in columns]
        return f"SELECT {', '.join(wanted)} FROM judged JOIN {table} ON {on}"

    def _words(self) -> Iterator[str]:
        for first in range(0, len(self.bits), _WORD):
            some = self.bits[first : first + _WORD]
            parts = [f"CASE WHEN {bit} THEN CAST({1 << place} AS BIGINT) ELSE 0 END" for place, bit in enumerate(some)]
            yield f"CAST({' + '.join(parts)} AS BIGINT) AS bits_{first // _WORD}"

    def _mask(self, judge: Judge) -> str:
        names = {bit: _name(place) for place, bit in enumerate(self.bits)}
        return mask_text([_renamed(rule.condition, names) for rule in judge.rules])

    def _hold(self, judge: Judge) -> str:
        names = {bit: _name(place) for place, bit in enumerate(self.bits)}
        held = {place: IsTrue(FactRef(names[_hold_text(judge.rules[place])])) for place in judge.canaries}
        return mask_text([held.get(place, Constant(False)) for place in range(len(judge.rules))])


def reads_of(judges: Sequence[Judge], good_file: bool, outcomes: bool) -> Reads:
    """What some policies read."""
    rules = [rule for judge in judges for rule in judge.rules]
    every = [atom for rule in rules for atom in atoms(rule.condition)]
    closed = dict.fromkeys(ALWAYS) | dict.fromkeys(
        name for atom in every if _is_closed(atom) for name in facts_of(atom)
    )
    bits = dict.fromkeys(condition_text(atom) for atom in every if not _is_closed(atom))
    bits |= dict.fromkeys(_hold_text(judge.rules[place]) for judge in judges for place in judge.canaries)
    return Reads(tuple(judges), tuple(closed), tuple(bits), good_file, outcomes)


def facts_read(judge: Judge) -> dict[str, tuple[str, ...]]:
    """Facts by the id of the rule that reads them; rules that are off are left out."""
    pairs = zip(judge.rules, judge.modes, strict=True)
    return {rule.id: facts_of(rule.condition) for rule, mode in pairs if mode != "off"}


def _is_closed(atom: Atom) -> bool:
    return all(FACTS[name].type in _CLOSED for name in facts_of(atom))


def _hold_text(rule: Rule) -> str:
    """Whether a canary holds for the caller of a call it hits; the hash is made for those only."""
    return f"(CASE WHEN {condition_text(rule.condition)} THEN {bucket_sql()} < {rule.percent} ELSE FALSE END)"


def _renamed(condition: Condition, names: dict[str, str]) -> Condition:
    """A condition whose atoms on texts and numbers are columns."""
    match condition:
        case AllOf():
            return AllOf(tuple(_renamed(part, names) for part in condition.parts))
        case AnyOf():
            return AnyOf(tuple(_renamed(part, names) for part in condition.parts))
        case Not():
            return Not(_renamed(condition.part, names))
    name = names.get(condition_text(condition))
    return condition if name is None else IsTrue(FactRef(name))


def _name(place: int) -> str:
    return f"bit_{place}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
