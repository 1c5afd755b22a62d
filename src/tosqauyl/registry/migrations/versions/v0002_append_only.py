"""The database itself refuses to change or remove entries of the audit trail, and to change what was published.

Whoever may alter the schema can take this off again: the chain of hashes (registry/audit.py) is what proves. A publication may be
removed when it is old (registry/publish.trim), and its number may be sealed again under another key.
"""

from collections.abc import Iterator

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FIXED = "seq, observable, indicator, listing, expires, at"
_GUARDS = (
    ("audit_entry", "update", "UPDATE"),
    ("audit_entry", "delete", "DELETE"),
    ("publication", "update", f"UPDATE OF {_FIXED}"),
)


def upgrade() -> None:
    """Put the triggers on."""
    for statement in _made(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Take them off."""
    on = op.get_bind().dialect.name == "postgresql"
    for table, verb, _ in _GUARDS:
        op.execute(f"DROP TRIGGER {table}_no_{verb}" + (f" ON {table}" if on else ""))
    if on:
        op.execute("DROP FUNCTION tosqauyl_append_only()")


def _made(dialect: str) -> Iterator[str]:
    if dialect == "postgresql":
        yield (
            "CREATE FUNCTION tosqauyl_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'this is append-only'; END $$"
        )
    for table, verb, event in _GUARDS:
        then = (
            "EXECUTE FUNCTION tosqauyl_append_only()"
            if dialect == "postgresql"
            else "BEGIN SELECT RAISE(ABORT, 'this is append-only'); END"
        )
        yield f"CREATE TRIGGER {table}_no_{verb} BEFORE {event} ON {table} FOR EACH ROW {then}"
