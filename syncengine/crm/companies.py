"""A Company read for its screen (``company_sheet``), with what its codes mean in the ERP's lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from contracts.tables import TIERS
from syncengine.core.fold import searchable
from syncengine.core.marker import shown
from syncengine.core.replicate import COMPANY_LEAVES
from syncengine.crm.company_sheet import (
    AddressView,
    CompanyView,
    ContactView,
    FieldView,
    FreeFieldView,
    TiersView,
    TurnoverView,
)
from syncengine.cycle.arrivals import CONTACT_PHONES
from syncengine.errors import InputRefused
from syncengine.model import (
    Account,
    Address,
    Company,
    Contact,
    Email,
    EmailKind,
    ErpParameter,
    FreeFieldDefinition,
    FreeFieldState,
    Integration,
    Link,
    LinkState,
    Phone,
    PhoneKind,
    Representative,
    Territory,
    Turnover,
    User,
)
from syncengine.model.link import Entity

LISTS: Final = {attr: attr for attr in ("currency", "accounting_category", "price_category", "language")}
"""Fields whose value is a code of a list of the ERP: field → kind of parameter."""
ID_MAX: Final = 2**63 - 1
STATISTICS: Final = tuple(attr for attr in COMPANY_LEAVES if attr.startswith("statistic"))
OWN_FIELDS: Final = tuple(attr for attr in COMPANY_LEAVES if attr not in STATISTICS)

Labels: TypeAlias = Mapping[tuple[str, str], str | None]
"""(kind of parameter, code) → how the ERP names it."""
Numbers: TypeAlias = Mapping[tuple[int | None, str], str]
"""(contact or None, kind) → number or e-mail."""


def company_view(session: Session, which: str | int) -> CompanyView:
    """The Company of that code comptable (text, without case) or id (whole number).

    The two never stand in for each other: with the CRM's own numbering codes are numbers too (CRM-22).
    Raises InputRefused (company_unknown, company_ambiguous, or a code that is no text).
    """
    company = find_company(session, which)
    account = session.scalar(select(Account).where(Account.company_id == company.id, Account.is_main))
    tiers = None if account is None else _tiers(session, account)
    linked = tiers is not None and tiers.link_state is LinkState.LINKED
    labels = _labels(session, account)
    numbers = _numbers(session, company.id, account)
    return CompanyView(
        id=company.id,
        code=company.code,
        name=company.name,
        company_type=company.company_type,
        status=company.status,
        territory=_name(session, Territory.name, company.territory_id),
        manager=_name(session, User.name, company.manager_id),
        created_at=company.created_at,
        updated_at=company.updated_at,
        tiers=tiers,
        fields=tuple(_field(company, attr, labels) for attr in OWN_FIELDS),
        standard=shown(numbers.get((None, PhoneKind.STANDARD)), linked=linked),
        fax=shown(numbers.get((None, PhoneKind.FAX)), linked=linked),
        email=shown(numbers.get((None, EmailKind.INFORMATION)), linked=linked),
        addresses=_addresses(session, company.id),
        contacts=_contacts(session, company.id, numbers, labels, linked=linked),
        free_fields=_free_fields(session, company, account),
        statistics=tuple(_statistic(company, attr, labels) for attr in STATISTICS),
        turnover=None if account is None else _turnover(session, account),
    )


def find_company(session: Session, which: str | int) -> Company:
    """The Company itself, named as for ``company_view``; raises the same."""
    if isinstance(which, int):
        found = [session.get(Company, which)] if abs(which) <= ID_MAX else []
    else:
        same = func.upper(Company.code) == searchable(which, "code").strip().upper()
        found = list(session.scalars(select(Company).where(same).order_by(Company.id)))
    known = [company for company in found if company is not None]
    if len(known) == 1:
        return known[0]
    record = str(which)
    if known:
        ids = ", ".join(f"id:{company.id}" for company in known)
        raise InputRefused(
            "several companies have this code",
            code="company_ambiguous",
            record=record,
            remedy=f"Name one by its number: {ids}.",
        )
    raise InputRefused(
        "there is no such company",
        code="company_unknown",
        record=record,
        remedy="Look for it by name, code, SIRET or town: `syncengine company list TEXT`.",
    )


def _tiers(session: Session, account: Account) -> TiersView:
    of_account = (Link.entity == Entity.ACCOUNT.value, Link.local_id == account.id)
    return TiersView(
        account_id=account.id,
        integration=session.get_one(Integration, account.integration_id).name,
        code=account.code,
        type=account.type,
        erp_state=account.erp_state,
        link_state=session.scalar(select(Link.state).where(*of_account)),
    )


def _labels(session: Session, account: Account | None) -> Labels:
    """The lists of the ERP company, values that are gone there included: a record may still carry one."""
    if account is None:
        return {}
    of_parameters = select(ErpParameter).where(ErpParameter.integration_id == account.integration_id)
    labels = {(row.kind, row.code): row.label for row in session.scalars(of_parameters)}
    if account.representative:
        one = select(Representative).where(
            Representative.integration_id == account.integration_id, Representative.code == account.representative
        )
        for row in session.scalars(one):
            labels["representative", row.code] = " ".join(filter(None, (row.first_name, row.last_name))) or None
    return labels


def _name(session: Session, name: InstrumentedAttribute[str], row_id: int | None) -> str | None:
    return None if row_id is None else session.scalar(select(name).where(name.class_.id == row_id))


def _field(company: Company, attr: str, labels: Labels) -> FieldView:
    value = getattr(company, attr)
    meaning = labels.get((LISTS.get(attr, attr), value)) if value else None
    return FieldView(name=attr, label=TIERS.field(attr).label, value=value, meaning=meaning)


def _statistic(company: Company, attr: str, labels: Labels) -> FieldView:
    """A statistics field; its label is the title it has in the ERP, there numbered from 1."""
    title = labels.get(("statistic", str(int(attr.removeprefix("statistic")))))
    return FieldView(name=attr, label=title or TIERS.field(attr).label, value=getattr(company, attr))


def _numbers(session: Session, company_id: int, account: Account | None) -> Numbers:
    """Every number and e-mail of the Company and its contacts; those of a secondary Account are not the Company's own."""
    own = None if account is None else account.id
    found: dict[tuple[int | None, str], str] = {}
    for phone in session.scalars(select(Phone).where(Phone.company_id == company_id).order_by(Phone.id.desc())):
        if phone.contact_id or phone.account_id in (None, own):
            found[phone.contact_id, phone.kind] = phone.number
    for email in session.scalars(select(Email).where(Email.company_id == company_id).order_by(Email.id.desc())):
        if email.contact_id or email.account_id in (None, own):
            found[email.contact_id, email.kind] = email.address
    return found


_ADDRESS: Final = tuple(AddressView.__dataclass_fields__)
_CONTACT: Final = (
    "id",
    "erp_key",
    "is_default",
    "default_address_id",
    "civility",
    "last_name",
    "first_name",
    "function",
)


def _addresses(session: Session, company_id: int) -> tuple[AddressView, ...]:
    query = select(Address).where(Address.company_id == company_id)
    rows = session.scalars(query.order_by(Address.is_default.desc(), Address.position, Address.id))
    return tuple(AddressView(**{attr: getattr(row, attr) for attr in _ADDRESS}) for row in rows)


def _contacts(
    session: Session, company_id: int, numbers: Numbers, labels: Labels, *, linked: bool
) -> tuple[ContactView, ...]:
    query = select(Contact).where(Contact.company_id == company_id).order_by(Contact.position, Contact.id)
    return tuple(_contact(row, numbers, labels, linked=linked) for row in session.scalars(query))


def _contact(row: Contact, numbers: Numbers, labels: Labels, *, linked: bool) -> ContactView:
    # A contact that the ERP does not have yet has no field there that could be empty.
    linked = linked and row.erp_key is not None
    said: dict[str, Any] = {attr: getattr(row, attr) for attr in _CONTACT}
    said |= {attr: shown(numbers.get((row.id, kind)), linked=linked) for attr, kind in CONTACT_PHONES}
    return ContactView(
        **said,
        service=row.service,
        service_label=labels.get(("contact_service", row.service)) if row.service else None,
        email=shown(numbers.get((row.id, EmailKind.EMAIL)), linked=linked),
    )


def _free_fields(session: Session, company: Company, account: Account | None) -> tuple[FreeFieldView, ...]:
    """The free fields of the ERP company, in its order, those struck out last; a value is that of the living definition."""
    if account is None:
        return ()
    query = select(FreeFieldDefinition).where(FreeFieldDefinition.integration_id == account.integration_id)
    rows = list(session.scalars(query.order_by(FreeFieldDefinition.position, FreeFieldDefinition.id)))
    living = {row.name for row in rows if row.state is FreeFieldState.REPLICATED}
    values = company.free_values or {}
    views = [
        FreeFieldView(
            name=row.name,
            type=row.type,
            value=values.get(row.name) if not struck or row.name not in living else None,
            struck_out=struck,
        )
        for row in rows
        for struck in (row.state is FreeFieldState.NO_LONGER_REPLICATED,)
    ]
    return tuple(sorted(views, key=lambda view: view.struck_out))


def _turnover(session: Session, account: Account) -> TurnoverView | None:
    row = session.scalar(select(Turnover).where(Turnover.account_id == account.id))
    if row is None:
        return None
    return TurnoverView(
        current_year=row.current_year,
        previous_year=row.previous_year,
        currency=session.get_one(Integration, account.integration_id).base_currency,
        updated_at=row.updated_at,
    )
