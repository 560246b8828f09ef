"""Companies found by text, status and free fields, a page at a time (CRM-46)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, false, func, literal_column, or_, select, tuple_
from sqlalchemy.orm import Session

from syncengine.core.fold import fold, folded, searchable
from syncengine.crm.companies import ID_MAX
from syncengine.errors import InputRefused
from syncengine.model import (
    Account,
    Address,
    Company,
    ErpState,
    FreeFieldDefinition,
    FreeFieldState,
    Link,
    LinkState,
    RecordStatus,
)
from syncengine.model.link import Entity

LIMIT: Final = 50
LIMIT_MAX: Final = 1_000
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class CompanyLine:
    """One Company of a list; ``town`` is that of its default address, the two states those of its main Account."""

    id: int
    code: str | None
    name: str | None
    company_type: str
    status: RecordStatus
    siret: str | None
    town: str | None
    erp_state: ErpState | None
    link_state: LinkState | None


@dataclass(frozen=True, kw_only=True)
class CompanyPage:
    """Companies in order of name; ``after`` continues behind the last one, None when there are no more."""

    items: tuple[CompanyLine, ...]
    after: str | None


def search_companies(
    session: Session,
    *,
    text: str | None = None,
    free: Mapping[str, str] = _NONE,
    status: RecordStatus | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> CompanyPage:
    """The Companies that meet every criterion, without case and accents, by name.

    ``text``: each of its words is in the name, code, SIRET or town. ``free``: free field → value: texts and lists contain it,
    dates begin with it (2026, 2026-03), numbers equal it; an empty one finds Companies without a value.
    Raises InputRefused (free_field_unknown, or a limit, cursor or value that is none).
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise InputRefused(
            f"a page has 1 to {LIMIT_MAX} companies", field="limit", remedy="Choose a number between them."
        )
    # A literal, not a parameter: only so does the expression match that of an index.
    place = (folded(func.coalesce(Company.name, literal_column("''"))), Company.id)
    query = select(Company.id, place[0]).where(*_criteria(session, text, free, status))
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*_position(after)))
    found = session.execute(query.order_by(*place).limit(limit + 1)).all()
    page = found[:limit]
    ids = [row[0] for row in page]
    return CompanyPage(
        items=tuple(_lines(session, ids)), after=_cursor(page[-1][1], ids[-1]) if len(found) > limit else None
    )


def _criteria(
    session: Session, text: str | None, free: Mapping[str, str], status: RecordStatus | None
) -> list[ColumnElement[bool]]:
    criteria = [_contains_word(word) for word in searchable(text or "", "text").split()]
    criteria += [
        _free_criterion(session, searchable(name, "free"), searchable(value, name).strip())
        for name, value in free.items()
    ]
    if status is not None:
        criteria.append(Company.status == status)
    return criteria


def _contains_word(word: str) -> ColumnElement[bool]:
    wanted = fold(word)
    in_town = select(Address.company_id).where(folded(Address.town).contains(wanted, autoescape=True))
    own = (Company.name, Company.code, Company.siret)
    return or_(
        *(folded(column).contains(wanted, autoescape=True) for column in own),
        Company.id.in_(in_town.where(Address.company_id.is_not(None))),
    )


def _free_criterion(session: Session, name: str, wanted: str) -> ColumnElement[bool]:
    """A free field as criterion; two integrations may have two types for one name, and then either may match."""
    query = select(FreeFieldDefinition.type, FreeFieldDefinition.state).where(FreeFieldDefinition.name == name)
    definitions = session.execute(query).all()
    if not definitions:
        raise InputRefused(
            "there is no such free field",
            code="free_field_unknown",
            field=name,
            remedy="Take the name of an 'information libre' as `syncengine company show` prints it.",
        )
    value = Company.free_values[name].as_string()
    if not wanted:
        return func.coalesce(value, "") == ""
    living = {row.type for row in definitions if row.state is FreeFieldState.REPLICATED}
    types = living or {row.type for row in definitions}
    return or_(false(), *(_matches(value, kind, wanted) for kind in sorted(types)))


def _matches(value: ColumnElement[Any], kind: str, wanted: str) -> ColumnElement[bool]:
    match kind:
        case "value" | "amount":
            return value == _number(wanted)
        case "date" | "datetime":
            return value.startswith(wanted, autoescape=True)
        case _:
            return folded(value).contains(fold(wanted), autoescape=True)


def _number(text: str) -> str:
    """A number as the contract writes it: decimal point, no trailing zeros; typed with a comma or blanks as in French."""
    try:
        number = Decimal("".join(text.split()).replace(",", "."))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise InputRefused(f"{text} is not a number", remedy="Type a number, such as 12,5.")
    return format(number.normalize(), "f") if number else "0"


def _lines(session: Session, ids: Sequence[int]) -> list[CompanyLine]:
    main = and_(Account.company_id == Company.id, Account.is_main)
    link = and_(Link.entity == Entity.ACCOUNT.value, Link.local_id == Account.id)
    query = (
        select(Company, Account.erp_state, Link.state)
        .outerjoin(Account, main)
        .outerjoin(Link, link)
        .where(Company.id.in_(ids))
    )
    rows = {company.id: (company, erp_state, link_state) for company, erp_state, link_state in session.execute(query)}
    towns = _towns(session, ids)
    return [_line(*rows[company_id], towns.get(company_id)) for company_id in ids]


def _towns(session: Session, ids: Sequence[int]) -> dict[int | None, str | None]:
    query = select(Address.company_id, Address.town).where(Address.company_id.in_(ids), Address.is_default)
    return {row.company_id: row.town for row in session.execute(query.order_by(Address.id.desc()))}


def _line(company: Company, erp_state: ErpState | None, link_state: LinkState | None, town: str | None) -> CompanyLine:
    return CompanyLine(
        id=company.id,
        code=company.code,
        name=company.name,
        company_type=company.company_type,
        status=company.status,
        siret=company.siret,
        town=town,
        erp_state=erp_state,
        link_state=link_state,
    )


def _cursor(name: str, company_id: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([name, company_id]).encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[str, int]:
    """Where a page ended. Raises InputRefused for a text that is no cursor."""
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    match found:
        case [str(name), int(company_id)] if abs(company_id) <= ID_MAX:
            return searchable(name, "after"), company_id
    raise InputRefused(
        "this is no place in a list", field="after", remedy="Take the `after` of the page before, unchanged."
    )
