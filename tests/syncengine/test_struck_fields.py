"""'Supprimer les champs non synchronisés': struck-out free fields go, with their values, and no living one loses any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.tables import CLIENT
from gateway.demo.edits import add_free_field, delete_free_field, edit_tiers
from gateway.free_fields import FreeFieldKind
from syncengine.crm.struck_fields import remove_struck_fields
from syncengine.errors import IntegrationUnknown
from syncengine.model import Account, Company, FreeFieldDefinition, FreeFieldState
from syncengine.storage.store import Store
from tests.crm import differences, dump
from tests.syncengine import records
from tests.syncengine.conftest import NOW
from tests.syncengine.tied import LATER, count, get, lines
from tests.syncengine.world import world

LIVING, STRUCK = FreeFieldState.REPLICATED, FreeFieldState.NO_LONGER_REPLICATED


def define(session: Session, integration_id: int, name: str, kind: str, state: FreeFieldState) -> None:
    """A definition."""
    session.add(FreeFieldDefinition(integration_id=integration_id, name=name, type=kind, state=state))
    session.flush()


@pytest.mark.req("CRM-46")
def test_struck_fields_go_with_their_values_and_a_name_that_lives_on_keeps_its_own(store: Store) -> None:
    with store.writing() as session:
        integration = records.integration(session)
        define(session, integration.id, "Zone", "text", LIVING)
        define(session, integration.id, 'Vieux "champ".x', "text", STRUCK)
        define(session, integration.id, "Origine", "list", STRUCK)
        define(session, integration.id, "Origine", "value", LIVING)
        values = {"Zone": "Est", 'Vieux "champ".x': "oui", "Origine": "12"}
        company = records.company(session, code="BIJOU", free_values=values)
        account = records.account(
            session, integration, company_id=company.id, is_main=True, code="BIJOU", free_values=values
        )
        alone = records.account(session, integration, code="ORPHELIN", free_values={'Vieux "champ".x': "seul"})
        parted = records.company(session, free_values={'Vieux "champ".x': "rompu"})
        plain = records.company(session, name="Sans")

    with store.writing() as session:
        removed = remove_struck_fields(session, integration.id, at=LATER, by="claire")

    assert (removed.accounts, removed.companies) == (2, 2)
    assert removed.fields == (('Vieux "champ".x', "text"), ("Origine", "list"))
    with store.reading() as session:
        for row in (get(session, Account, account.id), get(session, Company, company.id)):
            assert (row.free_values, row.updated_at) == ({"Zone": "Est", "Origine": "12"}, LATER)
        assert get(session, Account, alone.id).free_values is None
        assert get(session, Company, parted.id).free_values is None
        assert get(session, Company, plain.id).updated_at == NOW
        rows = session.scalars(select(FreeFieldDefinition).order_by(FreeFieldDefinition.name)).all()
        assert [(row.name, row.type) for row in rows] == [("Origine", "value"), ("Zone", "text")]
        told = lines(session)
        assert ("account", 'Vieux "champ".x', "oui", None, "edited") in told
        assert ("company", 'Vieux "champ".x', "rompu", None, "edited") in told
        assert len([line for line in told if line[0] == "free_field"]) == 2

    before = dump(store)
    with store.writing() as session:
        again = remove_struck_fields(session, integration.id, at=LATER)
        assert (again.fields, again.accounts, again.companies) == ((), 0, 0)
    assert differences(before, dump(store)) == []


@pytest.mark.req("CRM-46", "CRM-62")
def test_another_integration_keeps_its_definitions_and_values(store: Store) -> None:
    with store.writing() as session:
        first, second = records.integration(session), records.integration(session, name="Filiale")
        for made, state in ((first, STRUCK), (second, LIVING)):
            define(session, made.id, "Zone", "text", state)
            company = records.company(session, free_values={"Zone": "Est"})
            records.account(session, made, company_id=company.id, is_main=True, free_values={"Zone": "Est"})
    with store.writing() as session:
        removed = remove_struck_fields(session, first.id, at=LATER)
        assert (removed.accounts, removed.companies) == (1, 1)
    with store.reading() as session:
        rows = session.execute(select(Account.integration_id, Account.free_values).order_by(Account.id)).all()
        assert [tuple(row) for row in rows] == [(first.id, None), (second.id, {"Zone": "Est"})]
        assert count(session, FreeFieldDefinition) == 1
    with store.writing() as session, pytest.raises(IntegrationUnknown):
        remove_struck_fields(session, 999, at=LATER)


@pytest.mark.req("CRM-46")
def test_it_goes_through_any_number_of_records(store: Store) -> None:
    with store.writing() as session:
        integration = records.integration(session)
        define(session, integration.id, "Zone", "text", STRUCK)
        rows: list[Any] = [
            Account(
                integration_id=integration.id,
                type=CLIENT,
                free_values={"Zone": str(number)} if number % 2 else {"Rang": "A"},
                created_at=NOW,
                updated_at=NOW,
            )
            for number in range(2_500)
        ]
        session.add_all(rows)
    with store.writing() as session:
        assert remove_struck_fields(session, integration.id, at=LATER).accounts == 1_250
    with store.reading() as session:
        assert {str(values) for values in session.scalars(select(Account.free_values))} == {"None", "{'Rang': 'A'}"}


@pytest.mark.req("CRM-46")
def test_a_field_deleted_in_the_erp_is_gone_for_good_and_the_next_cycle_writes_nothing(
    tmp_path: Path, database_url: str
) -> None:
    with world(tmp_path, database_url, tiers=6) as made:
        with made.erp() as connection:
            add_free_field(connection, "Zone de tournée", FreeFieldKind.TEXT, 20)
        made.cycle()
        code = next(row["code"] for row in made.rows("accounts", type="client"))
        with made.erp() as connection:
            edit_tiers(connection, code, at=None, **{"Zone de tournée": "Nord"})
        made.cycle()
        assert made.company(code)["free_values"]["Zone de tournée"] == "Nord"
        with made.erp() as connection:
            delete_free_field(connection, "Zone de tournée")
        made.cycle()

        with made.store.writing() as session:
            removed = remove_struck_fields(session, made.integration_id, at=made.now())

        assert removed.fields == (("Zone de tournée", "text"),)
        assert "Zone de tournée" not in str(made.rows("accounts") + made.rows("companies"))
        before = dump(made.store)
        report = made.cycle()
        assert (report.counts.changed, report.counts.sent) == (0, 0)
        assert differences(before, dump(made.store)) == []
