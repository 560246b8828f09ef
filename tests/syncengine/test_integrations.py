"""The integration record: what may be entered, when, and what happens (CRM-11, CRM-14, CRM-16, CRM-18, CRM-62)."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, time
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from syncengine import integrations
from syncengine.errors import IntegrationInvalid, IntegrationUnknown, SecondIntegration, SettingsLocked
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_record import IntegrationRecord
from syncengine.model import (
    AssignmentRule,
    CodeMode,
    Integration,
    IntegrationState,
    Territory,
    TransferMode,
    TurnoverMode,
    User,
)
from syncengine.secrets import Secrets
from syncengine.settings import EngineSettings
from syncengine.storage.store import Store
from tests.syncengine.conftest import NOW
from tests.syncengine.records import PASSWORD, draft


def create(store: Store, secrets: Secrets, entered: IntegrationDraft, *, multi: bool = False) -> IntegrationRecord:
    with store.writing() as session:
        return integrations.create(session, entered, secrets=secrets, multi=multi, at=NOW)


def count(store: Store) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count(Integration.id))) or 0


@pytest.mark.req("CRM-14", "CRM-16", "CRM-17", "CRM-35")
def test_what_is_not_entered_has_the_documented_defaults(store: Store, secrets: Secrets) -> None:
    record = create(store, secrets, IntegrationDraft(company="BIJOU SA"))
    entered = record.draft
    assert (entered.name, entered.url) == ("Sage100", "http://127.0.0.1:8080")
    assert (entered.interval_min, entered.timeout_s) == (60, 60)
    assert entered.default_territory == "Monde"
    assert entered.transfer_mode is TransferMode.BY_HAND
    assert entered.company_types["client"] == "client"
    assert (entered.client_company_type, entered.supplier_company_type) == ("client", "supplier")
    assert record.state is IntegrationState.INACTIVE


@pytest.mark.req("CRM-14", "CRM-16")
def test_everything_entered_comes_back_but_the_passwords(store: Store, secrets: Secrets) -> None:
    with store.writing() as session:
        session.add_all([Territory(name="Fournisseurs"), User(login="resp", name="Responsable", created_at=NOW)])
    entered = draft(
        name="Société Été 2",
        url="https://erp.example:8443/sage",
        crm_user="admin",
        crm_password=SecretStr("other"),
        timeout_s=120,
        interval_min=30,
        daily_resync_at=time(3, 30),
        zone="America/Martinique",
        turnover_mode=TurnoverMode.DAILY,
        turnover_at=time(5, 15),
        live=True,
        audit_percent=100,
        transfer_mode=TransferMode.NEVER,
        supplier_territory="Fournisseurs",
        default_manager="resp",
        code_mode=CodeMode.CRM,
        code_suffix="FR",
        manager_rule=AssignmentRule.AUTOMATIC,
        representative_rule=AssignmentRule.IF_EMPTY,
        etendue_enabled=True,
        etendue_server="srv",
        etendue_dossier="BIJOU",
        etendue_order=True,
    )
    record = create(store, secrets, entered)
    assert record.draft == replace(entered, erp_password=None, crm_password=None)
    assert (record.has_erp_password, record.has_crm_password) == (True, True)
    assert PASSWORD not in repr(record)


WRONG: list[tuple[str, Any, str]] = [
    ("name", "Sage-100", "CRM-14"),
    ("name", "Sage_100", "CRM-14"),
    ("name", "   ", "CRM-14"),
    ("name", "x" * 61, "CRM-14"),
    ("url", "ftp://server", "CRM-14"),
    ("url", "http://", "CRM-14"),
    ("url", "http://server:99999", "CRM-14"),
    ("url", "http://user:word@server:8080", "CRM-14"),
    ("company", " ", "CRM-14"),
    ("company", "x" * 36, "CRM-14"),
    ("erp_user", "a:b", "CRM-14"),
    ("interval_min", 29, "CRM-16"),
    ("interval_min", 0, "CRM-16"),
    ("interval_min", 7 * 24 * 60 + 1, "CRM-16"),
    ("daily_resync_at", time(3, 30, tzinfo=UTC), "CRM-09"),
    ("zone", "Paris", "CRM-09"),
    ("zone", "", "CRM-09"),
    ("zone", "../Europe/Paris", "CRM-09"),
    ("turnover_mode", TurnoverMode.DAILY, "CRM-48"),
    ("turnover_at", time(3, 30, tzinfo=UTC), "CRM-48"),
    ("audit_percent", -1, "CRM-16"),
    ("audit_percent", 101, "CRM-16"),
    ("timeout_s", 4, "CRM-16"),
    ("timeout_s", 601, "CRM-16"),
    ("code_suffix", "a b", "CRM-22"),
    ("code_suffix", "ABCDEFGHIJK", "CRM-22"),
    ("etendue_enabled", True, "CRM-16"),
    ("company_types", {"client": "client", "supplier": "supplier", "x": "employee"}, "CRM-35"),
    ("client_company_type", "partner", "CRM-35"),
    ("supplier_company_type", "client", "CRM-35"),
    ("default_territory", "Nulle part", "CRM-16"),
    ("supplier_territory", "Nulle part", "CRM-16"),
    ("default_manager", "nobody", "CRM-16"),
]


@pytest.mark.req("CRM-14", "CRM-16", "CRM-35")
@pytest.mark.parametrize(("attr", "value", "requirement"), WRONG)
def test_a_value_that_breaks_its_rule_is_refused_by_name_and_nothing_is_written(
    store: Store, secrets: Secrets, settings: EngineSettings, attr: str, value: Any, requirement: str
) -> None:
    with pytest.raises(IntegrationInvalid) as refused:
        create(store, secrets, draft(**{attr: value}))
    assert refused.value.field == attr
    assert refused.value.remedy
    assert count(store) == 0
    assert not settings.key_path.exists()


@pytest.mark.req("CRM-16")
def test_there_is_no_suffix_when_the_erp_numbers(store: Store, secrets: Secrets) -> None:
    with pytest.raises(IntegrationInvalid, match="suffix"):
        create(store, secrets, draft(code_mode=CodeMode.ERP, code_suffix="FR"))


@pytest.mark.req("CRM-14")
def test_a_name_typed_with_decomposed_accents_is_the_same_name(store: Store, secrets: Secrets) -> None:
    assert create(store, secrets, draft(name="E\u0301te\u0301 ")).name == "Été"


@pytest.mark.req("CRM-62")
def test_a_second_integration_is_refused_until_several_are_switched_on(store: Store, secrets: Secrets) -> None:
    create(store, secrets, draft())
    with pytest.raises(SecondIntegration):
        create(store, secrets, draft(name="Autre"))
    assert count(store) == 1
    create(store, secrets, draft(name="Autre"), multi=True)
    with pytest.raises(IntegrationInvalid, match="in use"):
        create(store, secrets, draft(name="Autre"), multi=True)
    assert count(store) == 2


@pytest.mark.req("CRM-18")
def test_settings_change_only_while_deactivated(store: Store, secrets: Secrets) -> None:
    record = create(store, secrets, draft())
    changed = replace(record.draft, interval_min=45)
    with store.writing() as session:
        integrations.activate(session, record.id, at=NOW)

    with pytest.raises(SettingsLocked), store.writing() as session:
        integrations.modify(session, record.id, changed, secrets=secrets, at=NOW)
    with store.writing() as session:
        assert integrations.get(session, record.id).draft.interval_min == 60
        integrations.deactivate(session, record.id, at=NOW)
        found = integrations.modify(session, record.id, changed, secrets=secrets, at=NOW)
    assert found.draft.interval_min == 45


@pytest.mark.req("CRM-14")
def test_a_modification_without_password_keeps_the_one_there_is(store: Store, secrets: Secrets) -> None:
    record = create(store, secrets, draft())
    with store.writing() as session:
        integrations.modify(session, record.id, replace(record.draft, url="http://other"), secrets=secrets, at=NOW)
        row = session.get_one(Integration, record.id)
        assert integrations.erp_password(row, secrets).get_secret_value() == PASSWORD
        new = replace(record.draft, erp_password=SecretStr("new"))
        integrations.modify(session, record.id, new, secrets=secrets, at=NOW)
        assert integrations.erp_password(row, secrets).get_secret_value() == "new"


@pytest.mark.req("CRM-11", "CRM-18", "CRM-48")
def test_times_of_day_count_from_the_activation_in_the_zone_of_the_integration(store: Store, secrets: Secrets) -> None:
    daily = draft(turnover_mode=TurnoverMode.DAILY, turnover_at=time(5, 15), zone="America/Martinique")
    record = create(store, secrets, daily)
    with store.writing() as session:
        session.get_one(Integration, record.id).failures = 7
        active = integrations.activate(session, record.id, at=NOW)
    assert active.turnover_due_at == NOW.replace(hour=9, minute=15)  # 5.15 at four hours before UTC
    assert active.failures == 0
    with store.writing() as session:
        assert integrations.disconnect(session, record.id, at=NOW).turnover_due_at is None
        assert integrations.reconnect(session, record.id, at=NOW).turnover_due_at == active.turnover_due_at
        assert integrations.deactivate(session, record.id, at=NOW).turnover_due_at is None
        changed = replace(record.draft, turnover_mode=TurnoverMode.BY_HAND)
        integrations.modify(session, record.id, changed, secrets=secrets, at=NOW)
        assert integrations.activate(session, record.id, at=NOW).turnover_due_at is None


@pytest.mark.req("CRM-11", "CRM-19")
def test_activation_makes_a_cycle_due_and_deactivation_none(store: Store, secrets: Secrets) -> None:
    record = create(store, secrets, draft())
    assert record.due_at is None
    with store.writing() as session:
        active = integrations.activate(session, record.id, at=NOW)
    assert (active.active, active.due_at) == (True, NOW)
    with store.writing() as session:
        stopped = integrations.deactivate(session, record.id, at=NOW)
    assert (stopped.active, stopped.due_at) == (False, None)


@pytest.mark.req("CRM-11")
@pytest.mark.parametrize("missing", ["erp_user", "erp_password"])
def test_what_a_cycle_cannot_do_without_is_asked_for_at_activation(
    store: Store, secrets: Secrets, missing: str
) -> None:
    record = create(store, secrets, draft(**{missing: "" if missing == "erp_user" else None}))
    with pytest.raises(IntegrationInvalid) as refused, store.writing() as session:
        integrations.activate(session, record.id, at=NOW)
    assert refused.value.field == missing
    with store.reading() as session:
        assert not integrations.get(session, record.id).active


def test_an_integration_is_found_by_name_or_as_the_only_one(store: Store, secrets: Secrets) -> None:
    with store.reading() as session, pytest.raises(IntegrationUnknown, match="no integration yet"):
        integrations.find(session, None)
    first = create(store, secrets, draft())
    with store.reading() as session:
        assert integrations.find(session, None) == integrations.find(session, "Sage100") == first
        with pytest.raises(IntegrationUnknown, match="Autre"):
            integrations.find(session, "Autre")
        with pytest.raises(IntegrationUnknown):
            integrations.get(session, 4711)
    create(store, secrets, draft(name="Autre"), multi=True)
    with store.reading() as session, pytest.raises(IntegrationUnknown, match="several"):
        integrations.find(session, None)


def test_every_field_of_the_draft_has_its_column() -> None:
    columns = set(Integration.__table__.columns.keys())
    named = {"default_territory", "supplier_territory", "default_manager"}
    entered = {item.name for item in fields(IntegrationDraft)}
    assert {f"{name}_id" if name in named else name for name in entered} <= columns
