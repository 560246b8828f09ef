"""The mapping of fields, ERP → contract → Account → Company, derived from the contract's field tables (CRM-03, CRM-47)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.fields import Field, Flow, Struct
from contracts.tables import (
    ADDRESS,
    CONTACT,
    FREE_FIELD,
    FREE_FIELD_VALUE,
    LIST_ITEM,
    PARAMETER,
    REPRESENTATIVE,
    TIERS,
    TURNOVER,
)
from syncengine.cycle.arrivals import CONTACT_PHONES, TIERS_PHONES
from syncengine.model import (
    Account,
    Address,
    Base,
    Company,
    Contact,
    CustomField,
    EmailKind,
    ErpParameter,
    FreeFieldDefinition,
    Representative,
    Turnover,
)
from syncengine.model.address import ADDRESS_NAMES
from syncengine.model.company import COMPANY_NAMES
from syncengine.model.contact import CONTACT_NAMES

Place: TypeAlias = "tuple[str | None, str | None]"
"""Where a field is kept, for the Account and for the Company: ``table.column``, with the kind of row in brackets."""


@dataclass(frozen=True, kw_only=True)
class FieldMapping:
    """One field: the ERP's column, the contract's name, where the CRM keeps it, which way it travels, and why.

    ``flow`` is None for a field of the CRM's own, which the ERP does not know: its two places are replicated or not (CRM-47).
    ``account`` and ``company`` name one place when both share the row (addresses, contacts) or it hangs on neither (lists);
    None when there is none, so the field is not replicated to the Company.
    """

    record: str
    field: str
    label: str
    erp: str
    account: str | None
    company: str | None
    flow: Flow | None
    required: bool
    requirement: str
    replicated: bool


def field_mappings() -> tuple[FieldMapping, ...]:
    """Every field of every record that travels, in the order of the contract."""
    return tuple(_mappings())


def custom_mappings(session: Session) -> tuple[FieldMapping, ...]:
    """The fields of the CRM's own, by name: Company → Account when the pair is replicated."""
    return tuple(
        FieldMapping(
            record="Custom",
            field=own.name,
            label=own.label,
            erp="",
            account=f"accounts.custom (acc_{own.name})",
            company=f"companies.custom (comp_{own.name})",
            flow=None,
            required=False,
            requirement="CRM-47",
            replicated=own.replicated,
        )
        for own in session.scalars(select(CustomField).order_by(CustomField.name))
    )


def _mappings() -> Iterator[FieldMapping]:
    for struct, (requirement, place) in _STRUCTS.items():
        for field in struct.fields:
            if field.attr == "modified":
                # Used while a record is merged (NEW-03), kept nowhere.
                continue
            account, company = place(field)
            yield FieldMapping(
                record=struct.name,
                field=field.name,
                label=field.label,
                erp=field.erp,
                account=account,
                company=company,
                flow=field.flow,
                required=field.required,
                requirement=field.req or requirement,
                replicated=account is not None and company is not None,
            )


def _column(entity: type[Base], name: str) -> str | None:
    return f"{entity.__tablename__}.{name}" if name in entity.__table__.columns else None


def _tiers(field: Field) -> Place:
    if field.attr == "version":
        return "links.erp_version", None
    company = _numbers(TIERS_PHONES, EmailKind.INFORMATION).get(field.attr)
    return _column(Account, field.attr), company or _column(Company, COMPANY_NAMES.get(field.attr, field.attr))


def _address(field: Field) -> Place:
    return _shared(_column(Address, ADDRESS_NAMES.get(field.attr, field.attr)))


def _contact(field: Field) -> Place:
    number = _numbers(CONTACT_PHONES, EmailKind.EMAIL).get(field.attr)
    return _shared(number or _column(Contact, CONTACT_NAMES.get(field.attr, field.attr)))


def _free_value(_field: Field) -> Place:
    return "accounts.free_values", "companies.free_values"


def _list_item(_field: Field) -> Place:
    return _shared(_column(FreeFieldDefinition, "items"))


def _turnover(field: Field) -> Place:
    return _shared(_column(Turnover, "erp_key" if field.attr == "code" else field.attr))


def _in(entity: type[Base]) -> Callable[[Field], Place]:
    """For the sets whose columns have the contract's names."""
    return lambda field: _shared(_column(entity, field.attr))


def _shared(column: str | None) -> Place:
    return column, column


def _numbers(phones: tuple[tuple[str, str], ...], email: EmailKind) -> Mapping[str, str]:
    """Phones and e-mails are rows of their own, one of each kind (CRM-39)."""
    return {attr: f"phones.number ({kind})" for attr, kind in phones} | {"email": f"emails.address ({email})"}


_STRUCTS: Final[dict[Struct, tuple[str, Callable[[Field], Place]]]] = {
    TIERS: ("CRM-01", _tiers),
    ADDRESS: ("CRM-38", _address),
    CONTACT: ("CRM-45", _contact),
    FREE_FIELD_VALUE: ("CRM-46", _free_value),
    FREE_FIELD: ("CRM-46", _in(FreeFieldDefinition)),
    LIST_ITEM: ("CRM-46", _list_item),
    REPRESENTATIVE: ("CRM-04, CRM-17", _in(Representative)),
    PARAMETER: ("CRM-06", _in(ErpParameter)),
    TURNOVER: ("CRM-48", _turnover),
}
"""The requirement a field falls under when it names none of its own, and where its fields are kept."""
