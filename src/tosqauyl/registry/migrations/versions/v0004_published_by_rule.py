"""Published by rule. Written by registry/migrate.py."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    op.create_index("ix_indicator_listing_approved_rule", "indicator", ["listing", "approved", "rule"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_indicator_listing_approved_rule", table_name="indicator")
