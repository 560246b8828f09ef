"""Companies that are likely the same as one Company or tiers: found in bounded SQL, then scored (CRM-31)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from syncengine.core.fold import folded
from syncengine.core.likeness import PHONE_DIGITS, SIREN_LENGTH, THRESHOLD, Profile, Reason, compare, profile
from syncengine.core.refusals import refused
from syncengine.model import Account, Address, Company, Email, Phone
from syncengine.storage.bulk import batches

LIMIT: Final = 10
CANDIDATES_MAX: Final = 200
"""Companies looked at for one thing in common: what more than these share tells nobody from another."""


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """A Company that is likely the same; ``account_id`` is that of its tiers, None without one. ``score`` in per cent."""

    company_id: int
    account_id: int | None
    code: str | None
    name: str | None
    score: int
    reasons: tuple[Reason, ...]


def likely_duplicates(
    session: Session, *, company_id: int | None = None, account_id: int | None = None, limit: int = LIMIT
) -> tuple[Duplicate, ...]:
    """The Companies most like this Company, or like this tiers (an orphan's, CRM-34), the likeliest first.

    A few passes over the tables find those with anything in common; only these are compared.
    Raises InputRefused (company_unknown, account_unknown).
    """
    row, own_company = _subject(session, company_id, account_id)
    owner = "company_id" if isinstance(row, Company) else "account_id"
    wanted = _profiles(session, [row], owner)[row.id]
    ids = {found for query in _candidates(row, wanted) for found in session.scalars(query.limit(CANDIDATES_MAX))}
    ids -= {None, own_company}
    companies = [one for batch in batches(sorted(ids)) for one in session.scalars(_companies(batch))]
    others = _profiles(session, companies, "company_id")
    scored = [(company, *compare(wanted, others[company.id])) for company in companies]
    likely = sorted((one for one in scored if one[1] >= THRESHOLD), key=lambda one: (-one[1], one[0].id))[:limit]
    tiers = _tiers(session, [company.id for company, *_ in likely])
    return tuple(
        Duplicate(
            company_id=company.id,
            account_id=tiers.get(company.id),
            code=company.code,
            name=company.name,
            score=score,
            reasons=reasons,
        )
        for company, score, reasons in likely
    )


def _subject(session: Session, company_id: int | None, account_id: int | None) -> tuple[Company | Account, int | None]:
    company = None if company_id is None else session.get(Company, company_id)
    if company is not None:
        return company, company.id
    account = None if account_id is None else session.get(Account, account_id)
    if account is not None:
        return account, account.company_id
    kind = "company" if account_id is None else "account"
    raise refused(
        f"{kind}_unknown",
        "there is nothing of that number to compare",
        record=str(company_id if account_id is None else account_id),
        remedy="Look for it by name, code, SIRET or town: `syncengine company list TEXT`.",
    )


def _candidates(row: Company | Account, wanted: Profile) -> Iterator[Select[Any]]:
    """Queries for Companies with something in common, by id."""
    same: list[ColumnElement[bool]] = []
    if len(wanted.siret) >= SIREN_LENGTH:
        same.append(Company.siret.startswith(wanted.siret[:SIREN_LENGTH], autoescape=True))
    if wanted.code:
        same.append(func.upper(Company.code) == wanted.code)
    if same:
        yield select(Company.id).where(or_(*same))
    if wanted.words:
        # Names of about this length first: of the many with a frequent word, the ones that may be the same.
        nearest = func.abs(func.length(Company.name) - len(row.name or ""))
        rarest = max(sorted(wanted.words), key=len)
        yield select(Company.id).where(_is_named(rarest)).order_by(nearest, Company.id)
    if wanted.emails:
        yield select(Email.company_id).distinct().where(func.lower(Email.address).in_(wanted.emails))
    if wanted.phones:
        yield select(Phone.company_id).distinct().where(_rings(wanted.phones))
    if wanted.places:
        yield select(Address.company_id).distinct().where(or_(*(_stands_at(*place) for place in wanted.places)))


def _is_named(word: str) -> ColumnElement[bool]:
    # First with any letter for those that may bear an accent, which databases compare far faster than they fold.
    rough = re.sub("[aceinouy]", "_", word)
    return func.lower(Company.name).contains(rough) & folded(Company.name).contains(word)


def _rings(phones: Iterable[str]) -> ColumnElement[bool]:
    # The last pair of digits first: it needs nothing taken out, and leaves one number in a hundred.
    tails = {digits[-2:] for digits in phones}
    bare: ColumnElement[Any] = reduce(lambda text, sign: func.replace(text, sign, ""), " .-/", Phone.number)  # type: ignore[arg-type]
    ending = func.substr(bare, func.length(bare) - PHONE_DIGITS + 1)
    return or_(*(Phone.number.endswith(tail) for tail in sorted(tails))) & ending.in_(phones)


def _stands_at(postcode: str, street: str) -> ColumnElement[bool]:
    # Whatever signs stand between the words.
    return (Address.postcode == postcode) & folded(Address.street).like("%".join(street.split()))


def _companies(ids: Sequence[int]) -> Select[Any]:
    return select(Company).where(Company.id.in_(ids)).order_by(Company.id)


def _tiers(session: Session, ids: Sequence[int]) -> dict[int | None, int]:
    query = select(Account.company_id, Account.id).where(Account.is_main, Account.company_id.in_(ids))
    return {row.company_id: row.id for row in session.execute(query)}


def _profiles(session: Session, rows: Sequence[Company | Account], owner: str) -> dict[int, Profile]:
    ids = [row.id for row in rows]
    emails = _children(session, Email, owner, ids, Email.address)
    phones = _children(session, Phone, owner, ids, Phone.number)
    places = _children(session, Address, owner, ids, Address.postcode, Address.street)
    return {
        row.id: profile(
            siret=row.siret,
            code=row.code,
            name=row.name,
            emails=[address for (address,) in emails[row.id]],
            phones=[number for (number,) in phones[row.id]],
            places=places[row.id],
        )
        for row in rows
    }


def _children(session: Session, entity: Any, owner: str, ids: Sequence[int], *columns: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    of = getattr(entity, owner)
    for batch in batches(ids):
        for owner_id, *values in session.execute(select(of, *columns).where(of.in_(batch))):
            found[owner_id].append(tuple(values))
    return found
