"""A Company as its screen shows it, after a first synchronisation with the real gateway."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.demo.edits import add_free_field, delete_free_field, edit_contact, edit_tiers
from gateway.free_fields import FreeFieldKind
from gateway.sage import F_COMPTET, F_CONTACTT, P_CATCOMPTA, P_STATISTIQUE
from syncengine.core.marker import MARKER
from syncengine.crm.companies import company_view
from syncengine.crm.company_sheet import CompanyView
from syncengine.errors import InputRefused
from syncengine.model import ErpState, LinkState, Phone, PhoneKind
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.world import World, world


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A small base after its first synchronisation."""
    with world(tmp_path, database_url, tiers=10, documents=6.0) as made:
        assert made.cycle().problem is None
        yield made


def view_of(store: Store, which: str | int) -> CompanyView:
    with store.reading() as session:
        return company_view(session, which)


def view(made: World, code: str) -> CompanyView:
    return view_of(made.store, code)


def a_client(made: World) -> str:
    """The code of a client that has contacts and free-field values."""
    with_contacts = {row["account_id"] for row in made.rows("contacts")}
    rows = (row for row in made.rows("accounts", type="client") if row["id"] in with_contacts and row["free_values"])
    return str(next(rows)["code"])


@pytest.mark.req("CRM-37", "CRM-38", "CRM-40", "CRM-44", "CRM-45")
def test_a_company_shows_its_fields_in_the_words_of_the_erp(synchronised: World) -> None:
    code = a_client(synchronised)
    with synchronised.erp() as connection:
        tiers = connection.execute(select(F_COMPTET).where(F_COMPTET.c.CT_Num == code)).mappings().one()
        titles = connection.scalars(select(P_STATISTIQUE.c.S_Intitule).order_by(P_STATISTIQUE.c.cbIndice)).all()
        category = connection.scalar(select(P_CATCOMPTA.c[f"CA_ComptaVen{tiers['N_CatCompta']:02d}"]))
    found = view(synchronised, code.lower())
    fields = {item.name: item for item in found.fields}

    assert (found.code, found.name, found.company_type) == (code, tiers["CT_Intitule"], "client")
    assert found.tiers is not None
    assert (found.tiers.integration, found.tiers.link_state) == ("Sage100", LinkState.LINKED)
    assert found.tiers.erp_state is ErpState.PRESENT
    assert found.territory == "Monde"
    assert (fields["siret"].label, fields["siret"].value) == ("SIRET", tiers["CT_Siret"])
    assert fields["accounting_category"].meaning == category
    assert None not in {fields[name].meaning for name in ("price_category", "currency", "language")}
    assert fields["collective_account"].label == "Compte collectif"
    named = [title for title in titles if title]
    assert named
    assert [item.label for item in found.statistics][: len(named)] == named
    assert found.statistics[0].value == (tiers["CT_Statistique01"] or None)

    (default_contact,) = [contact for contact in found.contacts if contact.is_default]
    (default_address,) = [address for address in found.addresses if address.is_default]
    assert default_contact == found.contacts[0]
    assert default_contact.service_label
    assert (default_address.kind, default_address.town) == ("billing", tiers["CT_Ville"])
    assert default_contact.default_address_id == default_address.id
    assert found.addresses[0] == default_address
    assert view_of(synchronised.store, found.id) == found


@pytest.mark.req("CRM-03")
def test_the_engine_holds_which_record_of_the_crm_is_which_tiers_and_keeps_to_it(synchronised: World) -> None:
    code = a_client(synchronised)
    links = synchronised.rows("links", entity="account")
    accounts = {row["code"]: row["id"] for row in synchronised.rows("accounts")}
    before = view(synchronised, code)
    with synchronised.erp() as erp:
        tiers = set(erp.scalars(select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Type.in_((0, 1)))))
        edit_tiers(erp, code, CT_Intitule="Une autre raison sociale", CT_Siret="")
    assert {row["erp_key"]: row["local_id"] for row in links} == accounts
    assert accounts.keys() == tiers
    assert all(row["base"] and row["erp_version"] for row in links)

    synchronised.cycle()
    after = view(synchronised, code)
    assert (after.id, after.tiers, after.name) == (before.id, before.tiers, "Une autre raison sociale")
    same = ("id", "erp_key", "local_id")
    assert [[row[name] for name in same] for row in synchronised.rows("links", entity="account")] == [
        [row[name] for name in same] for row in links
    ]


@pytest.mark.req("CRM-39", "CRM-43")
def test_an_empty_number_shows_the_marker_until_the_erp_fills_it_and_no_longer_once_the_link_is_gone(
    synchronised: World,
) -> None:
    code = a_client(synchronised)
    with synchronised.erp() as erp:
        number = erp.scalar(select(F_CONTACTT.c.CT_No).where(F_CONTACTT.c.CT_Num == code).order_by(F_CONTACTT.c.CT_No))
        assert number is not None
        edit_tiers(erp, code, CT_Telephone="01 44 55 66 77", CT_Telecopie="", CT_EMail="")
        edit_contact(erp, number, CT_TelPortable="", CT_EMail="contact@exemple.fr")
    synchronised.cycle()
    found = view(synchronised, code)
    (contact,) = [contact for contact in found.contacts if contact.erp_key == str(number)]
    assert (found.standard, found.fax, found.email) == ("01 44 55 66 77", MARKER, MARKER)
    assert (contact.mobile, contact.email) == (MARKER, "contact@exemple.fr")

    with synchronised.erp() as erp:
        edit_tiers(erp, code, CT_EMail="info@exemple.fr")
    synchronised.cycle()
    assert view(synchronised, code).email == "info@exemple.fr"
    kept = {row["number"] for row in synchronised.rows("phones")} | {
        row["address"] for row in synchronised.rows("emails")
    }
    assert MARKER not in kept

    with synchronised.erp() as erp:
        edit_tiers(erp, code, CT_Type=2)
    synchronised.cycle()
    gone = view(synchronised, code)
    assert gone.tiers is not None
    assert (gone.tiers.link_state, gone.tiers.erp_state) == (LinkState.VANISHED, ErpState.OUT_OF_SCOPE)
    assert (gone.standard, gone.fax) == ("01 44 55 66 77", None)
    assert {item.mobile for item in gone.contacts if item.erp_key == str(number)} == {None}


@pytest.mark.req("CRM-46")
def test_free_fields_show_their_type_and_value_and_are_struck_out_once_the_erp_has_them_no_more(
    synchronised: World,
) -> None:
    code = a_client(synchronised)
    with synchronised.erp() as erp:
        add_free_field(erp, "Zone de tournée", FreeFieldKind.TEXT, 20)
    with synchronised.erp() as erp:
        edit_tiers(erp, code, at=None, **{"Zone de tournée": "Nord-Est", "Origine": "Salon"})
    synchronised.cycle()
    before = {item.name: item for item in view(synchronised, code).free_fields}
    assert (before["Zone de tournée"].type, before["Zone de tournée"].value) == ("text", "Nord-Est")
    assert (before["Origine"].type, before["Origine"].value) == ("list", "Salon")
    assert [item for item in before.values() if item.struck_out] == []

    with synchronised.erp() as erp:
        delete_free_field(erp, "Zone de tournée")
        delete_free_field(erp, "Origine")
        add_free_field(erp, "Origine", FreeFieldKind.VALUE)
    with synchronised.erp() as erp:
        edit_tiers(erp, code, Origine=12.5)
    synchronised.cycle()
    after = view(synchronised, code).free_fields
    struck = [(item.name, item.type) for item in after if item.struck_out]
    assert sorted(struck) == [("Origine", "list"), ("Zone de tournée", "text")]
    assert [item.struck_out for item in after] == sorted(item.struck_out for item in after)
    (living,) = [item for item in after if item.name == "Origine" and not item.struck_out]
    (former,) = [item for item in after if item.name == "Origine" and item.struck_out]
    assert (living.type, living.value, former.value) == ("value", "12.5", None)


@pytest.mark.req("CRM-40", "CRM-48")
def test_the_turnover_of_both_years_is_shown_as_it_is_kept_for_reports(synchronised: World) -> None:
    figures = {row["erp_key"]: row for row in synchronised.rows("ca_realise")}
    code, row = next((code, row) for code, row in figures.items() if row["current_year"] and row["account_id"])
    turnover = view(synchronised, code).turnover

    assert turnover is not None
    assert isinstance(turnover.current_year, Decimal)
    assert (turnover.current_year, turnover.previous_year) == (row["current_year"], row["previous_year"])
    assert turnover.currency == "EUR"
    assert timedelta() < synchronised.now() - turnover.updated_at < timedelta(minutes=10)


@pytest.mark.req("CRM-43")
def test_a_company_without_tiers_shows_no_marker(store: Store) -> None:
    with store.writing() as session:
        made = records.company(session, name="Prospect", company_type="prospect")
    found = view_of(store, made.id)

    assert (found.tiers, found.turnover, found.free_fields) == (None, None, ())
    assert (found.standard, found.fax, found.email) == (None, None, None)


@pytest.mark.req("CRM-39")
def test_the_numbers_of_a_secondary_account_are_not_the_company_s_own(store: Store) -> None:
    with store.writing() as session:
        erp = records.integration(session)
        made = records.company(session, code="DUPONT")
        main = records.account(session, erp, company_id=made.id, is_main=True)
        second = records.account(session, erp, company_id=made.id)
        for owner, number in ((second, "02"), (main, "01"), (second, "03")):
            session.add(Phone(company_id=made.id, account_id=owner.id, kind=PhoneKind.STANDARD, number=number))
        session.add(Phone(company_id=made.id, account_id=second.id, kind=PhoneKind.FAX, number="04"))
    found = view_of(store, made.id)

    assert (found.standard, found.fax) == ("01", None)
    assert found.tiers is not None
    assert (found.tiers.account_id, found.tiers.link_state) == (main.id, None)


def test_a_company_that_is_not_there_or_not_the_only_one_is_refused_with_what_to_do(store: Store) -> None:
    with store.writing() as session:
        ids = [records.company(session, code=code).id for code in ("DUPONT", "dupont", "2")]
    for wanted, code in (
        ("PERSONNE", "company_unknown"),
        ("1", "company_unknown"),
        (999, "company_unknown"),
        (2**70, "company_unknown"),
        ("Dupont", "company_ambiguous"),
        ("DUP\0", "input_refused"),
        ("DUP\udce9", "input_refused"),
    ):
        with pytest.raises(InputRefused) as refused:
            view_of(store, wanted)
        assert (refused.value.problem_code, bool(refused.value.remedy)) == (code, True)
    # CRM-22: a code of the CRM's numbering is a number too, and not an id.
    assert view_of(store, "2").id == ids[2]
