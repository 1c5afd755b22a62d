"""Mapped rows as calls: the facts that follow from numbers, in SQL, as `screen.enrich` makes them for the gate.

Of an INVITE the From header is always there, so a blank presentation number is an empty one; a blank network number,
Remote-Party-ID or redirecting number is a header that is not there. The calling number is chosen by the gate's usual order.
"""

from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.imports.mapping import NUMBERS, Mapping
from tosqauyl.ledger.imports.plan_facts import known
from tosqauyl.ledger.imports.values_sql import quoted

_ALWAYS = ("caller", "presented", "called")
"""Numbers that are empty, not absent, where the cell is blank."""
_FACTS = {
    "caller": ("form", "kind", "country", "operator"),
    "network": ("form", "kind", "country"),
    "presented": ("form", "kind", "country"),
    "redirecting": ("kind", "country"),
    "called": ("form", "kind", "country"),
}
"""Facts of each number that the fact table has."""
_UNKNOWN = {"text": "", "form": "unknown", "kind": "unknown", "country": "", "operator": ""}
_ORDER = (("network", "asserted"), ("presented", "presented"), ("remote_party", "remote_party"))
"""The usual order of sources of the calling number (screen.trunk.SOURCES)."""


def raw_number(name: str) -> str:
    """SQL over `mapped`: the raw number that is looked up."""
    column = quoted(f"c_{name}")
    return f"coalesce({column}, '')" if name in _ALWAYS else column


class CallColumns:
    """Expressions of the columns of `calls` over `mapped` and its joins. recorded: of the file; derived: made from it.

    at: SQL of the time. names: columns of the ledger that the file has (`c_...` of `mapped`).
    """

    def __init__(self, mapping: Mapping, names: frozenset[str], at: str) -> None:
        self.numbers = tuple(name for name in NUMBERS if name in names)
        self.columns: dict[str, str] = {"at": at}
        self.columns |= {name: quoted(f"c_{name}") for name in names if name not in (*NUMBERS, "at")}
        self.columns |= {name: literal(value) for name, value in mapping.constants.items()}
        self._add_numbers()
        self._add_rest(names)
        self.recorded = frozenset(self.columns)

    def _add_numbers(self) -> None:
        for name in self.numbers:
            self._add(name, known(_alias(name), "text", ""))
            for fact in _FACTS.get(name, ()):
                self._add(f"{name}_{fact}", known(_alias(name), fact, _UNKNOWN[fact]))
        if "caller" not in self.numbers and any(name in self.numbers for name, _ in _ORDER):
            self._add("caller", self._chosen("text"))
            for fact in _FACTS["caller"]:
                self._add(f"caller_{fact}", self._chosen(fact))
            self._add("caller_source", self._chosen("source"))

    def _add_rest(self, names: frozenset[str]) -> None:
        if {"network", "presented"} <= set(self.numbers):
            self._add("identities", _IDENTITIES)
        if "redirecting" in self.numbers:
            self._add("redirections", f"CASE WHEN {quoted('c_redirecting')} IS NULL THEN 0 ELSE 1 END")
        if "display_name" in names:
            self._add("impersonates", "coalesce(n_display.impersonates, 'none')")

    def _add(self, name: str, expression: str) -> None:
        self.columns.setdefault(name, expression)

    def _chosen(self, fact: str) -> str:
        """A fact of the calling number: the first that is a number, else the first that is there."""
        order = [(name, source) for name, source in _ORDER if name in self.numbers]
        cases = [(f"{_alias(name)}.kind <> 'unknown'", name, source) for name, source in order]
        cases += [(f"{_alias(name)}.raw IS NOT NULL", name, source) for name, source in order]
        whens = " ".join(
            f"WHEN {condition} THEN {literal(source) if fact == 'source' else f'{_alias(name)}.{fact}'}"
            for condition, name, source in cases
        )
        return f"(CASE {whens} ELSE {literal({**_UNKNOWN, 'source': 'none'}[fact])} END)"

    def select(self, where: str) -> str:
        """The SELECT of the calls among the mapped rows."""
        columns = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in self.columns.items())
        joins = "".join(
            f" LEFT JOIN numbers {_alias(name)} ON {_alias(name)}.raw = {raw_number(name)}" for name in self.numbers
        )
        if "n_display." in columns:
            joins += f" LEFT JOIN display_names n_display ON n_display.raw = {quoted('c_display_name')}"
        return f"SELECT line, {columns} FROM mapped{joins} WHERE {where}"


def _alias(name: str) -> str:
    return f"n_{name}"


_IDENTITIES = (
    "(CASE WHEN coalesce(n_network.kind, 'unknown') = 'unknown' OR coalesce(n_presented.kind, 'unknown') = 'unknown'"
    " THEN 'unknown' WHEN n_network.text = n_presented.text THEN 'same' ELSE 'differ' END)"
)
