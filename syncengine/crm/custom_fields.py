"""Fields of the CRM's own, and the pairs of them that are replicated: ``comp_<name>`` of the Company to ``acc_<name>`` (CRM-47)."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.core.entries import tidy
from syncengine.core.refusals import refused
from syncengine.crm.company_edits import with_custom
from syncengine.cycle.act import Act
from syncengine.model import Account, Company, CustomField
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, batches
from syncengine.storage.journal import Journal

NAME_LENGTH: Final = 40
LABEL_LENGTH: Final = 80
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_PREFIX: Final = re.compile(r"(comp|acc)_")


def custom_fields(session: Session) -> list[CustomField]:
    """All fields of the CRM's own, by name."""
    return list(session.scalars(select(CustomField).order_by(CustomField.name)))


def define(session: Session, name: str, label: str) -> CustomField:
    """A new text field on Company and Account, not replicated yet. Raises InputRefused."""
    bare, words = bare_name(name), tidy(label)
    if not _NAME.fullmatch(bare) or len(bare) > NAME_LENGTH or bare in Company.__table__.columns:
        raise refused(
            "custom_field_invalid",
            f"{bare!r} is no name for a field of the CRM's own",
            field="name",
            remedy=f"Use 1 to {NAME_LENGTH} small letters, digits and _, beginning with a letter, and no name of a field there is.",
        )
    if not words or len(words) > LABEL_LENGTH:
        raise refused(
            "custom_field_invalid",
            f"the label of a field has 1 to {LABEL_LENGTH} characters",
            record=bare,
            field="label",
            remedy="Enter a label.",
        )
    if session.scalar(select(CustomField).where(CustomField.name == bare)) is not None:
        raise refused(
            "custom_field_known",
            f"there is a field {bare} already",
            record=bare,
            field="name",
            remedy="Choose another name.",
        )
    made = CustomField(name=bare, label=words)
    session.add(made)
    session.flush()
    return made


def add_pair(session: Session, name: str, act: Act) -> int:
    """Replicate ``comp_<name>`` to ``acc_<name>`` from now on; how many Accounts took the value their Company has.

    An empty value of a Company overwrites nothing: it shows as a difference (CRM-33).
    Raises InputRefused (unknown_field, pair_known).
    """
    pair = _pair(session, name)
    if pair.replicated:
        raise refused(
            "pair_known",
            f"comp_{pair.name} and acc_{pair.name} are replicated already",
            record=pair.name,
            remedy="Nothing is left to do.",
        )
    pair.replicated = True
    session.flush()
    return _replicate(session, pair.name, act)


def remove_pair(session: Session, name: str) -> None:
    """Replicate the pair no longer; the values stay on both sides. Raises InputRefused (unknown_field, pair_unknown)."""
    pair = _pair(session, name)
    if not pair.replicated:
        raise refused(
            "pair_unknown",
            f"comp_{pair.name} and acc_{pair.name} are not replicated",
            record=pair.name,
            remedy="See the fields: `syncengine fields`.",
        )
    pair.replicated = False
    session.flush()


def bare_name(name: str) -> str:
    """The name of a field without the prefix of its Company or Account side."""
    return _PREFIX.sub("", name.strip(), count=1) if _PREFIX.match(name.strip()) else name.strip()


def _pair(session: Session, name: str) -> CustomField:
    found = session.scalar(select(CustomField).where(CustomField.name == bare_name(name)))
    if found is None:
        raise refused(
            "unknown_field",
            f"there are no fields comp_{bare_name(name)} and acc_{bare_name(name)}",
            field="name",
            remedy="Define the field first; the two names are the same but for the prefix.",
        )
    return found


def _replicate(session: Session, name: str, act: Act) -> int:
    """Take the values there are, some hundred Accounts at a time."""
    own, theirs = Company.custom[name].as_string(), Account.custom[name].as_string()
    differing = (
        select(Account.id)
        .join(Company, Account.company_id == Company.id)
        .where(Account.is_main, own.is_not(None), own.is_distinct_from(theirs))
        .order_by(Account.id)
    )
    ids = list(session.scalars(differing))
    for batch in batches(ids):
        _take(session, name, batch, act)
    return len(ids)


def _take(session: Session, name: str, account_ids: list[int], act: Act) -> None:
    bulk = Bulk(session.connection())
    query = select(Account, Company).join(Company, Account.company_id == Company.id).where(Account.id.in_(account_ids))
    journals: dict[int, Journal] = {}
    for account, company in session.execute(query.with_for_update(of=Account)):
        of = account.integration_id
        ids = {"integration_id": of, "cycle_id": act.cycle_id}
        journal = journals.setdefault(of, Journal(bulk, **ids, now=act.at, by=act.by))
        before, after = (account.custom or {}).get(name), (company.custom or {})[name]
        told = (f"custom.{name}", before, after, Rule.REPLICATED)
        journal.value(Entity.ACCOUNT, account.id, account.code, *told)
        account.custom, account.updated_at = with_custom(account, {name: after}), act.at
    session.flush()
    for journal in journals.values():
        journal.flush()
