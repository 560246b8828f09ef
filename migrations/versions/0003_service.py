"""It runs by itself: schedules, alerts and their deliveries, audits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add what is new; what a base of 0002 holds stays as it is."""
    _columns()
    _alerts()
    _deliveries()
    _audits()
    _indexes()


def _columns() -> None:
    op.add_column("cycles", sa.Column("due_at", INSTANT))
    op.add_column("cycles", sa.Column("worker", sa.String(255)))
    op.add_column("cycles", sa.Column("lease_token", BIGINT))
    _required("integrations", sa.Column("zone", sa.String(40), nullable=False, server_default="Europe/Paris"))
    _required("integrations", sa.Column("turnover_mode", sa.String(20), nullable=False, server_default="each_cycle"))
    op.add_column("integrations", sa.Column("turnover_at", sa.Time()))
    op.add_column("integrations", sa.Column("turnover_refreshed_at", INSTANT))
    op.add_column("integrations", sa.Column("turnover_due_at", INSTANT))
    _required("integrations", sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("integrations", sa.Column("live_problem", sa.String(300)))
    _required("integrations", sa.Column("audit_percent", sa.Integer(), nullable=False, server_default="4"))
    op.add_column("integrations", sa.Column("audit_due_at", INSTANT))
    _required("integrations", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE integrations SET audit_due_at = due_at")  # where cycles are due, portions of the audit are
    op.create_index("ix_integrations_due_at", "integrations", ["due_at"])
    op.create_index("ix_integrations_audit_due_at", "integrations", ["audit_due_at"])
    op.create_index("ix_integrations_turnover_due_at", "integrations", ["turnover_due_at"])


def _required(table: str, column: sa.Column[object]) -> None:
    """Add a column that has to have a value: existing rows get its default, new ones say it themselves."""
    op.add_column(table, column)
    # SQLite cannot take the default away again without making the table anew; it does no harm there.
    if op.get_context().dialect.name != "sqlite":
        op.alter_column(table, column.name, server_default=None)


def _unique_while(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.ForeignKeyConstraint(["integration_id"], ["integrations.id"], name="fk_alerts_integration_id_integrations"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_integration_id_id", "alerts", ["integration_id", "id"])
    _unique_while("uq_alerts_open", "alerts", ["integration_id", "cause"], "closed_at IS NULL")


def _deliveries() -> None:
    op.create_table(
        "alert_channels",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("target", sa.String(500), nullable=False),
        sa.Column("secret", sa.String(1000)),
        sa.Column("integration_id", BIGINT),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_alert_channels_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_alert_channels"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("channel_id", BIGINT, nullable=False),
        sa.Column("alert_id", BIGINT),
        sa.Column("event", sa.String(30), nullable=False),
        sa.Column("message_id", sa.String(60), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("answer", sa.String(300)),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["alert_channels.id"], name="fk_deliveries_channel_id_alert_channels", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_deliveries_alert_id_alerts"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("message_id", name="uq_deliveries_message_id"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index("ix_deliveries_due", "deliveries", ["due_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_deliveries_channel_id_id", "deliveries", ["channel_id", "id"])


def _audits() -> None:
    op.create_table(
        "audits",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("position", sa.String(20)),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("differing", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integrations.id"], name="fk_audits_integration_id_integrations"),
        sa.PrimaryKeyConstraint("id", name="pk_audits"),
    )
    op.create_index("ix_audits_integration_id_id", "audits", ["integration_id", "id"])
    op.create_table(
        "differences",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("erp_key", sa.String(20), nullable=False),
        sa.Column("account_id", BIGINT),
        sa.Column("drift", sa.String(20), nullable=False),
        sa.Column("fields", JSON),
        sa.Column("found_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_differences_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_differences"),
    )
    _unique_while("uq_differences_standing", "differences", ["integration_id", "erp_key"], "settled_at IS NULL")


def _indexes() -> None:
    """A cycle reads no rows but those it deals with, whoever shares the base."""
    unread = sa.text("erp_version = '?'")
    op.create_index("ix_links_unread", "links", ["integration_id"], sqlite_where=unread, postgresql_where=unread)
    op.create_index("ix_sync_errors_local_id", "sync_errors", ["local_id"])
