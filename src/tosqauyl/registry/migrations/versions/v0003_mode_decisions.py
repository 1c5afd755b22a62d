"""Mode decisions. Written by registry/migrate.py."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    op.create_table(
        "mode_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("made_for", sa.String(length=200), nullable=False),
        sa.Column("policy", sa.String(length=32), nullable=False),
        sa.Column("report", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("tested_calls", sa.BigInteger(), nullable=False),
        sa.Column("tested_seconds", sa.BigInteger(), nullable=False),
        sa.Column("tested_decides", sa.BigInteger(), nullable=False),
        sa.Column("tested_known_good", sa.BigInteger(), nullable=False),
        sa.Column("tested_roamers", sa.BigInteger(), nullable=False),
        sa.Column("skip_canary", sa.Boolean(), nullable=False),
        sa.Column("accept_known_good", sa.String(length=32), nullable=False),
        sa.Column("accept_roamers", sa.String(length=32), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("proposed_by", sa.String(length=200), nullable=False),
        sa.Column("proposed", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False),
        sa.Column("decided_why", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_mode_decision_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mode_decision")),
    )
    op.create_index("ix_mode_decision_rule_id", "mode_decision", ["rule", "id"], unique=False)
    op.create_index("ix_mode_decision_rule_seq", "mode_decision", ["rule", "seq"], unique=False)
    op.create_index("ix_mode_decision_seq", "mode_decision", ["seq"], unique=False)
    op.create_index("ix_mode_decision_state_id", "mode_decision", ["state", "id"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_mode_decision_state_id", table_name="mode_decision")
    op.drop_index("ix_mode_decision_seq", table_name="mode_decision")
    op.drop_index("ix_mode_decision_rule_seq", table_name="mode_decision")
    op.drop_index("ix_mode_decision_rule_id", table_name="mode_decision")
    op.drop_table("mode_decision")
