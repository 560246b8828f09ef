"""The engine holds the mapping of every field, and who is who (CRM-03, CRM-47)."""

from __future__ import annotations

import re

import pytest

from contracts import tables
from contracts.fields import Flow, Struct
from contracts.tables import TIERS, TOMBSTONE
from syncengine.crm.field_mapping import FieldMapping, field_mappings
from syncengine.model import Base

MAPPINGS = {(item.record, item.field): item for item in field_mappings()}


def exists(place: str) -> bool:
    """Whether ``table.column`` (without the kind of row in brackets) is in the CRM base."""
    table, column = re.sub(r" \(\w+\)$", "", place).split(".")
    return column in Base.metadata.tables[table].columns


@pytest.mark.req("CRM-03", "CRM-47")
def test_each_field_of_each_record_that_travels_has_one_place_that_exists() -> None:
    structs = {item for item in vars(tables).values() if isinstance(item, Struct)} - {TOMBSTONE}
    declared = {(struct.name, field.name) for struct in structs for field in struct.fields} - {("Tiers", "Modified")}

    assert MAPPINGS.keys() == declared
    assert len(field_mappings()) == len(declared)
    for item in MAPPINGS.values():
        assert item.account is not None, item
        assert exists(item.account), item
        assert item.company is None or exists(item.company), item
        assert re.fullmatch(r"CRM-\d\d(, CRM-\d\d)*", item.requirement), item


@pytest.mark.req("CRM-03", "CRM-37", "CRM-40", "CRM-47")
def test_the_mapping_says_column_place_direction_and_requirement() -> None:
    assert MAPPINGS["Tiers", "Siret"] == FieldMapping(
        record="Tiers",
        field="Siret",
        label="SIRET",
        erp="F_COMPTET.CT_Siret",
        account="accounts.siret",
        company="companies.siret",
        flow=Flow.BOTH,
        required=False,
        requirement="CRM-37",
        replicated=True,
    )
    assert MAPPINGS["Tiers", "Payer"].flow is Flow.FROM_ERP
    assert MAPPINGS["Tiers", "Phone"].company == "phones.number (standard)"
    assert MAPPINGS["Tiers", "Dormant"].company == "companies.status"
    assert MAPPINGS["Contact", "Mobile"].account == "phones.number (mobile)"
    assert MAPPINGS["FreeFieldValue", "Value"].company == "companies.free_values"


@pytest.mark.req("CRM-03", "CRM-47")
def test_of_a_tiers_only_its_version_is_not_replicated_to_the_company() -> None:
    kept_back = {name for (record, name), item in MAPPINGS.items() if record == TIERS.name and item.company is None}

    assert kept_back == {"Version"}
