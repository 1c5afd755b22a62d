"""What is written down of a decision: the columns of the journal and of the ledger, generated from the fact table."""

from dataclasses import dataclass

from tosqauyl.facts import FACTS


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its DuckDB type, the value that means "not known", what it says."""

    name: str
    sql_type: str
    unknown: str | bool | int | float
    doc: str


DECISION_COLUMNS = (
    Column("verdict", "VARCHAR", "pass", "What happened to the call: pass, mark, withhold, divert or stop."),
    Column("reason", "VARCHAR", "none", "Reason slug of the verdict."),
    Column("rule", "VARCHAR", "", "Id of the rule that decided; '' where none did."),
    Column("class", "VARCHAR", "", "Class of that rule: deterministic, analytic or identity."),
    Column(
        "rules", "HUGEINT", 0, "Bitmask of all rules hit: bit i is the i-th rule of the policy, monitor mode included."
    ),
    Column("would_verdict", "VARCHAR", "pass", "Verdict the rules in monitor mode would have given."),
    Column("would_reason", "VARCHAR", "none", "Reason slug of that verdict."),
    Column("would_rule", "VARCHAR", "", "Id of the rule in monitor mode that would have decided."),
)
JOURNAL_COLUMNS = (
    Column("policy", "VARCHAR", "", "Content hash of the policy that decided."),
    Column("snapshot", "VARCHAR", "", "Content hash of policy, number plan, lists and subscriber state together."),
    Column("elapsed_us", "DOUBLE", 0.0, "Microseconds from the datagram to the decision."),
    Column("answer", "INTEGER", 0, "SIP status code of the answer; 0 where none was sent."),
)
COLUMNS = (
    *(Column(fact.name, fact.sql_type, fact.about.unknown, fact.about.doc) for fact in FACTS.values()),
    *DECISION_COLUMNS,
    *JOURNAL_COLUMNS,
)
"""Every column in the order of the file."""
