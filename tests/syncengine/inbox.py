"""Conflicts, errors and journal lines as a cycle leaves them, for tests of what people do about them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from contracts.codec import writer
from contracts.tables import ADDRESS, BILLING, BILLING_KEY, CONTACT, DELIVERY, TIERS
from syncengine.core.snapshot import dump
from syncengine.model import Conflict, Cycle, CycleKind, CycleStatus, Link, Side, SyncError
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.journal import Journal
from tests.syncengine.conftest import NOW
from tests.syncengine.tied import Tied, tied

BASE: dict[str, Any] = {
    "code": "BIJOU",
    "type": "client",
    "name": "BIJOU SA",
    "currency": "0",
    "siret": "73282932000074",
    "representative": "7",
    "phone": "01",
    "email": "a@bijou.fr",
    "addresses": [
        {"key": BILLING_KEY, "kind": BILLING, "town": "Paris"},
        {"key": "3", "kind": DELIVERY, "main": True, "title": "Dépôt", "town": "Lyon"},
    ],
    "contacts": [{"key": "5", "last_name": "Martin", "first_name": "Luc", "mobile": "06"}],
    "free_fields": {},
}
"""The tiers of ``tied`` as both sides last agreed on it."""


def agreed(session: Session, **link: Any) -> Tied:
    """A linked Company whose base is what it holds."""
    return tied(session, link={"base": dump(BASE)} | link)


def cycle(session: Session, made: Tied, **values: Any) -> int:
    """A cycle that has ended."""
    row = Cycle(
        **(
            {
                "integration_id": made.integration,
                "kind": CycleKind.DIFFERENTIAL,
                "status": CycleStatus.SUCCESS,
                "started_at": NOW,
                "ended_at": NOW,
            }
            | values
        )
    )
    session.add(row)
    session.flush()
    return row.id


def parked(session: Session, made: Tied, path: str, crm: str | None, erp: str | None, **values: Any) -> int:
    """An open conflict on that path; the base value is 'old'."""
    row: dict[str, Any] = {"base_value": "old", "rule": Rule.ASKED.value, "opened_at": NOW, "cycle_id": 1}
    place = {"integration_id": made.integration, "link_id": made.link, "field": path}
    conflict = Conflict(**(place | {"crm_value": crm, "erp_value": erp} | row | values))
    session.add(conflict)
    session.flush()
    return conflict.id


def journal(session: Session, made: Tied, cycle_id: int | None) -> Journal:
    """The journal of a cycle, or of people."""
    return Journal(Bulk(session.connection()), integration_id=made.integration, cycle_id=cycle_id, now=NOW)


def xml(**values: Any) -> str:
    """A tiers as a page carries it."""
    lists = {"addresses": ADDRESS, "contacts": CONTACT}
    said = {
        name: [lists[name].record(**child) for child in value] if name in lists else value
        for name, value in ({"code": "C1", "version": "1", "type": "client", "name": "Un"} | values).items()
    }
    return writer(TIERS)(TIERS.record(**said))


def error(session: Session, integration_id: int, key: str, **values: Any) -> int:
    """An error of a tiers the CRM could not take."""
    row: dict[str, Any] = {
        "integration_id": integration_id,
        "entity": Entity.ACCOUNT.value,
        "side": Side.CRM,
        "erp_key": key,
        "code": "invalid_record",
        "message": "too long",
        "remedy": "Shorten it.",
        "first_cycle_id": 1,
        "last_cycle_id": 1,
        "first_at": NOW,
        "last_at": NOW,
    }
    found = SyncError(**(row | values))
    session.add(found)
    session.flush()
    return found.id


def link_of(session: Session, made: Tied) -> Link:
    """The link as it is in the base."""
    return session.get_one(Link, made.link, populate_existing=True)
