"""The ERP's rules for writes, over HTTP: what is refused leaves no row changed, what is done is stored as the ERP does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from contracts.client import GatewayClient
from contracts.fields import Record
from contracts.tables import ADDRESS, FREE_FIELD_VALUE
from gateway.database import reading, writing
from gateway.demo.edits import add_free_field, edit_tiers, insert_contact, insert_delivery, insert_tiers
from gateway.free_fields import FreeFieldKind
from gateway.sage import (
    F_COMPTET,
    F_COMPTETG,
    F_CONTACTT,
    F_DOCENTETE,
    F_LIVRAISON,
    P_CATTARIF,
    P_DEVISE,
    P_SERVICECPTA,
    P_TIERS,
)
from tests.gateway.base import LONG_AGO, add_invoice, make_base
from tests.gateway.live import live_gateway
from tests.gateway.writes import (
    billing,
    changed,
    contact,
    create,
    deliveries,
    delivery,
    execute,
    now,
    outcome,
    rows_of,
    tiers_of,
)
from tests.gateway.writes import update as update_of

Make = Callable[[Record], Record]


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """Clients with lists; T001 has two more addresses, of which documents name one, and two contacts."""
    engine = make_base(database_url)
    with writing(engine) as connection:
        connection.execute(insert(P_CATTARIF), [{"cbIndice": n, "CT_Intitule": f"Tarif {n}"} for n in (2, 4)])
        connection.execute(insert(P_SERVICECPTA), [{"cbIndice": 1, "S_Intitule": "Direction"}])
        connection.execute(insert(P_DEVISE), [{"cbIndice": 1, "D_Intitule": "Euro", "D_CodeISO": "EUR"}])
        connection.execute(insert(P_TIERS).values(cbIndice=2, T_Numerotation=0, T_Lg=17, T_Racine=""))
        used = insert_delivery(connection, "T001", "Quai", at=LONG_AGO)
        insert_delivery(connection, "T001", "Entrepôt", at=LONG_AGO)
        add_invoice(connection, "T001", "FA1", dt.date(2026, 1, 1), 10, LONG_AGO, LI_No=used)
        insert_contact(connection, "T001", "Durand", CT_Prenom="Dominique", at=LONG_AGO)
        insert_contact(connection, "T001", "Martin", at=LONG_AGO)
        add_free_field(connection, "Couleur", FreeFieldKind.TEXT, 20)
        edit_tiers(connection, "T001", Couleur="Rouge", at=LONG_AGO)
    yield engine
    engine.dispose()


@pytest.fixture
def client(base: Engine) -> Iterator[GatewayClient]:
    with live_gateway(base) as live, live.client() as client:
        yield client


def _with_contact(present: Record, position: int, **values: Any) -> list[Record]:
    people = present.many("contacts")
    return [changed(one, **values) if at == position else one for at, one in enumerate(people)]


def _free(name: str, value: str) -> list[Record]:
    return [FREE_FIELD_VALUE.record(name=name, value=value)]


def _address(tiers: Record, title: str) -> Record:
    return next(one for one in deliveries(tiers) if one.text("title") == title)


REFUSED: dict[str, tuple[Make, str, str]] = {
    "unknown tiers": (lambda t: update_of(t, code="ABSENT"), "unknown_tiers", "Code"),
    "employee": (lambda t: update_of(t, code="SAL001"), "unknown_tiers", "Code"),
    "other": (lambda t: update_of(t, code="URSSAF"), "unknown_tiers", "Code"),
    "no name": (lambda t: update_of(t, name=None), "field_required", "Name"),
    "blank name": (lambda t: update_of(t, name="  "), "field_required", "Name"),
    "long name": (lambda t: update_of(t, name="x" * 200), "too_long", "Name"),
    "long e-mail": (lambda t: update_of(t, email="x" * 300), "too_long", "Email"),
    "another type": (lambda t: update_of(t, type="supplier"), "read_only_field", "Type"),
    "price category": (lambda t: update_of(t, price_category="3"), "unknown_value", "PriceCategory"),
    "accounting category": (lambda t: update_of(t, accounting_category="x"), "unknown_value", "AccountingCategory"),
    "currency": (lambda t: update_of(t, currency="9"), "unknown_value", "Currency"),
    "a number of 5,000 digits": (lambda t: update_of(t, currency="9" * 5000), "unknown_value", "Currency"),
    "language": (lambda t: update_of(t, language="3"), "unknown_value", "Language"),
    "representative": (lambda t: update_of(t, representative="77"), "unknown_representative", "Representative"),
    "no such payer": (lambda t: update_of(t, payer="ABSENT"), "unknown_payer", "Payer"),
    "employee as payer": (lambda t: update_of(t, payer="SAL001"), "unknown_payer", "Payer"),
    "another payer": (lambda t: update_of(t, payer="T002"), "read_only_field", "Payer"),
    "risk label": (lambda t: update_of(t, risk_label="x"), "read_only_field", "RiskLabel"),
    "statistic": (lambda t: update_of(t, statistic01="x"), "read_only_field", "Statistic01"),
    "free field": (lambda t: update_of(t, free_fields=_free("Couleur", "Bleu")), "read_only_field", "Value"),
    "no such free field": (lambda t: update_of(t, free_fields=_free("Autre", "x")), "read_only_field", "Value"),
    "contact without name": (lambda t: update_of(t, contacts=[contact(" ")]), "field_required", "LastName"),
    "contact twice": (
        lambda t: update_of(t, contacts=[*t.many("contacts"), contact("DURAND", first_name="dominique")]),
        "contact_in_use",
        "LastName",
    ),
    "two new contacts alike": (
        lambda t: update_of(t, contacts=[contact("Petit"), contact("petit ")]),
        "contact_in_use",
        "LastName",
    ),
    "contact of another": (lambda t: update_of(t, contacts=[contact("x", key="999")]), "unknown_child", "Key"),
    "one key twice": (
        lambda t: update_of(t, contacts=[t.many("contacts")[0], t.many("contacts")[0]]),
        "invalid_transaction",
        "Key",
    ),
    "service": (lambda t: update_of(t, contacts=_with_contact(t, 0, service="8")), "unknown_value", "Service"),
    "civility": (lambda t: update_of(t, contacts=_with_contact(t, 0, civility="DR")), "unknown_value", "Civility"),
    "long phone": (lambda t: update_of(t, contacts=_with_contact(t, 1, phone="0" * 22)), "too_long", "Phone"),
    "title in use": (
        lambda t: update_of(t, addresses=[*t.many("addresses"), delivery(title="quai")]),
        "title_in_use",
        "Title",
    ),
    "address of documents": (lambda t: update_of(t, addresses=[]), "address_in_use", "Addresses"),
    "kind": (lambda t: update_of(t, addresses=[ADDRESS.record(kind="home")]), "unknown_value", "Kind"),
    "kind changed": (
        lambda t: update_of(t, addresses=[changed(_address(t, "Quai"), kind="billing")]),
        "read_only_field",
        "Kind",
    ),
    "two billing": (lambda t: update_of(t, addresses=[billing(), billing()]), "invalid_transaction", "Kind"),
    "main address": (
        lambda t: update_of(t, addresses=[changed(_address(t, "Quai"), main=True)]),
        "read_only_field",
        "Main",
    ),
    "code in use": (lambda _: create(code="t002"), "code_in_use", "Code"),
    "code of an employee": (lambda _: create(code="SAL001"), "code_in_use", "Code"),
    "code in small letters": (lambda _: create(code="PETIT"), "code_in_use", "Code"),
    "code with a blank": (lambda _: create(code="AB CD"), "account_code_invalid", "Code"),
    "code with an accent": (lambda _: create(code="ÉTÉ"), "account_code_invalid", "Code"),
    "code too long": (lambda _: create(code="A" * 18), "account_code_invalid", "Code"),
    "codification off": (lambda _: create(type="supplier"), "account_code_invalid", "Code"),
    "type": (lambda _: create(code="NEUF", type="employee"), "unknown_value", "Type"),
    "new without a name": (lambda _: create(code="NEUF", name=None), "field_required", "Name"),
    "new with an unknown payer": (lambda _: create(code="NEUF", payer="ABSENT"), "unknown_payer", "Payer"),
    "new with a collective account": (
        lambda _: create(code="NEUF", collective_account="4110001"),
        "read_only_field",
        "CollectiveAccount",
    ),
    "new with two titles alike": (
        lambda _: create(code="NEUF", addresses=[delivery(title="A"), delivery(title="a")]),
        "title_in_use",
        "Title",
    ),
}


@pytest.mark.req("CRM-49", "CRM-20", "CRM-23", "CRM-40", "CRM-41")
def test_what_is_refused_leaves_no_row_changed(base: Engine, client: GatewayClient) -> None:
    with writing(base) as connection:
        insert_tiers(connection, "petit", "Un code en minuscules", at=LONG_AGO)
    present, rows = tiers_of(client), rows_of(base)

    for name, (make, code, field) in REFUSED.items():
        # The rest of the record is good: nothing of it may stay.
        transaction = make(present)
        (result,) = execute(client, transaction)

        assert outcome(result) == ("refused", code, field), name
        assert result.text("message"), name
        assert result.text("remedy"), name
        assert rows_of(base) == rows, name


@pytest.mark.req("CRM-23")
def test_the_words_of_a_base_that_gives_no_numbers(client: GatewayClient) -> None:
    (result,) = execute(client, create(type="supplier"))
    assert result.text("message") == "N° de compte invalide"


@pytest.mark.req("CRM-37", "CRM-39", "CRM-17")
def test_values_are_stored_as_the_erp_does(base: Engine, client: GatewayClient) -> None:
    said: dict[str, Any] = {
        "name": "  Łódź  Été ",
        "siret": "552 100 554 00026",
        "naf_code": "6201Z",
        "representative": "2",
        "price_category": "4",
        "currency": "1",
        "language": "2",
        "dormant": True,
        "email": "a@exemple.fr ",
        "contact_person": "日本",
    }

    (result,) = execute(client, update_of(tiers_of(client), **said))

    after = now(result)
    assert outcome(result) == ("done", "", "")
    assert {attr: after[attr] for attr in said} == {
        **said,
        "name": "Lódz Été",
        "siret": "55210055400026",
        "email": "a@exemple.fr",
        "contact_person": "??",
    }
    assert "Siret" in result.text("message")
    assert "ContactPerson" in result.text("message")
    with reading(base) as connection:
        columns = (F_COMPTET.c.CT_Sommeil, F_COMPTET.c.CO_No, F_COMPTET.c.N_CatTarif)
        assert tuple(connection.execute(select(*columns).where(F_COMPTET.c.CT_Num == "T001")).one()) == (1, 2, 4)


def test_a_right_siret_brings_no_warning(client: GatewayClient) -> None:
    (result,) = execute(client, update_of(tiers_of(client), siret="732 829 320 00074"))
    assert (result.text("status"), result.text("message")) == ("done", "")


@pytest.mark.req("CRM-26", "CRM-37")
def test_what_is_emptied_is_empty_or_the_first_of_its_list(client: GatewayClient) -> None:
    emptied: dict[str, Any] = dict.fromkeys(("representative", "price_category", "currency", "fax"))
    (result,) = execute(client, update_of(tiers_of(client), **emptied))

    after = now(result)
    assert [after.text(attr) for attr in emptied] == ["", "2", "0", ""]


@pytest.mark.req("CRM-38", "CRM-41")
def test_a_list_of_addresses_is_the_whole_truth(base: Engine, client: GatewayClient) -> None:
    present = tiers_of(client)
    kept = changed(_address(present, "Quai"), title=None, town="Brest")
    wanted = [
        changed(present.many("addresses")[0], street="1 rue du Port"),
        kept,
        delivery(),
        delivery(title="Client 1 3"),
    ]

    (result,) = execute(client, update_of(present, addresses=wanted))

    after = now(result)
    titles = {one.text("key"): (one.text("title"), one.text("town")) for one in deliveries(after)}
    assert after.many("addresses")[0].text("street") == "1 rue du Port"
    assert titles[kept.text("key")] == ("Client 1", "Brest")
    assert [title for title, _ in titles.values()] == ["Client 1", "Client 1 2", "Client 1 3"]
    # The main address went: another one is it now.
    assert [one.flag("main") for one in deliveries(after)] == [True, False, False]


@pytest.mark.req("CRM-38", "CRM-45")
def test_lists_that_are_absent_are_left_alone(client: GatewayClient) -> None:
    present = tiers_of(client)

    (result,) = execute(client, update_of(present, fax="1", addresses=[billing(town="Nantes"), *deliveries(present)]))

    after = now(result)
    assert after["contacts"] == present["contacts"]
    assert deliveries(after) == deliveries(present)
    assert after.many("addresses")[0].text("town") == "Nantes"


@pytest.mark.req("CRM-45")
def test_a_list_of_contacts_is_the_whole_truth(client: GatewayClient) -> None:
    present = tiers_of(client)
    durand, _ = present.many("contacts")

    (result,) = execute(
        client,
        update_of(
            present, contacts=[contact("Petit", civility="MME", service="1"), changed(durand, function="Gérant")]
        ),
    )

    first, second = now(result).many("contacts")
    assert first == changed(durand, function="Gérant")
    assert (second.text("last_name"), second.text("civility"), second.text("service")) == ("Petit", "MME", "1")
    assert second.text("key")


@pytest.mark.req("CRM-45")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((("Durand", "Anne"), ("Petit", "Luc")), (("Petit", "Luc"), ("Durand", "Anne")), id="exchanged"),
        pytest.param(
            (("Durand", "Anne"), ("Durand", "Luc")), (("Durand", "Luc"), ("Durand", "Anne")), id="first names"
        ),
        pytest.param((("Durand", "Anne"), ("Petit", "Luc")), (("Petit", "Luc"), ("Blanc", "Zoé")), id="passed on"),
        pytest.param((("Durand", "Anne"), ("Petit", "LUC")), (("DURAND", "Anne"), ("Petit", "Luc")), id="case alone"),
    ],
)
def test_contacts_take_the_names_of_others(
    client: GatewayClient, before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]
) -> None:
    def named(tiers: Record, names: tuple[tuple[str, str], ...]) -> list[Record]:
        found = zip(tiers.many("contacts"), names, strict=True)
        return [changed(one, last_name=last, first_name=first) for one, (last, first) in found]

    present = tiers_of(client)
    (result,) = execute(client, update_of(present, contacts=named(present, before)))
    wanted = named(now(result), after)

    (result,) = execute(client, update_of(now(result), contacts=wanted))

    assert outcome(result) == ("done", "", "")
    assert now(result).many("contacts") == wanted


@pytest.mark.req("CRM-20", "CRM-26", "CRM-42")
def test_a_creation_writes_what_sage_writes(base: Engine, client: GatewayClient) -> None:
    said: dict[str, Any] = {
        "name": "Nouvelle Société",
        "phone": "0102030405",
        "payer": "NEUF",
        "addresses": [billing(street="1 rue du Port", town="Lyon"), delivery(title="Nouvelle Société", town="Brest")],
        "contacts": [contact("Durand"), contact("Martin", email="m@exemple.fr")],
    }

    (result,) = execute(client, create(code="neuf", **said))

    after = now(result)
    assert outcome(result) == ("done", "", "")
    assert result.text("key") == "NEUF"
    defaults = {"currency": "0", "accounting_category": "1", "price_category": "2", "language": "0"}
    assert {attr: after[attr] for attr in defaults} == defaults
    assert (after.text("payer"), after.text("collective_account")) == ("NEUF", "4110000")
    copy, given = deliveries(after)
    assert (copy.text("title"), copy.text("street"), copy.text("town")) == (
        "Nouvelle Société 2",
        "1 rue du Port",
        "Lyon",
    )
    assert (copy.flag("main"), given.flag("main")) == (True, False)
    assert (given.text("title"), given.text("town")) == ("Nouvelle Société", "Brest")
    assert [one.text("last_name") for one in after.many("contacts")] == ["Durand", "Martin"]
    with reading(base) as connection:
        for table, count in ((F_COMPTET, 1), (F_COMPTETG, 1), (F_LIVRAISON, 2), (F_CONTACTT, 2)):
            rows = connection.execute(select(table).where(table.c.CT_Num == "NEUF")).all()
            assert len(rows) == count, table.name
            assert all(row.cbCreateur == "SYNC" and row.cbModification is not None for row in rows), table.name


@pytest.mark.req("CRM-23")
def test_automatic_numbers_go_on_from_the_last(base: Engine, client: GatewayClient) -> None:
    with writing(base) as connection:
        for code in ("C0000041", "C0000042X", "CABCDEFG", "c0000042"):
            insert_tiers(connection, code, "x", at=LONG_AGO)

    results = execute(client, create(), create())

    assert [one.text("key") for one in results] == ["C0000043", "C0000044"]


@pytest.mark.req("CRM-23")
def test_automatic_numbers_end(base: Engine, client: GatewayClient) -> None:
    with writing(base) as connection:
        connection.execute(update(P_TIERS).where(P_TIERS.c.cbIndice == 1).values(T_Lg=2))
        insert_tiers(connection, "C9", "x", at=LONG_AGO)

    (result,) = execute(client, create())

    assert outcome(result) == ("refused", "account_code_invalid", "Code")


@pytest.mark.req("CRM-20")
def test_a_tiers_whose_code_is_in_small_letters_can_be_updated(base: Engine, client: GatewayClient) -> None:
    with writing(base) as connection:
        insert_tiers(connection, "petit", "x", at=LONG_AGO)

    (result,) = execute(client, update_of(tiers_of(client, "petit"), name="Petit"))

    assert (result.text("key"), now(result).text("name")) == ("petit", "Petit")


def test_documents_and_entries_are_never_written(base: Engine, client: GatewayClient) -> None:
    with reading(base) as connection:
        before = connection.execute(select(F_DOCENTETE)).all()
    present = tiers_of(client)
    execute(client, update_of(present, name="Autre", addresses=[_address(present, "Quai")], contacts=[]))
    with reading(base) as connection:
        assert connection.execute(select(F_DOCENTETE)).all() == before


def test_an_older_base_is_written_as_far_as_it_goes(sage_engine: Engine) -> None:
    base = make_base(sage_engine.url.render_as_string(hide_password=False))
    with writing(base) as connection:
        for table, column in (
            ("F_COMPTET", "CT_Raccourci"),
            ("F_COMPTET", "cbCreation"),
            ("F_LIVRAISON", "LI_Principal"),
        ):
            connection.exec_driver_sql(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
    with live_gateway(base) as live, live.client() as client:
        new, old = execute(
            client,
            create(code="NEUF", short_name="NEUF", addresses=[delivery(town="Brest")]),
            update_of(tiers_of(client), addresses=[delivery(town="Brest")]),
        )
    base.dispose()

    assert (new.text("status"), old.text("status")) == ("done", "done")
    assert "ShortName" in new.text("message")
    assert [one.text("town") for one in deliveries(now(old))] == ["Brest"]


def test_a_name_longer_than_the_column_of_an_older_base_is_refused(postgresql_url: str) -> None:
    base = make_base(postgresql_url)
    with writing(base) as connection:
        connection.exec_driver_sql('ALTER TABLE "F_COMPTET" ALTER COLUMN "CT_Intitule" TYPE varchar(35)')
    with live_gateway(base) as live, live.client() as client:
        (long,) = execute(client, create(code="NEUF", name="x" * 36))
        (good,) = execute(client, create(code="NEUF", name="x" * 35))
    base.dispose()

    assert outcome(long) == ("refused", "too_long", "Name")
    assert good.text("status") == "done"
