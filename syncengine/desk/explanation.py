"""Explain this field: what each side holds, every write with its reason, and what is still to happen to it (NEW-04)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from syncengine.core.journal_text import as_text
from syncengine.core.labels import label_of
from syncengine.core.merge import same
from syncengine.core.paths import LISTS, field_of, join, new_key, place, split
from syncengine.core.snapshot import Snapshot, Values, load
from syncengine.cycle.crm_rows import load_rows
from syncengine.desk.conflicts import ConflictFilter, ConflictView, conflicts
from syncengine.desk.error_sheet import ErrorSummary, summary_of
from syncengine.desk.history import HistoryLine, line_of, unknown_company
from syncengine.errors import InputRefused
from syncengine.model import (
    Account,
    Company,
    ErpState,
    JournalEntry,
    Link,
    LinkState,
    Outbox,
    OutboxState,
    Side,
    SyncError,
)
from syncengine.model.company import COMPANY_NAMES
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.bulk import Bulk

CUSTOM: Final = "custom."
COMPANY_ONLY: Final = frozenset({"company_type", "manager_id", "territory_id"})
"""Fields of a Company that no tiers has."""


class Standing(StrEnum):
    """How a value stands between the two sides."""

    AGREED = "agreed"
    WAITING = "waiting"
    UNDER_WAY = "under_way"
    CONFLICT = "conflict"
    ERROR = "error"
    TAKEN_OUT = "taken_out"
    GONE = "gone"
    CRM_ONLY = "crm_only"

    @property
    def label(self) -> str:
        """As the user reads it."""
        return _LABELS[self]


_LABELS: Final = {
    Standing.AGREED: "Identique des deux côtés",
    Standing.WAITING: "En attente du prochain cycle",
    Standing.UNDER_WAY: "Envoi à Sage 100 en cours",
    Standing.CONFLICT: "Conflit à trancher",
    Standing.ERROR: "Fiche en erreur de synchronisation",
    Standing.TAKEN_OUT: "Fiche sortie de la synchronisation",
    Standing.GONE: "Le tiers n'est plus actif dans Sage 100",
    Standing.CRM_ONLY: "N'existe que dans le CRM",
}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """All that is known of one value; ``writes`` are the newest first.

    ``base_value`` is what both sides last agreed on, ``erp_value`` what the ERP was last seen with. ``company_value`` and
    ``account_value`` differ only when the two fiches do (CRM-33).
    """

    company_id: int
    account_id: int | None
    code: str | None
    path: str
    label: str
    company_value: str | None
    account_value: str | None
    base_value: str | None
    erp_value: str | None
    standing: Standing
    waiting_since: datetime | None
    conflict: ConflictView | None
    error: ErrorSummary | None
    writes: tuple[HistoryLine, ...]


def explain(session: Session, company_id: int, path: str) -> Explanation:
    """Explain a value of a Company: 'name', 'contacts/7/phone', 'manager_id', 'custom.<name>'.

    Raises InputRefused (company_unknown, unknown_field).
    """
    company = session.get(Company, company_id)
    if company is None:
        raise unknown_company(company_id)
    if path not in COMPANY_ONLY and not path.startswith(CUSTOM):
        path = _checked("dormant" if path == "status" else path)
    return _Explaining(session, company, path).explanation()


def _checked(path: str) -> str:
    if not place(path).attr:
        raise InputRefused(
            f"{path} is not one value", code="unknown_field", field=path, remedy="Name a field: 'contacts/7/phone'."
        )
    return path


class _Explaining:
    """Gathers what is known of one value."""

    def __init__(self, session: Session, company: Company, path: str) -> None:
        self._session, self._company, self._path = session, company, path
        self._name, self._key, self._attr = split(path)
        self._account = session.scalar(select(Account).where(Account.company_id == company.id, Account.is_main))
        of_account = (Link.entity == Entity.ACCOUNT.value, Link.local_id == (self._account.id if self._account else 0))
        self._link = session.scalar(select(Link).where(*of_account))
        self._crm = self._snapshot()
        self._base = load(self._link.base) if self._link is not None else {}

    def _snapshot(self) -> Snapshot:
        if self._account is None:
            return {}
        rows = load_rows(Bulk(self._session.connection()), [self._account.id], lock=False)
        return rows[self._account.id].snapshot()

    def explanation(self) -> Explanation:
        """What is known of it."""
        crm, base = self._value(self._crm), self._value(self._base)
        conflict = self._conflict()
        error = self._error()
        return Explanation(
            company_id=self._company.id,
            account_id=None if self._account is None else self._account.id,
            code=None if self._account is None else self._account.code,
            path=self._path,
            label=label_of(self._path.removeprefix(CUSTOM)),
            company_value=as_text(self._of_company(crm)),
            account_value=as_text(crm),
            base_value=as_text(base),
            erp_value=conflict.erp_value if conflict is not None else as_text(base),
            standing=self._standing(crm, base, conflict, error),
            waiting_since=None if self._link is None else self._link.changed_at,
            conflict=conflict,
            error=error,
            writes=tuple(self._writes()),
        )

    def _value(self, values: Snapshot) -> Any:
        if not self._name:
            return values.get(self._attr)
        child = self._child(values)
        return None if child is None else child.get(self._attr)

    def _child(self, values: Snapshot) -> Values | None:
        return next((child for child in values.get(self._name, ()) if self._key in _names(child)), None)

    def _of_company(self, crm: Any) -> Any:
        """The Company's value; its children and numbers are the same rows as the Account's."""
        if self._path.startswith(CUSTOM):
            return (self._company.custom or {}).get(self._path.removeprefix(CUSTOM))
        if self._path == "dormant":
            return self._company.status.value
        column = COMPANY_NAMES.get(self._path, self._path)
        return getattr(self._company, column) if column in Company.__table__.columns else crm

    def _conflict(self) -> ConflictView | None:
        if self._link is None:
            return None
        chosen = ConflictFilter(record=self._link.erp_key)
        found = conflicts(self._session, self._link.integration_id, chosen, limit=1_000)
        return next((one for one in found if one.path == self._path), None)

    def _error(self) -> ErrorSummary | None:
        if self._account is None:
            return None
        key = None if self._link is None else self._link.erp_key
        mine = or_(
            and_(SyncError.side == Side.ERP, SyncError.local_id == self._account.id),
            and_(SyncError.side == Side.CRM, SyncError.erp_key == key),
        )
        same_tiers = (
            SyncError.integration_id == self._account.integration_id,
            SyncError.entity == Entity.ACCOUNT.value,
        )
        query = select(SyncError).where(*same_tiers, mine, SyncError.state.in_(STANDING))
        found = self._session.scalars(query.order_by(SyncError.last_at.desc()).limit(1)).one_or_none()
        return None if found is None else summary_of(found)

    def _standing(self, crm: Any, base: Any, conflict: ConflictView | None, error: ErrorSummary | None) -> Standing:
        """The first that holds of: only here, out of the flow, gone, to be decided, in error, on its way, waiting, agreed."""
        travels = self._path not in COMPANY_ONLY and not self._path.startswith(CUSTOM)
        differs = travels and not _equal(self._path, crm, base)
        if not travels or self._account is None or (self._link is None and error is None and not self._awaited()):
            return Standing.CRM_ONLY
        if self._link is not None and self._link.state in _BY_LINK:
            return _BY_LINK[self._link.state]
        if conflict is not None:
            return Standing.CONFLICT
        if error is not None:
            return Standing.ERROR
        if self._on_its_way():
            return Standing.UNDER_WAY
        return Standing.WAITING if differs or self._link is None else Standing.AGREED

    def _awaited(self) -> bool:
        return self._account is not None and self._account.erp_state is ErpState.AWAITED

    def _on_its_way(self) -> bool:
        """Whether a write that has no result yet changes the value in the ERP."""
        of_account = Outbox.account_id == (self._account.id if self._account else 0)
        opened = Outbox.state.in_((OutboxState.PENDING, OutboxState.SENT))
        paths = {
            change[0]
            for text in self._session.scalars(select(Outbox.changes).where(of_account, opened))
            for change in json.loads(text)
        }
        return bool(paths & self._paths())

    def _paths(self) -> set[str]:
        """What the value is called in a write: by number, or while there was none by its row; or its child as a whole."""
        if not self._name:
            return {self._path}
        keys = self._keys()
        return {join(self._name, key, attr) for key in keys for attr in (self._attr, "")}

    def _keys(self) -> set[str]:
        child = self._child(self._crm)
        return {self._key} if child is None else _names(child)

    def _writes(self) -> list[HistoryLine]:
        query = select(JournalEntry).where(or_(*self._places())).order_by(JournalEntry.id.desc())
        return [line_of(entry, self._key or None) for entry in self._session.scalars(query)]

    def _places(self) -> list[ColumnElement[bool]]:
        """Where its lines are: those of the CRM by record and column, those of the ERP by path."""
        entry = JournalEntry
        account_id = self._account.id if self._account is not None else 0
        sent = and_(entry.account_id == account_id, entry.side == Side.ERP, entry.field.in_(self._paths()))
        if self._name:
            return [sent, self._child_lines(account_id)]
        columns = {self._attr, COMPANY_NAMES.get(self._attr, self._attr)}
        own = and_(entry.entity == Entity.COMPANY.value, entry.record_id == self._company.id, entry.field.in_(columns))
        tiers = and_(entry.entity == Entity.ACCOUNT.value, entry.record_id == account_id, entry.field == self._attr)
        return [sent, own, tiers]

    def _child_lines(self, account_id: int) -> ColumnElement[bool]:
        """Of a child that is gone its number in the ERP is all that is left."""
        entry, entity = JournalEntry, LISTS[self._name].value
        told = (entry.entity == entity, entry.field.in_((self._attr, "")))
        child = self._child(self._crm)
        by_number = and_(entry.account_id == account_id, entry.erp_key == self._key)
        if child is None:
            return and_(*told, by_number)
        return and_(*told, or_(entry.record_id == child["id"], by_number))


_BY_LINK: Final[Mapping[LinkState, Standing]] = {
    LinkState.TAKEN_OUT: Standing.TAKEN_OUT,
    LinkState.VANISHED: Standing.GONE,
}


def _names(child: Values) -> set[str]:
    """What a child goes by: its number in the ERP, and its row in the CRM."""
    return {name for name in (child.get("key"), new_key(child["id"]) if "id" in child else None) if name}


def _equal(path: str, one: Any, other: Any) -> bool:
    return bool(same(field_of(path), one, other)) if not path.startswith("free_fields") else one == other
