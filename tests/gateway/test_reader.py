"""A tiers as it travels: every field from its column, emptiness as emptiness, children in order, a version that is its content."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import Engine, Table, select

from contracts.codec import reader, writer
from contracts.envelope import in_namespace
from contracts.fields import ABSENT, Record
from contracts.messages import GET_RECORDS, EntitySet
from contracts.tables import TIERS
from contracts.validation import violations
from gateway.backend import SqlBackend
from gateway.database import writing
from gateway.demo.edits import add_free_field, edit_tiers, insert_contact, insert_delivery, insert_tiers
from gateway.free_fields import FreeFieldKind
from gateway.reader import version_of
from gateway.sage import EMPTY_DATE, F_COMPTET, F_CONTACTT, F_LIVRAISON, F_REGLEMENTT
from tests.gateway.base import LONG_AGO, ZONE, add_term, make_base
from tests.gateway.live import gateway_settings


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """The small company, and DUPONT with everything a tiers can have."""
    engine = make_base(database_url)
    with writing(engine) as connection:
        insert_tiers(connection, "DUPONT", "Dupont & Fils <Négoce> de matériaux du Val de Loire", at=LONG_AGO, **DUPONT)
        insert_delivery(connection, "DUPONT", "Dépôt nord", at=LONG_AGO, LI_Ville="Lille", LI_Principal=0)
        add_term(connection, "DUPONT", LONG_AGO, N_Reglement=1, RT_NbJour=30, RT_Condition=2, RT_JourTb01=10)
        insert_contact(connection, "DUPONT", "Zola", at=LONG_AGO, CT_Civilite=1, N_Service=2, CT_TelPortable="06")
        insert_contact(connection, "DUPONT", "Aubry", at=LONG_AGO, CT_Civilite=0, N_Service=0)
    yield engine
    engine.dispose()


DUPONT: dict[str, Any] = {
    "CT_Raccourci": "DUP",
    "CT_Contact": "M. Dupont",
    "CT_Site": "https://dupont.example",
    "CT_Ape": "4673A",
    "CT_Siret": "12345678901234",
    "N_Devise": 0,
    "N_CatCompta": 3,
    "N_CatTarif": 0,
    "CT_Langue": 1,
    "CO_No": 2,
    "CT_Telephone": "01 02",
    "CT_Telecopie": "",
    "CT_EMail": "d@dupont.example",
    "CG_NumPrinc": "4111000",
    "CT_NumPayeur": "T001",
    "N_Risque": 2,
    "CT_Statistique01": "Nord",
    "CT_Statistique10": "Dernier",
    "CT_Adresse": "1 rue A",
    "CT_Complement": "Bât. B",
    "CT_CodePostal": "45000",
    "CT_Ville": "Orléans",
    "CT_CodeRegion": "Centre",
    "CT_Pays": "France",
}


def _xml(base: Engine, code: str) -> str:
    backend = SqlBackend(gateway_settings(base))
    page = backend.records(EntitySet.TIERS, [code])
    backend.close()
    return page.records[0]


def _read(base: Engine, code: str = "DUPONT") -> Record:
    return reader(TIERS)(etree.fromstring(in_namespace(_xml(base, code))))


@pytest.mark.req("CRM-20", "CRM-37", "CRM-39", "CRM-40")
def test_fields_of_the_tiers(base: Engine) -> None:
    record = _read(base)

    assert {name: record[name] for name in EXPECTED} == EXPECTED


EXPECTED = {
    "code": "DUPONT",
    "type": "client",
    "name": "Dupont & Fils <Négoce> de matériaux du Val de Loire",
    "short_name": "DUP",
    "contact_person": "M. Dupont",
    "web_site": "https://dupont.example",
    "dormant": False,
    "naf_code": "4673A",
    "siret": "12345678901234",
    "currency": "0",
    "accounting_category": "3",
    "price_category": None,
    "language": "1",
    "representative": "2",
    "phone": "01 02",
    "fax": None,
    "email": "d@dupont.example",
    "collective_account": "4111000",
    "payer": "T001",
    "payment_terms": "Virement 30 jours fin de mois le 10",
    "risk_label": "Contentieux",
    "risk_action": "block",
    "statistic01": "Nord",
    "statistic02": None,
    "statistic10": "Dernier",
}


@pytest.mark.req("CRM-38", "CRM-41", "CRM-42")
def test_the_billing_address_comes_first_and_deliveries_by_number(base: Engine) -> None:
    billing, first, second = _read(base).many("addresses")

    assert billing.text("key") == "billing"
    assert billing.text("kind") == "billing"
    assert billing.text("title") == "Dupont & Fils <Négoce> de matériaux"
    assert [billing.text(name) for name in ("street", "complement", "postcode", "town", "region", "country")] == [
        "1 rue A",
        "Bât. B",
        "45000",
        "Orléans",
        "Centre",
        "France",
    ]
    assert (first.text("kind"), first.flag("main"), first.text("town")) == ("delivery", True, "Orléans")
    assert (second.text("title"), second.flag("main"), second.text("town")) == ("Dépôt nord", False, "Lille")
    assert first.text("key").isdecimal()


@pytest.mark.req("CRM-44", "CRM-45", "CRM-39")
def test_contacts_come_in_the_order_of_the_erp(base: Engine) -> None:
    first, second = _read(base).many("contacts")

    assert (first.text("last_name"), first.text("civility"), first.text("service")) == ("Zola", "MME", "2")
    assert first.text("mobile") == "06"
    assert (second.text("last_name"), second.text("civility"), second["service"]) == ("Aubry", "M", None)


@pytest.mark.req("CRM-37")
def test_a_tiers_without_representative_or_categories_has_empty_ones(base: Engine) -> None:
    with writing(base) as connection:
        edit_tiers(connection, "T001", at=LONG_AGO, CO_No=0, N_CatCompta=0, N_CatTarif=0, N_Risque=0, N_Devise=2)

    record = _read(base, "T001")

    for name in (
        "representative",
        "accounting_category",
        "price_category",
        "risk_label",
        "risk_action",
        "payment_terms",
    ):
        assert record[name] is None, name
    assert record.text("currency") == "2"


@pytest.mark.req("CRM-46")
def test_free_fields_of_every_type(base: Engine) -> None:
    values = {
        "Texte libre": (FreeFieldKind.TEXT, "a < b & c"),
        "Date": (FreeFieldKind.DATE, dt.date(2026, 2, 3)),
        "Vide": (FreeFieldKind.DATE, EMPTY_DATE),
        "Rappel": (FreeFieldKind.MOMENT, dt.datetime(2026, 2, 3, 14, 5)),  # noqa: DTZ001 - as the ERP keeps it
        "Effectif": (FreeFieldKind.VALUE, Decimal(1200)),
        "Capital": (FreeFieldKind.AMOUNT, Decimal("0.5")),
        "Rang": (FreeFieldKind.LIST, "Or"),
    }
    with writing(base) as connection:
        for name, (kind, _) in values.items():
            add_free_field(connection, name, kind, 35)
        edit_tiers(connection, "DUPONT", at=LONG_AGO, **{name: value for name, (_, value) in values.items()})

    sent = {value.text("name"): value["value"] for value in _read(base).many("free_fields")}

    assert sent == {
        "Texte libre": "a < b & c",
        "Date": "2026-02-03",
        "Vide": None,
        "Rappel": "2026-02-03T14:05:00",
        "Effectif": "1200",
        "Capital": "0.5",
        "Rang": "Or",
    }


@pytest.mark.req("CRM-02")
def test_what_is_sent_passes_the_schema_and_the_contracts_own_reader(base: Engine) -> None:
    xml = _xml(base, "DUPONT")
    record = _read(base)

    # What the contract's own writer makes of the same values reads back as the same record.
    again = reader(TIERS)(etree.fromstring(in_namespace(writer(TIERS)(record))))
    assert again == record
    head = "<Name>tiers</Name><NextCursor>x</NextCursor><AtEnd>true</AtEnd>"
    change_set = f"<ChangeSet>{head}<TiersList>{xml}</TiersList></ChangeSet>"
    body = etree.fromstring(in_namespace(f"<GetRecordsResponse>{change_set}</GetRecordsResponse>"))
    assert violations(body, GET_RECORDS.response) == []


def test_the_version_is_the_hash_of_what_is_sent(base: Engine) -> None:
    xml = _xml(base, "DUPONT")
    version = _read(base).text("version")

    assert len(version) == 32
    assert xml.count(version) == 1
    with writing(base) as connection:
        number = connection.scalar(select(F_CONTACTT.c.CT_No).where(F_CONTACTT.c.CT_Nom == "Aubry"))
        connection.execute(F_CONTACTT.update().where(F_CONTACTT.c.CT_No == number).values(CT_Prenom="Ève"))
    assert _read(base).text("version") != version
    assert version_of("a") != version_of("b")


@pytest.mark.req("NEW-03")
@pytest.mark.parametrize("table", [F_COMPTET, F_CONTACTT, F_LIVRAISON, F_REGLEMENTT], ids=lambda table: table.name)
def test_the_instant_of_the_last_write_is_told_in_utc_and_is_no_part_of_the_version(base: Engine, table: Table) -> None:
    before = _read(base)
    touched = dt.datetime(2026, 7, 14, 9, 30, 15)  # noqa: DTZ001 - the database server's wall clock
    with writing(base) as connection:
        connection.execute(table.update().where(table.c.CT_Num == "DUPONT").values(cbModification=touched))

    record = _read(base)

    assert before.instant("modified") == LONG_AGO.replace(tzinfo=ZONE)
    assert record.instant("modified") == dt.datetime(2026, 7, 14, 7, 30, 15, tzinfo=dt.UTC)
    assert record.text("version") == before.text("version")


@pytest.mark.req("NEW-03")
def test_a_tiers_whose_rows_tell_no_instant_says_nothing_of_it(base: Engine) -> None:
    with writing(base) as connection:
        for table in (F_COMPTET, F_LIVRAISON):
            connection.execute(table.update().where(table.c.CT_Num == "T001").values(cbModification=None))

    record = _read(base, "T001")

    assert record["modified"] is ABSENT
    assert record.text("name") == "Client 1"


@pytest.mark.req("CRM-46")
def test_a_free_field_without_value_leaves_the_version_as_it_was(base: Engine) -> None:
    before = _read(base).text("version")

    with writing(base) as connection:
        add_free_field(connection, "Nouveau", FreeFieldKind.TEXT, 10)

    record = _read(base)
    assert [value.text("name") for value in record.many("free_fields")] == ["Nouveau"]
    assert record.text("version") == before


def test_characters_xml_cannot_hold_are_left_out(base: Engine) -> None:
    with writing(base) as connection:
        edit_tiers(connection, "T001", at=LONG_AGO, CT_Intitule="Avant\x01Après", CT_Contact="ligne\nsuite")

    record = _read(base, "T001")

    assert record.text("name") == "AvantAprès"
    assert record.text("contact_person") == "ligne\nsuite"
