"""Forget the rollup of reports: it has rows of all organisations together now. The job that counts it runs when the office starts;
until it has, figures are counted from the reports themselves."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    op.execute("DELETE FROM figure_day")
    op.create_index("ix_figure_day_organisation_day", "figure_day", ["organisation", "day"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_figure_day_organisation_day", table_name="figure_day")
    op.execute("DELETE FROM figure_day")
