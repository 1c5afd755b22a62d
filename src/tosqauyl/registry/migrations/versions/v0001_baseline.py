"""Baseline. Written by registry/migrate.py."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("which", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("before", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entry")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "bucket",
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("left", sa.Float(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("who", name=op.f("pk_bucket")),
    )
    op.create_table(
        "figure_day",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("scheme", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("victims", sa.BigInteger(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("loss", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "organisation", "scheme", "region", name=op.f("pk_figure_day")),
    )
    op.create_table(
        "idempotent_answer",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotent_answer")),
    )
    op.create_index("ix_idempotent_answer_at", "idempotent_answer", ["at"], unique=False)
    op.create_table(
        "list_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_head")),
    )
    op.create_table(
        "observable",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("operator", sa.String(length=32), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observable")),
        sa.UniqueConstraint("kind", "token", name=op.f("uq_observable_kind_token")),
    )
    op.create_index("ix_observable_kind_id", "observable", ["kind", "id"], unique=False)
    op.create_table(
        "official_figure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("measure", sa.String(length=32), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("first_day", sa.String(length=32), nullable=False),
        sa.Column("last_day", sa.String(length=32), nullable=False),
        sa.Column("published", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_official_figure")),
        sa.UniqueConstraint(
            "source",
            "measure",
            "region",
            "first_day",
            "last_day",
            "published",
            name=op.f("uq_official_figure_source_measure_region_first_day_last_day_published"),
        ),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "protected_identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protected_identity")),
        sa.UniqueConstraint("kind", "value", name=op.f("uq_protected_identity_kind_value")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("login", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("setup", sa.String(length=64), nullable=False),
        sa.Column("setup_until", sa.BigInteger(), nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=False),
        sa.Column("totp_on", sa.Boolean(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_account_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_index(op.f("ix_account_setup"), "account", ["setup"], unique=False)
    op.create_index("uq_account_subject", "account", ["issuer", "subject"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=32), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_api_key_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
    )
    op.create_table(
        "condition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("observable", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("perspective", sa.String(length=32), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("approved_by", sa.String(length=200), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_condition_observable")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_condition_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_condition")),
    )
    op.create_index("ix_condition_observable", "condition", ["observable"], unique=False)
    op.create_index("ix_condition_until", "condition", ["until"], unique=False)
    op.create_table(
        "listing",
        sa.Column("observable", sa.Uuid(), nullable=False),
        sa.Column("indicator", sa.Uuid(), nullable=True),
        sa.Column("listing", sa.String(length=32), nullable=False),
        sa.Column("number", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_listing_observable")),
        sa.PrimaryKeyConstraint("observable", name=op.f("pk_listing")),
    )
    op.create_index("ix_listing_expires", "listing", ["expires"], unique=False)
    op.create_table(
        "publication",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("observable", sa.Uuid(), nullable=False),
        sa.Column("indicator", sa.Uuid(), nullable=True),
        sa.Column("listing", sa.String(length=32), nullable=False),
        sa.Column("number", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_publication_observable")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_publication")),
    )
    op.create_index(op.f("ix_publication_observable"), "publication", ["observable"], unique=False)
    op.create_table(
        "upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_upload_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("organisation", "digest", name=op.f("uq_upload_organisation_digest")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_webhook_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["webhook"], ["webhook.id"], name=op.f("fk_delivery_webhook")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_webhook_id", "delivery", ["webhook", "id"], unique=False)
    op.create_index("ix_delivery_webhook_state_next", "delivery", ["webhook", "state", "next"], unique=False)
    op.create_table(
        "incident",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("scheme", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("assigned", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("victims", sa.Integer(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("snoozed_until", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=False),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["assigned"], ["account.id"], name=op.f("fk_incident_assigned")),
        sa.ForeignKeyConstraint(["merged_into"], ["incident.id"], name=op.f("fk_incident_merged_into")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_incident_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_index("ix_incident_organisation_id", "incident", ["organisation", "id"], unique=False)
    op.create_index("ix_incident_organisation_state_due", "incident", ["organisation", "state", "due"], unique=False)
    op.create_index("ix_incident_state_due_id", "incident", ["state", "due", "id"], unique=False)
    op.create_table(
        "login_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.Uuid(), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("second_factor", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_login_session_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
    )
    op.create_index(op.f("ix_login_session_account"), "login_session", ["account"], unique=False)
    op.create_table(
        "action",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("to", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("observable", sa.Uuid(), nullable=True),
        sa.Column("incident", sa.Uuid(), nullable=True),
        sa.Column("legal_basis", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("answered_by", sa.String(length=200), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_action_incident")),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_action_observable")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_action_organisation")),
        sa.ForeignKeyConstraint(["to"], ["organisation.id"], name=op.f("fk_action_to")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action")),
    )
    op.create_index(op.f("ix_action_incident"), "action", ["incident"], unique=False)
    op.create_index("ix_action_observable", "action", ["observable"], unique=False)
    op.create_index("ix_action_organisation_id", "action", ["organisation", "id"], unique=False)
    op.create_index("ix_action_state_due", "action", ["state", "due"], unique=False)
    op.create_index("ix_action_to_state_id", "action", ["to", "state", "id"], unique=False)
    op.create_table(
        "incident_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.id"], name=op.f("fk_incident_event_incident"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_event")),
    )
    op.create_index("ix_incident_event_incident_id", "incident_event", ["incident", "id"], unique=False)
    op.create_table(
        "incident_observable",
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("observable", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.id"], name=op.f("fk_incident_observable_incident"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_incident_observable_observable")),
        sa.PrimaryKeyConstraint("incident", "observable", name=op.f("pk_incident_observable")),
    )
    op.create_index(op.f("ix_incident_observable_observable"), "incident_observable", ["observable"], unique=False)
    op.create_table(
        "indicator",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("observable", sa.Uuid(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("listing", sa.String(length=32), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("scheme", sa.String(length=32), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("half_life_days", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("proposed_by", sa.String(length=200), nullable=False),
        sa.Column("proposed", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.String(length=200), nullable=False),
        sa.Column("approved", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.String(length=200), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("ended_why", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_indicator_incident")),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_indicator_observable")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_indicator_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_indicator")),
    )
    op.create_index(op.f("ix_indicator_incident"), "indicator", ["incident"], unique=False)
    op.create_index("ix_indicator_observable_state", "indicator", ["observable", "state"], unique=False)
    op.create_index("ix_indicator_organisation_state_id", "indicator", ["organisation", "state", "id"], unique=False)
    op.create_index("ix_indicator_scheme_id", "indicator", ["scheme", "id"], unique=False)
    op.create_index("ix_indicator_scheme_source_id", "indicator", ["scheme", "source", "id"], unique=False)
    op.create_index("ix_indicator_source_id", "indicator", ["source", "id"], unique=False)
    op.create_index("ix_indicator_state_approved_id", "indicator", ["state", "approved", "id"], unique=False)
    op.create_index("ix_indicator_state_ended_id", "indicator", ["state", "ended", "id"], unique=False)
    op.create_index("ix_indicator_state_id", "indicator", ["state", "id"], unique=False)
    op.create_index("ix_indicator_state_proposed_id", "indicator", ["state", "proposed", "id"], unique=False)
    op.create_index("ix_indicator_state_scheme_id", "indicator", ["state", "scheme", "id"], unique=False)
    op.create_index("ix_indicator_state_valid_until", "indicator", ["state", "valid_until"], unique=False)
    op.create_index("ix_indicator_verdict_id", "indicator", ["verdict", "id"], unique=False)
    op.create_table(
        "report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("reporter", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("scheme", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=False),
        sa.Column("victim", sa.LargeBinary(), nullable=False),
        sa.Column("loss", sa.BigInteger(), nullable=False),
        sa.Column("victims", sa.Integer(), nullable=False),
        sa.Column("happened", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=True),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.String(length=64), nullable=False),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_report_incident")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_report_organisation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("organisation", "digest", name=op.f("uq_report_organisation_digest")),
    )
    op.create_index(op.f("ix_report_incident"), "report", ["incident"], unique=False)
    op.create_index("ix_report_organisation_id", "report", ["organisation", "id"], unique=False)
    op.create_index("ix_report_organisation_region_id", "report", ["organisation", "region", "id"], unique=False)
    op.create_index("ix_report_organisation_reporter_id", "report", ["organisation", "reporter", "id"], unique=False)
    op.create_index("ix_report_organisation_scheme_id", "report", ["organisation", "scheme", "id"], unique=False)
    op.create_index("ix_report_organisation_state_id", "report", ["organisation", "state", "id"], unique=False)
    op.create_index("ix_report_received", "report", ["received"], unique=False)
    op.create_index("ix_report_region_id", "report", ["region", "id"], unique=False)
    op.create_index("ix_report_region_reporter_id", "report", ["region", "reporter", "id"], unique=False)
    op.create_index("ix_report_reporter_id", "report", ["reporter", "id"], unique=False)
    op.create_index("ix_report_scheme_id", "report", ["scheme", "id"], unique=False)
    op.create_index("ix_report_scheme_region_id", "report", ["scheme", "region", "id"], unique=False)
    op.create_index("ix_report_scheme_reporter_id", "report", ["scheme", "reporter", "id"], unique=False)
    op.create_index("ix_report_state_id", "report", ["state", "id"], unique=False)
    op.create_index("ix_report_state_region_id", "report", ["state", "region", "id"], unique=False)
    op.create_index("ix_report_state_reporter_id", "report", ["state", "reporter", "id"], unique=False)
    op.create_index("ix_report_state_scheme_id", "report", ["state", "scheme", "id"], unique=False)
    op.create_index(op.f("ix_report_ticket"), "report", ["ticket"], unique=False)
    op.create_table(
        "appeal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("observable", sa.Uuid(), nullable=False),
        sa.Column("indicator", sa.Uuid(), nullable=True),
        sa.Column("ticket", sa.String(length=64), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("proof", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("code_until", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("filed", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["indicator"], ["indicator.id"], name=op.f("fk_appeal_indicator")),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_appeal_observable")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal")),
        sa.UniqueConstraint("ticket", name=op.f("uq_appeal_ticket")),
    )
    op.create_index("ix_appeal_observable", "appeal", ["observable"], unique=False)
    op.create_index("ix_appeal_state_due_id", "appeal", ["state", "due", "id"], unique=False)
    op.create_table(
        "number_check",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("observable", sa.Uuid(), nullable=False),
        sa.Column("report", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("reminded", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("tell_due", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("iin", sa.String(length=64), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_number_check_observable")),
        sa.ForeignKeyConstraint(["organisation"], ["organisation.id"], name=op.f("fk_number_check_organisation")),
        sa.ForeignKeyConstraint(["report"], ["report.id"], name=op.f("fk_number_check_report")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_check")),
    )
    op.create_index("ix_number_check_decided_due", "number_check", ["decided", "due"], unique=False)
    op.create_index(op.f("ix_number_check_iin"), "number_check", ["iin"], unique=False)
    op.create_index("ix_number_check_observable", "number_check", ["observable"], unique=False)
    op.create_index(
        "ix_number_check_organisation_decided_due", "number_check", ["organisation", "decided", "due"], unique=False
    )
    op.create_index("ix_number_check_organisation_id", "number_check", ["organisation", "id"], unique=False)
    op.create_index(
        "ix_number_check_organisation_told_tell_due", "number_check", ["organisation", "told", "tell_due"], unique=False
    )
    op.create_index("ix_number_check_told_tell_due", "number_check", ["told", "tell_due"], unique=False)
    op.create_table(
        "sighting",
        sa.Column("report", sa.Uuid(), nullable=False),
        sa.Column("observable", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["observable"], ["observable.id"], name=op.f("fk_sighting_observable")),
        sa.ForeignKeyConstraint(["report"], ["report.id"], name=op.f("fk_sighting_report"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("report", "observable", name=op.f("pk_sighting")),
    )
    op.create_index("ix_sighting_observable_report", "sighting", ["observable", "report"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_sighting_observable_report", table_name="sighting")
    op.drop_table("sighting")
    op.drop_index("ix_number_check_told_tell_due", table_name="number_check")
    op.drop_index("ix_number_check_organisation_told_tell_due", table_name="number_check")
    op.drop_index("ix_number_check_organisation_id", table_name="number_check")
    op.drop_index("ix_number_check_organisation_decided_due", table_name="number_check")
    op.drop_index("ix_number_check_observable", table_name="number_check")
    op.drop_index(op.f("ix_number_check_iin"), table_name="number_check")
    op.drop_index("ix_number_check_decided_due", table_name="number_check")
    op.drop_table("number_check")
    op.drop_index("ix_appeal_state_due_id", table_name="appeal")
    op.drop_index("ix_appeal_observable", table_name="appeal")
    op.drop_table("appeal")
    op.drop_index(op.f("ix_report_ticket"), table_name="report")
    op.drop_index("ix_report_state_scheme_id", table_name="report")
    op.drop_index("ix_report_state_reporter_id", table_name="report")
    op.drop_index("ix_report_state_region_id", table_name="report")
    op.drop_index("ix_report_state_id", table_name="report")
    op.drop_index("ix_report_scheme_reporter_id", table_name="report")
    op.drop_index("ix_report_scheme_region_id", table_name="report")
    op.drop_index("ix_report_scheme_id", table_name="report")
    op.drop_index("ix_report_reporter_id", table_name="report")
    op.drop_index("ix_report_region_reporter_id", table_name="report")
    op.drop_index("ix_report_region_id", table_name="report")
    op.drop_index("ix_report_received", table_name="report")
    op.drop_index("ix_report_organisation_state_id", table_name="report")
    op.drop_index("ix_report_organisation_scheme_id", table_name="report")
    op.drop_index("ix_report_organisation_reporter_id", table_name="report")
    op.drop_index("ix_report_organisation_region_id", table_name="report")
    op.drop_index("ix_report_organisation_id", table_name="report")
    op.drop_index(op.f("ix_report_incident"), table_name="report")
    op.drop_table("report")
    op.drop_index("ix_indicator_verdict_id", table_name="indicator")
    op.drop_index("ix_indicator_state_valid_until", table_name="indicator")
    op.drop_index("ix_indicator_state_scheme_id", table_name="indicator")
    op.drop_index("ix_indicator_state_proposed_id", table_name="indicator")
    op.drop_index("ix_indicator_state_id", table_name="indicator")
    op.drop_index("ix_indicator_state_ended_id", table_name="indicator")
    op.drop_index("ix_indicator_state_approved_id", table_name="indicator")
    op.drop_index("ix_indicator_source_id", table_name="indicator")
    op.drop_index("ix_indicator_scheme_source_id", table_name="indicator")
    op.drop_index("ix_indicator_scheme_id", table_name="indicator")
    op.drop_index("ix_indicator_organisation_state_id", table_name="indicator")
    op.drop_index("ix_indicator_observable_state", table_name="indicator")
    op.drop_index(op.f("ix_indicator_incident"), table_name="indicator")
    op.drop_table("indicator")
    op.drop_index(op.f("ix_incident_observable_observable"), table_name="incident_observable")
    op.drop_table("incident_observable")
    op.drop_index("ix_incident_event_incident_id", table_name="incident_event")
    op.drop_table("incident_event")
    op.drop_index("ix_action_to_state_id", table_name="action")
    op.drop_index("ix_action_state_due", table_name="action")
    op.drop_index("ix_action_organisation_id", table_name="action")
    op.drop_index("ix_action_observable", table_name="action")
    op.drop_index(op.f("ix_action_incident"), table_name="action")
    op.drop_table("action")
    op.drop_index(op.f("ix_login_session_account"), table_name="login_session")
    op.drop_table("login_session")
    op.drop_index("ix_incident_state_due_id", table_name="incident")
    op.drop_index("ix_incident_organisation_state_due", table_name="incident")
    op.drop_index("ix_incident_organisation_id", table_name="incident")
    op.drop_table("incident")
    op.drop_index("ix_delivery_webhook_state_next", table_name="delivery")
    op.drop_index("ix_delivery_webhook_id", table_name="delivery")
    op.drop_table("delivery")
    op.drop_table("webhook")
    op.drop_table("upload")
    op.drop_index(op.f("ix_publication_observable"), table_name="publication")
    op.drop_table("publication")
    op.drop_index("ix_listing_expires", table_name="listing")
    op.drop_table("listing")
    op.drop_index("ix_condition_until", table_name="condition")
    op.drop_index("ix_condition_observable", table_name="condition")
    op.drop_table("condition")
    op.drop_table("api_key")
    op.drop_index("uq_account_subject", table_name="account")
    op.drop_index(op.f("ix_account_setup"), table_name="account")
    op.drop_table("account")
    op.drop_table("protected_identity")
    op.drop_table("organisation")
    op.drop_table("official_figure")
    op.drop_index("ix_observable_kind_id", table_name="observable")
    op.drop_table("observable")
    op.drop_table("list_head")
    op.drop_index("ix_idempotent_answer_at", table_name="idempotent_answer")
    op.drop_table("idempotent_answer")
    op.drop_table("figure_day")
    op.drop_table("bucket")
    op.drop_table("audit_head")
    op.drop_table("audit_entry")
