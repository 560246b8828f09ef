"""Several companies of Sage 100 in one CRM base: each tiers of each has its own Company, and no cycle is another's (CRM-62)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.edits import delete_tiers, edit_tiers, insert_contact, insert_tiers
from syncengine.crm import company_edits
from syncengine.crm.company_code import set_code
from syncengine.crm.company_removal import delete_company
from syncengine.crm.creation import create_tiers
from syncengine.crm.duplicates import likely_duplicates
from syncengine.crm.linking import break_link, link_company
from syncengine.crm.names import account_id, company_id
from syncengine.crm.orphans import list_orphans
from syncengine.crm.struck_fields import remove_struck_fields
from syncengine.cycle.run import Order
from syncengine.errors import InputRefused, IntegrationUnknown
from syncengine.model import Base
from tests.syncengine.two_companies import account, of, two_companies
from tests.syncengine.world import World

CODES = ("ACME", "BETA")
MINE = ("accounts", "links", "outbox", "sync_errors", "conflicts", "cursors", "representatives", "ca_realise", "cycles")
Pair = tuple[World, World]


@pytest.fixture
def both(tmp_path: Path, database_url: str) -> Iterator[Pair]:
    """The same two clients in both companies, with other values; the first synchronisations took turns."""
    with two_companies(tmp_path, database_url) as (first, second):
        for made, town in ((first, "Lyon"), (second, "Nantes")):
            with made.erp() as connection:
                for code in CODES:
                    insert_tiers(connection, code, f"{code.title()} {town}", CT_Site=f"www.{town}.fr", CT_Ville=town)
                    insert_contact(connection, code, town, CT_Telephone="0102030405")
            made.page_size = 3
        first.cycle()
        second.cycle()
        yield first, second


def held(made: World) -> dict[str, Any]:
    """All that is of one integration in the CRM base, and its ERP base."""
    found: dict[str, Any] = {name: of(made, name) for name in MINE}
    ids = [row["id"] for row in found["accounts"]]
    for name in ("contacts", "addresses", "phones", "emails"):
        found[name] = [row for row in made.rows(name) if row["account_id"] in ids]
    owned = {row["company_id"] for row in found["accounts"]}
    found["companies"] = [row for row in made.rows("companies") if row["id"] in owned]
    return found | {"erp": made.erp_dump()}


def edit(made: World, code: str, **values: Any) -> None:
    """Somebody edits the Company of that company's tiers."""
    with made.store.writing() as session:
        company_edits.edit_company(session, account(made, code)["company_id"], values, made.act())


@pytest.mark.req("CRM-62", "CRM-27")
def test_the_same_code_in_two_companies_is_two_tiers_with_a_company_each(both: Pair) -> None:
    first, second = both
    for code in CODES:
        rows = [account(made, code) for made in both]
        companies = [made.rows("companies", id=row["company_id"])[0] for made, row in zip(both, rows, strict=True)]
        assert rows[0]["company_id"] != rows[1]["company_id"]
        assert [one["code"] for one in companies] == [code, code]
        assert [one["name"] for one in companies] == [f"{code.title()} Lyon", f"{code.title()} Nantes"]
    assert len(first.rows("companies")) == len(first.rows("accounts")) == 2 * (3 + len(CODES))
    assert len(of(first, "links")) == len(of(second, "links")) == 3 + len(CODES)
    codes = [{row["code"] for row in of(made, "representatives")} for made in both]
    assert codes[0] == codes[1]

    edit(first, "ACME", web_site="www.un.fr")
    edit(second, "ACME", contact_person="Deux")
    with second.erp() as connection:
        edit_tiers(connection, "BETA", CT_Contact="Deux")
        delete_tiers(connection, "ACME")
    before = held(second)

    report = first.cycle()

    assert (report.counts.sent, report.counts.changed, report.problem) == (1, 0, None)
    assert held(second) == before
    assert first.erp_row("ACME")["CT_Site"] == "www.un.fr"
    before = held(first)
    report = second.cycle()
    assert (report.counts.vanished, report.counts.changed) == (1, 1)
    assert held(first) == before
    assert account(first, "ACME")["erp_state"] == "present"
    assert account(second, "ACME")["erp_state"] == "deleted"
    assert account(first, "BETA")["contact_person"] is None
    assert (first.cycle().counts.sent, second.cycle().counts.sent) == (0, 0)


@pytest.mark.req("CRM-62", "NEW-04", "CRM-09")
def test_an_undo_and_a_full_resync_of_one_leave_the_other_alone(both: Pair) -> None:
    first, second = both
    for made, word in ((first, "Un"), (second, "Deux")):
        with made.erp() as connection:
            edit_tiers(connection, "ACME", CT_Contact=word)
    changed = first.cycle()
    second.cycle()
    edit(second, "BETA", web_site="www.attend.fr")
    before = held(second)

    undone = first.cycle(Order(undoes=changed.cycle_id))
    assert (undone.problem, undone.counts.undone) == (None, 1)
    assert account(first, "ACME")["contact_person"] is None
    assert first.cycle(Order(full=True)).problem is None

    assert held(second) == before
    assert account(second, "ACME")["contact_person"] == "Deux"
    with pytest.raises(InputRefused):
        second.preview(Order(undoes=changed.cycle_id))
    assert second.cycle().counts.sent == 1


@pytest.mark.req("CRM-62", "CRM-20", "CRM-25")
def test_a_code_is_unique_within_its_company_of_the_erp_alone(both: Pair) -> None:
    first, second = both
    with first.erp() as connection:
        insert_tiers(connection, "CESAR", "César Lyon")
    first.cycle()
    with first.store.writing() as session:
        made = company_edits.create_company(session, {"name": "César Nantes", "company_type": "client"}, first.act()).id
        with pytest.raises(IntegrationUnknown):
            set_code(session, made, "CESAR", at=first.now())
        with pytest.raises(InputRefused) as taken:
            set_code(session, made, "CESAR", at=first.now(), integration_id=first.integration_id)
        assert taken.value.problem_code == "code_in_use"
        assert set_code(session, made, "CESAR", at=first.now(), integration_id=second.integration_id) == "CESAR"
        create_tiers(session, made, integration_id=second.integration_id, at=first.now(), multi=True)

    assert first.cycle().counts.created_in_erp == 0
    assert second.cycle().counts.created_in_erp == 1

    assert second.erp_row("CESAR")["CT_Intitule"] == "César Nantes"
    assert first.erp_row("CESAR")["CT_Intitule"] == "César Lyon"
    assert account(second, "CESAR")["company_id"] == made != account(first, "CESAR")["company_id"]


@pytest.mark.req("CRM-62", "CRM-30", "CRM-31", "CRM-32")
def test_names_links_and_removals_know_which_company_of_the_erp_is_meant(both: Pair) -> None:
    first, second = both
    mine, theirs = account(first, "ACME"), account(second, "ACME")
    with first.store.writing() as session:
        with pytest.raises(InputRefused) as which:
            company_id(session, "ACME")
        assert which.value.problem_code == "company_ambiguous"
        with pytest.raises(InputRefused) as which:
            account_id(session, "ACME")
        assert which.value.problem_code == "account_ambiguous"
        assert account_id(session, "ACME", second.integration_id) == theirs["id"]
        alike = likely_duplicates(session, company_id=mine["company_id"])
        assert theirs["company_id"] in {one.company_id for one in alike}

        broken = break_link(session, theirs["company_id"], at=first.now())
        with pytest.raises(InputRefused) as tied:
            link_company(session, mine["company_id"], broken.account_id, at=first.now())
        assert tied.value.problem_code == "already_linked"
        with pytest.raises(InputRefused) as linked:
            delete_company(session, mine["company_id"], first.act())
        assert linked.value.problem_code == "company_linked"
        delete_company(session, theirs["company_id"], first.act())
        assert list_orphans(session, integration_id=first.integration_id).items == ()
        assert [one.code for one in list_orphans(session, integration_id=second.integration_id).items] == ["ACME"]
    assert [made.cycle().problem for made in both] == [None, None]
    assert account(first, "ACME")["company_id"] == mine["company_id"]


@pytest.mark.req("CRM-62", "CRM-46")
def test_free_fields_struck_out_in_one_company_stay_where_another_has_them(both: Pair) -> None:
    first, second = both
    definitions, accounts, companies = (
        Base.metadata.tables[name] for name in ("free_field_definitions", "accounts", "companies")
    )
    name = of(first, "free_field_definitions")[0]["name"]
    with first.store.writing() as session:
        broken = break_link(session, account(second, "BETA")["company_id"], at=first.now())
        session.execute(accounts.update().values(free_values={name: "x"}))
        session.execute(companies.update().values(free_values={name: "x"}))
        session.execute(
            definitions.update()
            .where(definitions.c.integration_id == first.integration_id, definitions.c.name == name)
            .values(state="no_longer_replicated")
        )

    with first.store.writing() as session:
        remove_struck_fields(session, first.integration_id, at=first.now())

    assert {row["free_values"] for row in of(first, "accounts")} == {None}
    assert all(row["free_values"] == {name: "x"} for row in of(second, "accounts"))
    (left,) = first.rows("companies", id=broken.company_id)
    assert left["free_values"] == {name: "x"}
