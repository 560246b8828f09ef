"""The field tables hold every field the requirements name, with its ERP column and its direction."""

from __future__ import annotations

import pytest

from contracts.fields import Field, Flow, Kind, Many, Struct, snake
from contracts.messages import (
    CHANGE_SET,
    CONFIGURATION,
    EXECUTE_TRANSACTIONS,
    SET_KEY,
    SET_RECORDS,
    TRANSACTION,
    EntitySet,
)
from contracts.tables import (
    ADDRESS,
    CONTACT,
    FREE_FIELD,
    FREE_FIELD_VALUE,
    PARAMETER,
    REPRESENTATIVE,
    TIERS,
    TOMBSTONE,
    TURNOVER,
)
from contracts.views import SOLVENCY

BOTH_WAYS = [
    pytest.param(TIERS, "name", "CT_Intitule", "CRM-37", id="nom"),
    pytest.param(TIERS, "short_name", "CT_Raccourci", "CRM-37", id="abrégé"),
    pytest.param(TIERS, "contact_person", "CT_Contact", "CRM-37", id="interlocuteur"),
    pytest.param(TIERS, "web_site", "CT_Site", "CRM-37", id="site web"),
    pytest.param(TIERS, "dormant", "CT_Sommeil", "CRM-37", id="mis en sommeil"),
    pytest.param(TIERS, "naf_code", "CT_Ape", "CRM-37", id="NAF"),
    pytest.param(TIERS, "siret", "CT_Siret", "CRM-37", id="SIRET"),
    pytest.param(TIERS, "code", "CT_Num", "CRM-20", id="code comptable"),
    pytest.param(TIERS, "currency", "N_Devise", "CRM-37", id="devise"),
    pytest.param(TIERS, "accounting_category", "N_CatCompta", "CRM-37", id="catégorie comptable"),
    pytest.param(TIERS, "price_category", "N_CatTarif", "CRM-37", id="catégorie tarifaire"),
    pytest.param(TIERS, "language", "CT_Langue", "CRM-37", id="langue"),
    pytest.param(ADDRESS, "title", "LI_Intitule", "CRM-41", id="intitulé d'adresse"),
    pytest.param(ADDRESS, "street", "CT_Adresse", "CRM-38", id="voie"),
    pytest.param(ADDRESS, "complement", "CT_Complement", "CRM-38", id="complément"),
    pytest.param(ADDRESS, "postcode", "CT_CodePostal", "CRM-38", id="code postal"),
    pytest.param(ADDRESS, "town", "CT_Ville", "CRM-38", id="ville"),
    pytest.param(ADDRESS, "region", "CT_CodeRegion", "CRM-38", id="région"),
    pytest.param(TIERS, "phone", "CT_Telephone", "CRM-39", id="standard"),
    pytest.param(TIERS, "fax", "CT_Telecopie", "CRM-39", id="fax"),
    pytest.param(TIERS, "email", "CT_EMail", "CRM-39", id="e-mail"),
    pytest.param(CONTACT, "phone", "CT_Telephone", "CRM-39", id="téléphone du contact"),
    pytest.param(CONTACT, "fax", "CT_Telecopie", "CRM-39", id="fax du contact"),
    pytest.param(CONTACT, "mobile", "CT_TelPortable", "CRM-39", id="portable du contact"),
    pytest.param(CONTACT, "email", "CT_EMail", "CRM-39", id="e-mail du contact"),
    pytest.param(CONTACT, "function", "CT_Fonction", "CRM-45", id="fonction"),
    pytest.param(CONTACT, "service", "N_Service", "CRM-45", id="service"),
]
FROM_ERP = [
    pytest.param(TURNOVER, "current_year", "", id="CA N"),
    pytest.param(TURNOVER, "previous_year", "", id="CA N-1"),
    *(pytest.param(TIERS, f"statistic{n:02d}", f"CT_Statistique{n:02d}", id=f"statistique {n}") for n in range(1, 11)),
    pytest.param(TIERS, "collective_account", "CG_NumPrinc", id="compte collectif"),
    pytest.param(TIERS, "payer", "CT_NumPayeur", id="tiers payeur"),
    pytest.param(TIERS, "payment_terms", "F_REGLEMENTT", id="conditions de paiement"),
    pytest.param(TIERS, "risk_label", "R_Intitule", id="libellé code risque"),
    pytest.param(TIERS, "risk_action", "R_Type", id="code action risque"),
]


@pytest.mark.req("CRM-37", "CRM-38", "CRM-39", "CRM-45")
@pytest.mark.parametrize(("struct", "attr", "column", "req"), BOTH_WAYS)
def test_a_synchronised_field_goes_both_ways(struct: Struct, attr: str, column: str, req: str) -> None:
    field = struct.field(attr)

    assert field.flow is Flow.BOTH
    assert column in field.erp
    assert field.req == req


@pytest.mark.req("CRM-38")
@pytest.mark.parametrize("attr", ["street", "complement", "postcode", "town", "region"])
def test_an_address_is_in_the_tab_identification_or_livraison(attr: str) -> None:
    billing, delivery = ADDRESS.field(attr).erp.split("|")

    assert billing.startswith("CT_")
    assert delivery == billing.replace("CT_", "LI_")


@pytest.mark.req("CRM-40")
@pytest.mark.parametrize(("struct", "attr", "column"), FROM_ERP)
def test_a_replicated_field_only_comes_from_the_erp(struct: Struct, attr: str, column: str) -> None:
    field = struct.field(attr)

    assert field.flow is Flow.FROM_ERP
    assert column in field.erp
    assert "CRM-40" in field.req


@pytest.mark.req("CRM-40")
@pytest.mark.parametrize(
    "struct", [TURNOVER, FREE_FIELD, FREE_FIELD_VALUE, REPRESENTATIVE, PARAMETER, TOMBSTONE], ids=lambda s: s.name
)
def test_what_only_the_erp_keeps_only_comes_from_the_erp(struct: Struct) -> None:
    assert {field.flow for field in struct.fields} == {Flow.FROM_ERP}


@pytest.mark.req("CRM-40")
def test_the_free_fields_travel_with_their_tiers() -> None:
    assert TIERS.parts[TIERS.index["free_fields"]].of is FREE_FIELD_VALUE  # type: ignore[union-attr]


@pytest.mark.req("CRM-45")
def test_the_service_of_a_contact_is_a_code_of_a_list_fed_from_the_erp() -> None:
    assert "contact_service" in CONTACT.field("service").doc
    assert "contact_service" in PARAMETER.field("kind").doc
    assert CONFIGURATION.parts[CONFIGURATION.index["parameters"]].of is PARAMETER  # type: ignore[union-attr]


@pytest.mark.req("CRM-20")
def test_the_accounting_code_has_at_most_17_letters_and_digits() -> None:
    code = TIERS.field("code")

    assert (code.kind, code.length) == (Kind.CODE, 17)


def test_every_field_that_goes_both_ways_can_be_written() -> None:
    transactions = EXECUTE_TRANSACTIONS.request.parts[0]

    assert isinstance(transactions, Many)
    assert transactions.of is TRANSACTION
    assert TRANSACTION.parts[TRANSACTION.index["tiers"]].of is TIERS  # type: ignore[union-attr]


@pytest.mark.req("CRM-04")
@pytest.mark.parametrize("entity_set", list(EntitySet))
def test_every_entity_set_has_records_with_a_key(entity_set: EntitySet) -> None:
    records = CHANGE_SET.parts[CHANGE_SET.index[SET_RECORDS[entity_set]]]

    assert isinstance(records, Many)
    # A tiers to be created has no code yet: a page is checked for it by its reader.
    assert records.of.field(SET_KEY[entity_set]).required or records.of is TIERS


@pytest.mark.parametrize(
    ("wire", "python"),
    [
        ("AccountingCategory", "accounting_category"),
        ("NafCode", "naf_code"),
        ("Statistic01", "statistic01"),
        ("Id", "id"),
    ],
)
def test_a_wire_name_has_one_python_name(wire: str, python: str) -> None:
    assert snake(wire) == python
    assert Field(name=wire).attr == python


def test_a_structure_refuses_what_it_does_not_have() -> None:
    with pytest.raises(TypeError, match=r"Tiers has no surname, vat"):
        TIERS.record(code="A", vat="1", surname="x")
    with pytest.raises(KeyError):
        TIERS.field("addresses")


def test_a_record_shows_what_was_said() -> None:
    record = SOLVENCY.record(blocked=True, risk_label=None)

    assert repr(record) == "Solvency(risk_label=None, blocked=True)"
    assert record == SOLVENCY.record(risk_label=None, blocked=True)
    assert len({record, SOLVENCY.record(blocked=True, risk_label=None)}) == 1
    assert record != SOLVENCY.record(blocked=True)
