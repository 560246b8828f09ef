"""The entities: columns as the contract declares them, and values that come back as they went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, String, func, select
from sqlalchemy.exc import IntegrityError

from contracts.fields import Field, Flow, Kind
from contracts.tables import ADDRESS, CONTACT, FREE_FIELD, PARAMETER, REPRESENTATIVE, TIERS
from syncengine.core.snapshot import ABOUT
from syncengine.model import (
    Account,
    Address,
    Base,
    Company,
    Contact,
    CycleStatus,
    Email,
    ErpParameter,
    FreeFieldDefinition,
    Opportunity,
    Phone,
    Representative,
)
from syncengine.model.address import ADDRESS_NAMES
from syncengine.model.columns import EPOCH, MICROSECOND, Money, to_instant_micros, to_micros
from syncengine.model.company import COMPANY_NAMES
from syncengine.model.contact import CONTACT_NAMES
from syncengine.storage.store import Store
from tests.syncengine.conftest import NOW
from tests.syncengine.records import account, company, integration

PHONES = {"phone", "fax", "mobile", "email"}
"""Leaves that have rows of their own in `phones` and `emails` (CRM-39)."""


def differs(entity: type[Base], field: Field, name: str) -> str | None:
    """How the column of a field differs from its declaration; None when it does not."""
    column = entity.__table__.columns.get(name)
    if column is None:
        return f"{entity.__name__} lacks {name}"
    if field.kind is Kind.FLAG:
        return None if isinstance(column.type, Boolean) else f"{name} is no flag"
    if field.kind in {Kind.TEXT, Kind.CODE}:
        same = isinstance(column.type, String) and column.type.length == field.length
        return None if same else f"{name} has another length than {field.length}"
    return None


@pytest.mark.req("CRM-37", "CRM-40")
def test_the_account_holds_every_field_of_a_tiers_but_what_is_said_about_it() -> None:
    fields = [field for field in TIERS.fields if field.attr not in ABOUT]

    assert [found for field in fields if (found := differs(Account, field, field.attr))] == []
    assert "free_values" in Account.__table__.columns


@pytest.mark.req("CRM-37", "CRM-40")
def test_the_company_holds_the_fields_both_ways_and_the_replicas() -> None:
    wanted = [
        field
        for field in TIERS.fields
        if (field.flow is Flow.BOTH or field.req == "CRM-40") and field.attr not in PHONES | set(COMPANY_NAMES)
    ]

    assert [found for field in wanted if (found := differs(Company, field, field.attr))] == []
    assert {"company_type", "status", "free_values"} <= set(Company.__table__.columns.keys())
    assert set(COMPANY_NAMES.values()) <= set(Company.__table__.columns.keys())


@pytest.mark.req("CRM-38", "CRM-45")
@pytest.mark.parametrize(
    ("entity", "fields", "names"),
    [
        (Address, ADDRESS.fields, ADDRESS_NAMES),
        (Contact, [field for field in CONTACT.fields if field.attr not in PHONES], CONTACT_NAMES),
        (Representative, REPRESENTATIVE.fields, {}),
        (ErpParameter, PARAMETER.fields, {}),
        (FreeFieldDefinition, FREE_FIELD.fields, {}),
    ],
)
def test_the_other_records_hold_their_fields(entity: type[Base], fields: list[Field], names: dict[str, str]) -> None:
    assert [found for field in fields if (found := differs(entity, field, names.get(field.attr, field.attr)))] == []


@pytest.mark.req("CRM-39")
def test_phones_and_emails_are_as_long_as_the_erp_allows() -> None:
    for struct in (TIERS, CONTACT):
        for field in struct.fields:
            if field.attr in PHONES:
                entity, column = (Email, "address") if field.attr == "email" else (Phone, "number")
                assert differs(entity, field, column) is None


@pytest.mark.req("CRM-10")
def test_the_statuses_of_a_cycle_read_as_in_the_documents() -> None:
    assert [status.label for status in CycleStatus] == ["En attente", "En cours", "Succès", "Avertissement", "Échec"]
    assert [status.value for status in CycleStatus if status.ended] == ["success", "warning", "failure"]


@pytest.mark.parametrize("amount", ["0", "-0.000001", "1234567.890123", "9000000000000.5", "-8999999999999.999999"])
def test_an_amount_comes_back_exactly(store: Store, amount: str) -> None:
    with store.writing() as session:
        row = company(session)
        session.add(
            Opportunity(
                company_id=row.id, title="t", stage="s", forecast=Decimal(amount), created_at=NOW, updated_at=NOW
            )
        )
    with store.reading() as session:
        assert session.scalar(select(Opportunity.forecast)) == Decimal(amount)
        assert session.scalar(select(func.sum(Opportunity.forecast))) == Decimal(amount)


def test_amounts_are_rounded_alike_on_both_databases(store: Store) -> None:
    with store.writing() as session:
        row = company(session)
        for text in ("0.0000005", "-0.0000005", "0.00000049"):
            session.add(
                Opportunity(
                    company_id=row.id, title=text, stage="s", forecast=Decimal(text), created_at=NOW, updated_at=NOW
                )
            )
    with store.reading() as session:
        found = {row.title: row.forecast for row in session.execute(select(Opportunity.title, Opportunity.forecast))}
    assert found == {
        "0.0000005": Decimal("0.000001"),
        "-0.0000005": Decimal("-0.000001"),
        "0.00000049": Decimal(0),
    }


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_millionths_keep_every_amount_of_six_decimals(amount: Decimal) -> None:
    assert Decimal(to_micros(amount)).scaleb(-6) == amount


def test_an_instant_comes_back_in_utc(store: Store) -> None:
    paris = datetime(2026, 7, 14, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    with store.writing() as session:
        company(session, created_at=paris)
    with store.reading() as session:
        found = session.scalars(select(Company.created_at)).one()
    assert found == paris
    assert found.tzinfo is UTC


def test_a_naive_instant_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="without time zone"), store.writing() as session:
        company(session, created_at=NOW.replace(tzinfo=None))


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_keep_every_instant(instant: datetime) -> None:
    assert EPOCH + to_instant_micros(instant) * MICROSECOND == instant


def test_free_values_keep_their_names_and_accents(store: Store) -> None:
    values = {"Date d'échéance": "2026-11-21", "Plafond €": "12.50", "Vide": None}
    with store.writing() as session:
        company(session, free_values=values)
    with store.reading() as session:
        assert session.scalars(select(Company.free_values)).one() == values


@pytest.mark.req("CRM-34")
def test_a_company_has_one_main_account_and_any_number_of_secondary_ones(store: Store) -> None:
    with store.writing() as session:
        link = integration(session)
        row = company(session)
        account(session, link, code="MAIN", company_id=row.id, is_main=True)
        account(session, link, code="SECOND", company_id=row.id)
        account(session, link, code="THIRD", company_id=row.id)
        account(session, link, code="ORPHAN")

    with pytest.raises(IntegrityError), store.sessions.begin() as session:
        account(session, link, code="OTHER", company_id=row.id, is_main=True)


def test_money_is_declared_with_six_decimals() -> None:
    column = Opportunity.__table__.c.forecast
    assert isinstance(column.type, Money)
    assert column.type.impl.scale == 6
