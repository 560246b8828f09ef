"""Records in error, listed and shown: what was refused, field by field, and what can be done (CRM-49, CRM-50)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from contracts.fields import Field, Flow, Kind, Struct
from contracts.messages import NAMESPACE
from contracts.tables import FREE_FIELD, REPRESENTATIVE, TURNOVER
from syncengine.core.labels import label_of
from syncengine.cycle.corrections import Leaf, document_of, leaves_of
from syncengine.errors import InputRefused
from syncengine.model import Side, SyncError, SyncErrorState
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.sync_errors import KEYLESS


class Action(StrEnum):
    """What somebody can order for a record in error."""

    RETRY = "retry"  # Réessayer
    EDIT_AND_RETRY = "edit_and_retry"  # Corriger et réessayer
    TAKE_OUT = "take_out"  # Ne plus synchroniser
    PUT_BACK = "put_back"  # Réactiver la synchronisation


@dataclass(frozen=True, kw_only=True)
class ErrorSummary:
    """One record in error. ``side`` refused it: the CRM what was pulled, the ERP what was sent."""

    id: int
    side: Side
    entity: str
    erp_key: str
    local_id: int | None
    code: str
    field: str | None
    message: str
    remedy: str | None
    attempts: int
    state: SyncErrorState
    first_cycle_id: int | None
    last_cycle_id: int | None
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True)
class SheetLine:
    """One value of the record: as received or sent, whether it is what was refused and why, and what replaces it."""

    path: str
    label: str
    value: str | None
    refused: bool
    reason: str | None
    correction: str | None
    correctable: bool


@dataclass(frozen=True, kw_only=True)
class ErrorSheet:
    """An error made readable: the record's values in order, and what can be ordered now."""

    error: ErrorSummary
    lines: tuple[SheetLine, ...]
    actions: tuple[Action, ...]
    payload: str | None


def sync_errors(
    session: Session,
    integration_id: int,
    *,
    state: SyncErrorState | None = None,
    side: Side | None = None,
    code: str | None = None,
    limit: int = 100,
    after: int | None = None,
) -> list[ErrorSummary]:
    """The records in error, the latest first; without ``state`` those that stand. ``after`` is the id that ended the last page."""
    wanted = [SyncError.integration_id == integration_id]
    wanted.append(SyncError.state == state if state is not None else SyncError.state.in_(STANDING))
    if side is not None:
        wanted.append(SyncError.side == side)
    if code is not None:
        wanted.append(SyncError.code == code)
    if after is not None:
        wanted.append(_beyond(session, after))
    query = select(SyncError).where(*wanted).order_by(SyncError.last_at.desc(), SyncError.id.desc()).limit(limit)
    return [summary_of(error) for error in session.scalars(query)]


def _beyond(session: Session, after: int) -> ColumnElement[bool]:
    last = session.get(SyncError, after)
    if last is None:
        raise unknown_error(after)
    same = and_(SyncError.last_at == last.last_at, SyncError.id < after)
    return or_(SyncError.last_at < last.last_at, same)


def error_sheet(session: Session, error_id: int) -> ErrorSheet:
    """One error with the record it is about. Raises InputRefused (error_unknown)."""
    error = session.get(SyncError, error_id)
    if error is None:
        raise unknown_error(error_id)
    return ErrorSheet(
        error=summary_of(error), lines=tuple(_lines(error)), actions=actions_for(error), payload=error.payload
    )


def unknown_error(error_id: int | str) -> InputRefused:
    """The refusal of an order about an error that is not there."""
    return InputRefused(
        "there is no such error",
        code="error_unknown",
        record=str(error_id),
        remedy="See `syncengine errors list`, with `--state` for those that are settled.",
    )


def actions_for(error: SyncError) -> tuple[Action, ...]:
    """What can be ordered for an error as it stands."""
    if error.state is SyncErrorState.TAKEN_OUT:
        return (Action.PUT_BACK,)
    if error.state not in STANDING:
        return ()
    if error.erp_key.startswith(KEYLESS):
        return (Action.TAKE_OUT,)
    correctable = error.entity == Entity.ACCOUNT.value and bool(error.payload)
    return (Action.RETRY, *((Action.EDIT_AND_RETRY,) if correctable else ()), Action.TAKE_OUT)


def _lines(error: SyncError) -> Iterator[SheetLine]:
    if not error.payload:
        return
    corrections = error.corrections or {}
    if error.entity != Entity.ACCOUNT.value:
        yield from _flat(error, _STRUCTS[error.entity])
        return
    for leaf in leaves_of(document_of(error.payload)):
        if leaf.text is None and not _told(error, leaf) and leaf.path not in corrections:
            continue
        yield _line(error, leaf, corrections)


def _line(error: SyncError, leaf: Leaf, corrections: Mapping[str, Any]) -> SheetLine:
    reason = _fault(leaf) or (error.message if _told(error, leaf) else None)
    _, wanted = corrections.get(leaf.path, (None, None))
    return SheetLine(
        path=leaf.path,
        label=label_of(leaf.path),
        value=leaf.text,
        refused=reason is not None,
        reason=reason,
        correction=wanted,
        correctable=leaf.field.flow is Flow.BOTH and leaf.field.attr not in {"code", "type", "kind", "version"},
    )


def _told(error: SyncError, leaf: Leaf) -> bool:
    """Whether the refusal names this value; of a child it tells the place in the list, 'Contact 3'."""
    if leaf.field.name != error.field:
        return False
    named = set(_CHILD.findall(error.message))
    return bool(named & leaf.child) if leaf.child else not named


_CHILD: Final = re.compile(r"\b(?:Contact|Address) (?:\d+|billing)\b")


def _fault(leaf: Leaf) -> str | None:
    """What is wrong with a value by its declaration alone."""
    text, field = leaf.text, leaf.field
    if field.required and text is None:
        return "a value is required"
    if text is not None and field.kind is Kind.TEXT and field.length is not None and len(text) > field.length:
        return f"{len(text)} characters, at most {field.length}"
    return None


def _flat(error: SyncError, struct: Struct) -> Iterator[SheetLine]:
    document = document_of(error.payload or "")
    for field in struct.fields:
        text = document.findtext(f"{{{NAMESPACE}}}{field.name}")
        if text or field.name == error.field:
            yield _flat_line(error, field, text or None)


def _flat_line(error: SyncError, field: Field, text: str | None) -> SheetLine:
    told = field.name == error.field
    return SheetLine(
        path=field.attr,
        label=field.label or field.name,
        value=text,
        refused=told,
        reason=error.message if told else None,
        correction=None,
        correctable=False,
    )


_STRUCTS: Final = {
    Entity.REPRESENTATIVE.value: REPRESENTATIVE,
    Entity.FREE_FIELD.value: FREE_FIELD,
    Entity.TURNOVER.value: TURNOVER,
}


def summary_of(error: SyncError) -> ErrorSummary:
    """The error as a value."""
    return ErrorSummary(**{name: getattr(error, name) for name in ErrorSummary.__dataclass_fields__})
