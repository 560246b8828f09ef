"""The CRM base of version 0.1: entities, and the state of the synchronisation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
MONEY = sa.Numeric(24, 6).with_variant(sa.BigInteger(), "sqlite")  # millionths
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Make all tables, and the one territory that is always there (CRM-16)."""
    _journal()
    _territories()
    _users()
    _companies()
    _integrations()
    _user_rights()
    _accounts()
    _cursors()
    _cycles()
    _erp_parameters()
    _free_field_definitions()
    _links()
    _opportunities()
    _representatives()
    _sync_errors()
    _addresses()
    _ca_realise()
    _conflicts()
    _outbox()
    _contacts()
    _emails()
    _phones()
    op.execute("INSERT INTO territories (name) VALUES ('Monde')")


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("cycle_id", BIGINT),
        sa.Column("integration_id", BIGINT),
        sa.Column("side", sa.String(20), nullable=False),
        sa.Column("entity", sa.String(20), nullable=False),
        sa.Column("record_id", BIGINT, nullable=False),
        sa.Column("erp_key", sa.String(64)),
        sa.Column("field", sa.String(64)),
        sa.Column("before", sa.String()),
        sa.Column("after", sa.String()),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    op.create_index("ix_journal_cycle_id", "journal", ["cycle_id"])
    op.create_index("ix_journal_entity_record_id", "journal", ["entity", "record_id"])


def _territories() -> None:
    op.create_table(
        "territories",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("parent_id", BIGINT),
        sa.ForeignKeyConstraint(["parent_id"], ["territories.id"], name="fk_territories_parent_id_territories"),
        sa.PrimaryKeyConstraint("id", name="pk_territories"),
        sa.UniqueConstraint("name", name="uq_territories_name"),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("login", sa.String(60), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("email", sa.String(254)),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("administrator", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("login", name="uq_users_login"),
    )


def _companies() -> None:
    op.create_table(
        "companies",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("company_type", sa.String(30), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("code", sa.String(17)),
        sa.Column("name", sa.String(69)),
        sa.Column("short_name", sa.String(7)),
        sa.Column("contact_person", sa.String(35)),
        sa.Column("web_site", sa.String(69)),
        sa.Column("naf_code", sa.String(7)),
        sa.Column("siret", sa.String(15)),
        sa.Column("currency", sa.String(3)),
        sa.Column("accounting_category", sa.String(3)),
        sa.Column("price_category", sa.String(3)),
        sa.Column("language", sa.String(3)),
        sa.Column("representative", sa.String(11)),
        sa.Column("collective_account", sa.String(13)),
        sa.Column("payer", sa.String(17)),
        sa.Column("payment_terms", sa.String(255)),
        sa.Column("risk_label", sa.String(35)),
        sa.Column("risk_action", sa.String(10)),
        sa.Column("statistic01", sa.String(21)),
        sa.Column("statistic02", sa.String(21)),
        sa.Column("statistic03", sa.String(21)),
        sa.Column("statistic04", sa.String(21)),
        sa.Column("statistic05", sa.String(21)),
        sa.Column("statistic06", sa.String(21)),
        sa.Column("statistic07", sa.String(21)),
        sa.Column("statistic08", sa.String(21)),
        sa.Column("statistic09", sa.String(21)),
        sa.Column("statistic10", sa.String(21)),
        sa.Column("free_values", JSON),
        sa.Column("manager_id", BIGINT),
        sa.Column("territory_id", BIGINT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("created_cycle_id", BIGINT),
        sa.ForeignKeyConstraint(["manager_id"], ["users.id"], name="fk_companies_manager_id_users"),
        sa.ForeignKeyConstraint(["territory_id"], ["territories.id"], name="fk_companies_territory_id_territories"),
        sa.PrimaryKeyConstraint("id", name="pk_companies"),
    )


def _integrations() -> None:
    op.create_table(
        "integrations",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("url", sa.String(255), nullable=False),
        sa.Column("erp_user", sa.String(60), nullable=False),
        sa.Column("erp_password", sa.String(1000)),
        sa.Column("crm_user", sa.String(60), nullable=False),
        sa.Column("crm_password", sa.String(1000)),
        sa.Column("company", sa.String(35), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("timeout_s", sa.Integer(), nullable=False),
        sa.Column("interval_min", sa.Integer(), nullable=False),
        sa.Column("daily_resync_at", sa.Time()),
        sa.Column("transfer_mode", sa.String(20), nullable=False),
        sa.Column("default_territory_id", BIGINT),
        sa.Column("supplier_territory_id", BIGINT),
        sa.Column("default_manager_id", BIGINT),
        sa.Column("code_mode", sa.String(20), nullable=False),
        sa.Column("code_suffix", sa.String(10), nullable=False),
        sa.Column("manager_rule", sa.String(20), nullable=False),
        sa.Column("representative_rule", sa.String(20), nullable=False),
        sa.Column("etendue_enabled", sa.Boolean(), nullable=False),
        sa.Column("etendue_server", sa.String(255), nullable=False),
        sa.Column("etendue_dossier", sa.String(60), nullable=False),
        sa.Column("etendue_order", sa.Boolean(), nullable=False),
        sa.Column("company_types", JSON, nullable=False),
        sa.Column("client_company_type", sa.String(30), nullable=False),
        sa.Column("supplier_company_type", sa.String(30), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("gateway_version", sa.String(40)),
        sa.Column("contract_version", sa.String(10)),
        sa.Column("base_currency", sa.String(3)),
        sa.Column("seen_at", INSTANT),
        sa.Column("parameters_refreshed_at", INSTANT),
        sa.Column("due_at", INSTANT),
        sa.Column("requested_number", sa.BigInteger(), nullable=False),
        sa.Column("handled_number", sa.BigInteger(), nullable=False),
        sa.Column("last_resync_at", INSTANT),
        sa.Column("lease_owner", sa.String(255)),
        sa.Column("lease_token", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["default_manager_id"], ["users.id"], name="fk_integrations_default_manager_id_users"),
        sa.ForeignKeyConstraint(
            ["default_territory_id"], ["territories.id"], name="fk_integrations_default_territory_id_territories"
        ),
        sa.ForeignKeyConstraint(
            ["supplier_territory_id"], ["territories.id"], name="fk_integrations_supplier_territory_id_territories"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_integrations"),
        sa.UniqueConstraint("name", name="uq_integrations_name"),
    )


def _user_rights() -> None:
    op.create_table(
        "user_rights",
        sa.Column("user_id", BIGINT, nullable=False),
        sa.Column("right", sa.String(20), nullable=False),
        sa.Column("withdrawn_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_rights_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "right", name="pk_user_rights"),
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("company_id", BIGINT),
        sa.Column("is_main", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("erp_state", sa.String(20), nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("code", sa.String(17)),
        sa.Column("name", sa.String(69)),
        sa.Column("short_name", sa.String(7)),
        sa.Column("contact_person", sa.String(35)),
        sa.Column("web_site", sa.String(69)),
        sa.Column("dormant", sa.Boolean()),
        sa.Column("naf_code", sa.String(7)),
        sa.Column("siret", sa.String(15)),
        sa.Column("currency", sa.String(3)),
        sa.Column("accounting_category", sa.String(3)),
        sa.Column("price_category", sa.String(3)),
        sa.Column("language", sa.String(3)),
        sa.Column("representative", sa.String(11)),
        sa.Column("phone", sa.String(21)),
        sa.Column("fax", sa.String(21)),
        sa.Column("email", sa.String(69)),
        sa.Column("collective_account", sa.String(13)),
        sa.Column("payer", sa.String(17)),
        sa.Column("payment_terms", sa.String(255)),
        sa.Column("risk_label", sa.String(35)),
        sa.Column("risk_action", sa.String(10)),
        sa.Column("statistic01", sa.String(21)),
        sa.Column("statistic02", sa.String(21)),
        sa.Column("statistic03", sa.String(21)),
        sa.Column("statistic04", sa.String(21)),
        sa.Column("statistic05", sa.String(21)),
        sa.Column("statistic06", sa.String(21)),
        sa.Column("statistic07", sa.String(21)),
        sa.Column("statistic08", sa.String(21)),
        sa.Column("statistic09", sa.String(21)),
        sa.Column("statistic10", sa.String(21)),
        sa.Column("free_values", JSON),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_accounts_company_id_companies"),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_accounts_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_index(
        "uq_accounts_main_company",
        "accounts",
        ["company_id"],
        unique=True,
        sqlite_where=sa.text("is_main"),
        postgresql_where=sa.text("is_main"),
    )


def _cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("entity_set", sa.String(20), nullable=False),
        sa.Column("cursor", sa.String(64), nullable=False),
        sa.Column("at_end", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integrations.id"], name="fk_cursors_integration_id_integrations"),
        sa.PrimaryKeyConstraint("integration_id", "entity_set", name="pk_cursors"),
    )


def _cycles() -> None:
    op.create_table(
        "cycles",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("phase", sa.String(30)),
        sa.Column("progress_done", sa.Integer(), nullable=False),
        sa.Column("progress_total", sa.Integer()),
        sa.Column("counts", JSON),
        sa.Column("error_code", sa.String(60)),
        sa.Column("error_message", sa.String()),
        sa.Column("error_remedy", sa.String()),
        sa.Column("log_file", sa.String(255)),
        sa.ForeignKeyConstraint(["integration_id"], ["integrations.id"], name="fk_cycles_integration_id_integrations"),
        sa.PrimaryKeyConstraint("id", name="pk_cycles"),
    )
    op.create_index("ix_cycles_integration_id_id", "cycles", ["integration_id", "id"])


def _erp_parameters() -> None:
    op.create_table(
        "erp_parameters",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("code", sa.String(11), nullable=False),
        sa.Column("label", sa.String(69)),
        sa.Column("iso_code", sa.String(3)),
        sa.Column("action", sa.String(10)),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_erp_parameters_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_erp_parameters"),
        sa.UniqueConstraint("integration_id", "kind", "code", name="uq_erp_parameters_integration_id_kind_code"),
    )


def _free_field_definitions() -> None:
    op.create_table(
        "free_field_definitions",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("length", sa.Integer()),
        sa.Column("position", sa.Integer()),
        sa.Column("computed", sa.Boolean()),
        sa.Column("items", JSON),
        sa.Column("state", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_free_field_definitions_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_free_field_definitions"),
        sa.UniqueConstraint(
            "integration_id", "name", "type", name="uq_free_field_definitions_integration_id_name_type"
        ),
    )


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("entity", sa.String(20), nullable=False),
        sa.Column("local_id", BIGINT, nullable=False),
        sa.Column("erp_key", sa.String(64), nullable=False),
        sa.Column("erp_version", sa.String(32)),
        sa.Column("base", sa.String()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("changed_at", INSTANT),
        sa.ForeignKeyConstraint(["integration_id"], ["integrations.id"], name="fk_links_integration_id_integrations"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("entity", "local_id", name="uq_links_entity_local_id"),
        sa.UniqueConstraint("integration_id", "entity", "erp_key", name="uq_links_integration_id_entity_erp_key"),
    )
    op.create_index(
        "ix_links_changed",
        "links",
        ["integration_id", "changed_at"],
        sqlite_where=sa.text("changed_at IS NOT NULL"),
        postgresql_where=sa.text("changed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_links_case",
        "links",
        ["integration_id", "entity"],
        sqlite_where=sa.text("erp_key <> upper(erp_key)"),
        postgresql_where=sa.text("erp_key <> upper(erp_key)"),
    )


def _opportunities() -> None:
    op.create_table(
        "opportunities",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("company_id", BIGINT, nullable=False),
        sa.Column("owner_id", BIGINT),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("stage", sa.String(30), nullable=False),
        sa.Column("currency", sa.String(3)),
        sa.Column("forecast", MONEY),
        sa.Column("quote_total", MONEY),
        sa.Column("order_total", MONEY),
        sa.Column("expected_close", sa.Date()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_opportunities_company_id_companies"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_opportunities_owner_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_opportunities"),
    )
    op.create_index("ix_opportunities_company_id", "opportunities", ["company_id"])


def _representatives() -> None:
    op.create_table(
        "representatives",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("code", sa.String(11), nullable=False),
        sa.Column("last_name", sa.String(35)),
        sa.Column("first_name", sa.String(35)),
        sa.Column("function", sa.String(35)),
        sa.Column("service", sa.String(35)),
        sa.Column("email", sa.String(69)),
        sa.Column("number", sa.String(11)),
        sa.Column("user_id", BIGINT),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_representatives_integration_id_integrations"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_representatives_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_representatives"),
        sa.UniqueConstraint("integration_id", "code", name="uq_representatives_integration_id_code"),
    )


def _sync_errors() -> None:
    op.create_table(
        "sync_errors",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("entity", sa.String(20), nullable=False),
        sa.Column("erp_key", sa.String(64), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("field", sa.String(64)),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("remedy", sa.String()),
        sa.Column("payload", sa.String()),
        sa.Column("first_cycle_id", BIGINT),
        sa.Column("last_cycle_id", BIGINT),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_sync_errors_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sync_errors"),
        sa.UniqueConstraint("integration_id", "entity", "erp_key", name="uq_sync_errors_integration_id_entity_erp_key"),
    )


def _addresses() -> None:
    op.create_table(
        "addresses",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("company_id", BIGINT),
        sa.Column("account_id", BIGINT),
        sa.Column("erp_key", sa.String(17)),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("main", sa.Boolean()),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(35)),
        sa.Column("street", sa.String(35)),
        sa.Column("complement", sa.String(35)),
        sa.Column("postcode", sa.String(9)),
        sa.Column("town", sa.String(35)),
        sa.Column("region", sa.String(25)),
        sa.Column("country", sa.String(35)),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_addresses_account_id_accounts"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_addresses_company_id_companies"),
        sa.PrimaryKeyConstraint("id", name="pk_addresses"),
        sa.UniqueConstraint("account_id", "erp_key", name="uq_addresses_account_id_erp_key"),
    )
    op.create_index("ix_addresses_company_id", "addresses", ["company_id"])


def _ca_realise() -> None:
    op.create_table(
        "ca_realise",
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("erp_key", sa.String(17), nullable=False),
        sa.Column("account_id", BIGINT),
        sa.Column("current_year", MONEY, nullable=False),
        sa.Column("previous_year", MONEY, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_ca_realise_account_id_accounts"),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_ca_realise_integration_id_integrations"
        ),
        sa.PrimaryKeyConstraint("integration_id", "erp_key", name="pk_ca_realise"),
    )
    op.create_index("ix_ca_realise_account_id", "ca_realise", ["account_id"], unique=True)


def _conflicts() -> None:
    op.create_table(
        "conflicts",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("link_id", BIGINT, nullable=False),
        sa.Column("cycle_id", BIGINT),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("crm_value", sa.String()),
        sa.Column("base_value", sa.String()),
        sa.Column("erp_value", sa.String()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("closed_by", sa.String(60)),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name="fk_conflicts_integration_id_integrations"
        ),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_conflicts_link_id_links"),
        sa.PrimaryKeyConstraint("id", name="pk_conflicts"),
        sa.UniqueConstraint("link_id", "field", name="uq_conflicts_link_id_field"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.Column("integration_id", BIGINT, nullable=False),
        sa.Column("cycle_id", BIGINT),
        sa.Column("link_id", BIGINT),
        sa.Column("account_id", BIGINT),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("base_version", sa.String(32)),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(60)),
        sa.Column("error_field", sa.String(60)),
        sa.Column("error_message", sa.String()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_outbox_account_id_accounts"),
        sa.ForeignKeyConstraint(["integration_id"], ["integrations.id"], name="fk_outbox_integration_id_integrations"),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_outbox_link_id_links"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("transaction_id", name="uq_outbox_transaction_id"),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["integration_id"],
        sqlite_where=sa.text("state IN ('pending', 'sent')"),
        postgresql_where=sa.text("state IN ('pending', 'sent')"),
    )


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("company_id", BIGINT),
        sa.Column("account_id", BIGINT),
        sa.Column("erp_key", sa.String(17)),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("default_address_id", BIGINT),
        sa.Column("civility", sa.String(5)),
        sa.Column("last_name", sa.String(35)),
        sa.Column("first_name", sa.String(35)),
        sa.Column("function", sa.String(35)),
        sa.Column("service", sa.String(3)),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_contacts_account_id_accounts"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_contacts_company_id_companies"),
        sa.ForeignKeyConstraint(
            ["default_address_id"], ["addresses.id"], name="fk_contacts_default_address_id_addresses"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.UniqueConstraint("account_id", "erp_key", name="uq_contacts_account_id_erp_key"),
    )
    op.create_index("ix_contacts_company_id", "contacts", ["company_id"])


def _emails() -> None:
    op.create_table(
        "emails",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("company_id", BIGINT),
        sa.Column("account_id", BIGINT),
        sa.Column("contact_id", BIGINT),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("address", sa.String(69), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_emails_account_id_accounts"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_emails_company_id_companies"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_emails_contact_id_contacts"),
        sa.PrimaryKeyConstraint("id", name="pk_emails"),
    )
    op.create_index("ix_emails_account_id", "emails", ["account_id"])
    op.create_index("ix_emails_company_id", "emails", ["company_id"])
    op.create_index("ix_emails_contact_id", "emails", ["contact_id"])


def _phones() -> None:
    op.create_table(
        "phones",
        sa.Column("id", BIGINT, sa.Identity(always=False), nullable=False),
        sa.Column("company_id", BIGINT),
        sa.Column("account_id", BIGINT),
        sa.Column("contact_id", BIGINT),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("number", sa.String(21), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_phones_account_id_accounts"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_phones_company_id_companies"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_phones_contact_id_contacts"),
        sa.PrimaryKeyConstraint("id", name="pk_phones"),
    )
    op.create_index("ix_phones_account_id", "phones", ["account_id"])
    op.create_index("ix_phones_company_id", "phones", ["company_id"])
    op.create_index("ix_phones_contact_id", "phones", ["contact_id"])
