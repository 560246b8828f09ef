"""The face: access, what people ask for through API and console, generic tiers, documents of opportunities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
MONEY = sa.Numeric(24, 6).with_variant(sa.BigInteger(), "sqlite")  # millionths
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add what is new; what a base of 0003 holds stays as it is."""
    _generic_tiers()
    _sessions()
    _keys()
    _audit_events()
    _idempotency()
    _run_requests()
    _documents()
    _columns()


def _columns() -> None:
    op.add_column("users", sa.Column("language", sa.String(5)))
    _required("users", sa.Column("must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()))
    _required("users", sa.Column("failed_logins", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("users", sa.Column("locked_until", INSTANT))
    op.add_column("users", sa.Column("document_types", JSON))
    # No table is made anew: SQLite would have to drop one that others refer to.
    op.add_column("users", sa.Column("oidc_subject", sa.String(255)))
    op.create_index("uq_users_oidc_subject", "users", ["oidc_subject"], unique=True)
    _required("integrations", sa.Column("document_years", sa.Integer(), nullable=False, server_default="3"))
    for name in ("forecast_from_documents", "won_from_order"):
        _required("integrations", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("integrations", sa.Column("sql_url", sa.String(1000)))
    op.add_column("companies", sa.Column("generic_tiers_id", BIGINT))


def _required(table: str, column: sa.Column[object]) -> None:
    """Add a column that has to have a value: existing rows get its default, new ones say it themselves."""
    op.add_column(table, column)
    # SQLite cannot take the default away again without making the table anew; it does no harm there.
    if op.get_context().dialect.name != "sqlite":
        op.alter_column(table, column.name, server_default=None)


def _generic_tiers() -> None:
    op.create_table(
        "generic_tiers",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(20), nullable=False),
        sa.Column("value", sa.String(20), nullable=False),
        sa.Column("erp_key", sa.String(20), nullable=False),
        sa.Column("label", sa.String(69), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_generic_tiers_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_generic_tiers"),
    )
    op.create_index("ix_generic_tiers_integration_id_position", "generic_tiers", ["integration_id", "position"])


def _sessions() -> None:
    op.create_table(
        "user_sessions",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("user_id", BIGINT, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("address", sa.String(45)),
        sa.Column("agent", sa.String(200)),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_sessions_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_user_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_user_sessions_token_hash"),
    )
    op.create_index("ix_user_sessions_user_id", "user_sessions", ["user_id"])


def _keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("prefix", sa.String(12), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("user_id", BIGINT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_keys_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )


def _audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject", sa.String(80)),
        sa.Column("detail", JSON),
        sa.Column("request_id", sa.String(40)),
        sa.Column("address", sa.String(45)),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_actor_id", "audit_events", ["actor", "id"])
    op.create_index("ix_audit_events_subject_id", "audit_events", ["subject", "id"])


def _idempotency() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("body", sa.String()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def _run_requests() -> None:
    op.create_table(
        "run_requests",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("order", JSON, nullable=False),
        sa.Column("preview", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("asked_by", sa.String(80)),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("claimed_until", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.Column("cycle_id", BIGINT),
        sa.Column("plan_id", BIGINT),
        sa.Column("problem", JSON),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_run_requests_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_run_requests"),
    )
    op.create_index("ix_run_requests_integration_id_id", "run_requests", ["integration_id", "id"])
    op.create_index(
        "ix_run_requests_open",
        "run_requests",
        ["asked_at"],
        sqlite_where=sa.text("state IN ('waiting', 'running')"),
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )


def _documents() -> None:
    op.create_table(
        "attached_documents",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("opportunity_id", BIGINT, nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("type", sa.String(5), nullable=False),
        sa.Column("number", sa.String(13), nullable=False),
        sa.Column("tiers", sa.String(20), nullable=False),
        sa.Column("date", sa.Date()),
        sa.Column("total_before_tax", MONEY),
        sa.Column("currency", sa.String(3)),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("read_at", INSTANT, nullable=False),
        sa.Column("attached_by", sa.String(80)),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_attached_documents_integration_id_integrations"
        ),
        sa.ForeignKeyConstraint(
            ["opportunity_id"], ["opportunities.id"], name="fk_attached_documents_opportunity_id_opportunities"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attached_documents"),
        sa.UniqueConstraint(
            "opportunity_id", "type", "number", name="uq_attached_documents_opportunity_id_type_number"
        ),
    )
    op.create_index("ix_attached_documents_opportunity_id", "attached_documents", ["opportunity_id"])
