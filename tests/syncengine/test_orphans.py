"""Tiers secondaires / orphelins, and 'Créer la société' for one of them or for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from contracts.tables import CLIENT, SUPPLIER
from gateway.demo.edits import edit_tiers
from syncengine.crm.linking import break_link
from syncengine.crm.orphans import create_companies, create_company_for, list_orphans, list_secondary
from syncengine.errors import InputRefused, IntegrationUnknown
from syncengine.model import (
    Account,
    Address,
    AssignmentRule,
    Company,
    Contact,
    ErpState,
    JournalEntry,
    Phone,
    PhoneKind,
    RecordStatus,
    Territory,
)
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.conftest import NOW
from tests.syncengine.tied import LATER, count, get, lines, offers, refusal, tied
from tests.syncengine.world import world


def account(session: Session, integration: Any, code: str, **values: Any) -> Account:
    """An Account with an address, a contact and a number."""
    made = records.account(
        session, integration, **({"code": code, "name": code.title(), "representative": "7"} | values)
    )
    owner = {"company_id": made.company_id, "account_id": made.id}
    session.add(Address(**owner, kind="billing", erp_key="billing", is_default=True))
    contact = Contact(**owner, last_name="Martin", erp_key=str(made.id))
    session.add(contact)
    session.flush()
    session.add(Phone(**owner, contact_id=contact.id, kind=PhoneKind.MOBILE, number="06"))
    session.flush()
    return made


@pytest.mark.req("CRM-34")
def test_secondary_tiers_and_orphans_are_listed_a_page_at_a_time(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        other = records.integration(session, name="Filiale")
        owner = records.company(session, name="Propriétaire")
        main = records.account(session, integration, company_id=owner.id, is_main=True)
        second = account(session, integration, "SECOND", company_id=owner.id)
        orphans = [account(session, integration, f"O{number}") for number in range(3)]
        elsewhere = account(session, other, "AILLEURS")
        waiting = records.company(session)
        records.account(session, integration, company_id=waiting.id, is_main=True, erp_state=ErpState.AWAITED)

    with store.reading() as session:
        (line,) = list_secondary(session).items
        told = (line.account_id, line.code, line.company_id, line.company_name, line.main_account_id)
        assert told == (second.id, "SECOND", owner.id, "Propriétaire", main.id)
        page = list_orphans(session, integration_id=integration.id, limit=2)
        assert [(line.account_id, line.company_id) for line in page.items] == [
            (orphans[0].id, None),
            (orphans[1].id, None),
        ]
        rest = list_orphans(session, integration_id=integration.id, limit=2, after=page.after or 0)
        assert ([line.account_id for line in rest.items], rest.after) == ([orphans[2].id], None)
        assert [line.account_id for line in list_orphans(session, integration_id=other.id).items] == [elsewhere.id]
        assert len(list_orphans(session).items) == 4
        for limit in (0, 1001):
            with pytest.raises(InputRefused):
                list_orphans(session, limit=limit)


@pytest.mark.req("CRM-16", "CRM-17", "CRM-34", "CRM-35")
def test_a_company_is_made_of_an_orphan_as_of_a_tiers_that_arrives(store: Store) -> None:
    with store.writing() as session:
        integration, claire, _ = offers(session, manager_rule=AssignmentRule.AUTOMATIC)
        suppliers = Territory(name="Fournisseurs")
        session.add(suppliers)
        session.flush()
        integration.supplier_territory_id = suppliers.id
        values = {
            "status": RecordStatus.INACTIVE,
            "siret": "73282932000074",
            "payer": "AUTRE",
            "free_values": {"Zone": "Est"},
        }
        orphan = account(session, integration, "BIJOU", type=SUPPLIER, custom={"zone": "Nord"}, **values)
        company_id = create_company_for(session, orphan.id, at=LATER, by="claire")

        company, owner = get(session, Company, company_id), get(session, Account, orphan.id)
        assert (owner.company_id, owner.is_main) == (company_id, True)
        assert (company.company_type, company.status) == ("supplier", RecordStatus.INACTIVE)
        assert (company.code, company.name, company.siret, company.payer) == (
            "BIJOU",
            "Bijou",
            "73282932000074",
            "AUTRE",
        )
        assert (company.free_values, company.custom) == ({"Zone": "Est"}, {"zone": "Nord"})
        assert (company.manager_id, company.territory_id) == (claire.id, suppliers.id)
        assert (company.created_at, company.created_cycle_id) == (LATER, None)
        for entity in (Address, Contact, Phone):
            assert session.scalars(select(entity.company_id)).all() == [company_id]
        told = lines(session)
        assert ("account", "company_id", None, str(company_id), "linked") in told
        assert [line[1:3] for line in told if line[0] == "company"] == [("", None)]
        assert {row.by for row in session.scalars(select(JournalEntry))} == {"claire"}
        assert list_orphans(session).items == ()


@pytest.mark.req("CRM-34")
def test_a_secondary_tiers_gets_a_company_of_its_own_and_the_main_one_keeps_the_other(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        owner = get(session, Account, made.account)
        integration = owner.integration_id
        second = Account(
            integration_id=integration,
            type=CLIENT,
            code="SECOND",
            company_id=made.company,
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(second)
        session.flush()
        session.add(Contact(company_id=made.company, account_id=second.id, erp_key="8", last_name="Roux"))
        company_id = create_company_for(session, second.id, at=LATER)

        assert get(session, Account, second.id).company_id == company_id != made.company
        assert get(session, Account, made.account).company_id == made.company
        names = session.execute(select(Contact.last_name, Contact.company_id).order_by(Contact.id)).all()
        assert [tuple(row) for row in names] == [("Martin", made.company), ("Roux", company_id)]
        assert list_secondary(session).items == ()


@pytest.mark.req("CRM-34")
def test_a_tiers_that_has_its_company_or_is_not_there_is_refused(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        company = records.company(session)
        waiting = Account(
            integration_id=made.integration,
            type=CLIENT,
            company_id=company.id,
            is_main=True,
            erp_state=ErpState.AWAITED,
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(waiting)
    for account_id, code in ((made.account, "has_company"), (999, "account_unknown"), (waiting.id, "creation_awaited")):
        refused = refusal(store, lambda session, which=account_id: create_company_for(session, which, at=LATER))  # type: ignore[misc]
        assert refused.problem_code == code


@pytest.mark.req("CRM-34", "CRM-35")
def test_companies_are_made_for_all_of_an_integration_at_once(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        integration = get(session, Account, made.account).integration_id
        other = records.integration(session, name="Filiale")
        session.add_all(
            Account(
                integration_id=integration,
                type=SUPPLIER if number % 2 else CLIENT,
                code=f"T{number}",
                company_id=made.company if number % 3 == 0 else None,
                created_at=NOW,
                updated_at=NOW,
            )
            for number in range(1200)
        )
        account(session, other, "AILLEURS")

    with store.writing() as session:
        assert create_companies(session, integration, at=LATER, by="claire") == 1200
        assert create_companies(session, integration, at=LATER) == 0

    with store.reading() as session:
        assert count(session, Company) == 1201
        mine = select(Account.company_id).where(Account.integration_id == integration, Account.is_main)
        assert len(set(session.scalars(mine))) == 1201
        kinds = (
            select(Company.company_type, func.count())
            .where(Company.code.startswith("T"))
            .group_by(Company.company_type)
        )
        assert {row[0]: row[1] for row in session.execute(kinds)} == {"client": 600, "supplier": 600}
        assert [line.code for line in list_orphans(session).items] == ["AILLEURS"]
        whole = select(func.count()).where(JournalEntry.entity == "company", JournalEntry.field == "")
        assert session.scalar(whole) == 1200
    with store.writing() as session, pytest.raises(IntegrationUnknown):
        create_companies(session, 999, at=LATER)


@pytest.mark.req("CRM-34")
def test_the_work_for_all_grows_with_batches_and_not_with_tiers(store: Store) -> None:
    """Statements for 100 orphans and for 400: both fit into one batch."""
    counts = []
    for many in (100, 400):
        with store.writing() as session:
            integration = records.integration(session, name=f"Base {many}")
            for number in range(many):
                records.account(session, integration, code=f"T{number}")
        statements: list[str] = []

        def told(*told: Any, seen: list[str] = statements) -> None:
            seen.append(told[2])

        event.listen(store.engine, "before_cursor_execute", told)
        with store.writing() as session:
            create_companies(session, integration.id, at=LATER)
        event.remove(store.engine, "before_cursor_execute", told)
        counts.append(len(statements))
    assert counts[0] == counts[1] < 40


@pytest.mark.req("CRM-30", "CRM-34")
def test_an_orphan_goes_on_following_the_erp_until_it_has_a_company_again(tmp_path: Path, database_url: str) -> None:
    with world(tmp_path, database_url, tiers=6) as made:
        made.cycle()
        code = next(row["code"] for row in made.rows("accounts", type="client"))
        company, account_id = made.company(code), made.account(code)["id"]
        with made.store.writing() as session:
            break_link(session, company["id"], at=made.now(), by=None)
        with made.erp() as connection:
            edit_tiers(connection, code, CT_Intitule="Renommée SA")

        report = made.cycle()

        assert (report.counts.arrived, report.counts.changed, report.counts.sent) == (0, 1, 0)
        assert (made.account(code)["name"], made.account(code)["company_id"]) == ("Renommée SA", None)
        (kept,) = made.rows("companies", id=company["id"])
        assert (kept["name"], kept["code"]) == (company["name"], "[ATTENTE]")
        with made.store.writing() as session:
            create_company_for(session, account_id, at=made.now())
        again = made.cycle()
        assert made.company(code)["name"] == "Renommée SA"
        assert (again.counts.arrived, again.counts.changed, again.counts.sent) == (0, 0, 0)
