"""Both ways: the CRM's own changes, policies, guards, plans, and what each side refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add what is new; what a base of 0001 holds stays as it is."""
    _columns()
    _indexes()
    _custom_fields()
    _plans()
    _sync_errors()


def _columns() -> None:
    for table in ("accounts", "companies"):
        op.add_column(table, sa.Column("custom", JSON))
    op.add_column("cycles", sa.Column("undoes_id", BIGINT))
    op.add_column("journal", sa.Column("account_id", BIGINT))
    op.add_column("journal", sa.Column("by", sa.String(60)))
    op.add_column("outbox", sa.Column("edited_at", INSTANT))
    # Nothing was ever sent or parked by a program of 0001: these tables are empty.
    _required("outbox", sa.Column("changes", sa.String(), nullable=False, server_default="[]"))
    _required("conflicts", sa.Column("rule", sa.String(40), nullable=False, server_default="asked"))
    for name in ("policies", "guards", "gateway_options"):
        _required("integrations", sa.Column(name, JSON, nullable=False, server_default="{}"))
    _required("integrations", sa.Column("clock_tolerance_s", sa.Integer(), nullable=False, server_default="300"))


def _required(table: str, column: sa.Column[object]) -> None:
    """Add a column that has to have a value: existing rows get its default, new ones say it themselves."""
    op.add_column(table, column)
    # SQLite cannot take the default away again without making the table anew; it does no harm there.
    if op.get_context().dialect.name != "sqlite":
        op.alter_column(table, column.name, server_default=None)


def _indexes() -> None:
    awaited = sa.text("erp_state = 'awaited'")
    op.create_index(
        "ix_accounts_awaited", "accounts", ["integration_id"], sqlite_where=awaited, postgresql_where=awaited
    )
    op.create_index("ix_journal_account_id", "journal", ["account_id"])
    creation = sa.text("action = 'create' AND state IN ('pending', 'sent', 'done')")
    op.create_index(
        "uq_outbox_creation", "outbox", ["account_id"], unique=True, sqlite_where=creation, postgresql_where=creation
    )


def _custom_fields() -> None:
    op.create_table(
        "custom_fields",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("replicated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_custom_fields"),
        sa.UniqueConstraint("name", name="uq_custom_fields_name"),
    )


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("lines", sa.String(), nullable=False),
        sa.Column("stopped_by", sa.String()),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("applied_cycle_id", BIGINT),
        sa.ForeignKeyConstraint(["integration_id"], ["integrations.id"], name="fk_plans_integration_id_integrations"),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )
    op.create_index("ix_plans_integration_id_id", "plans", ["integration_id", "id"])


def _sync_errors() -> None:
    """The key of an error takes in which side refused; SQLite has to make the table anew for that."""
    with op.batch_alter_table("sync_errors") as table:
        table.add_column(sa.Column("side", sa.String(20), nullable=False, server_default="crm"))
        table.add_column(sa.Column("local_id", BIGINT))
        table.add_column(sa.Column("corrections", JSON))
        table.drop_constraint("uq_sync_errors_integration_id_entity_erp_key", type_="unique")
        table.create_unique_constraint(
            "uq_sync_errors_integration_id_entity_side_erp_key", ["integration_id", "entity", "side", "erp_key"]
        )
    with op.batch_alter_table("sync_errors") as table:
        table.alter_column("side", server_default=None)
