"""Which records in error an order is about, and which of them it cannot be carried out for (CRM-49, CRM-50)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Problem
from syncengine.desk.error_sheet import Action, actions_for, unknown_error
from syncengine.desk.result import Refusal, refusal
from syncengine.errors import InputRefused
from syncengine.model import Side, SyncError, SyncErrorState
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING


@dataclass(frozen=True, kw_only=True)
class Which:
    """Errors by id, tiers by code; or ``everything`` the order can be carried out for, narrowed by side and code of the error."""

    ids: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()
    everything: bool = False
    side: Side | None = None
    code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The errors an order is carried out for, and the ones named that it is not."""

    errors: tuple[SyncError, ...]
    refused: tuple[Refusal, ...]


def choose(session: Session, integration_id: int, which: Which, action: Action) -> Choice:
    """The errors of an integration that an order is about; codes without error are left to the caller."""
    named = {error.id: error for error in _named(session, integration_id, which)}
    errors = [error for error in named.values() if action in actions_for(error)]
    refused = [refusal(number, unknown_error(number)) for number in which.ids if number not in named]
    refused += [refusal(number, not_now(named[number], action)) for number in named if named[number] not in errors]
    if which.everything:
        errors += [e for e in _all(session, integration_id, which, action) if e.id not in named]
    return Choice(errors=tuple(errors), refused=tuple(refused))


def _named(session: Session, integration_id: int, which: Which) -> list[SyncError]:
    """Those named by id, and of those named by code the ones that are not settled."""
    mine = SyncError.integration_id == integration_id
    by_id = session.scalars(select(SyncError).where(mine, SyncError.id.in_(which.ids)).order_by(SyncError.id))
    by_key = select(SyncError).where(
        mine,
        SyncError.entity == Entity.ACCOUNT.value,
        SyncError.erp_key.in_(which.keys),
        SyncError.state != SyncErrorState.RESOLVED,
    )
    return [*by_id, *session.scalars(by_key.order_by(SyncError.id))]


def _all(session: Session, integration_id: int, which: Which, action: Action) -> list[SyncError]:
    states = (SyncErrorState.TAKEN_OUT,) if action is Action.PUT_BACK else STANDING
    query = select(SyncError).where(SyncError.integration_id == integration_id, SyncError.state.in_(states))
    if which.side is not None:
        query = query.where(SyncError.side == which.side)
    if which.code is not None:
        query = query.where(SyncError.code == which.code)
    return [error for error in session.scalars(query.order_by(SyncError.id)) if action in actions_for(error)]


def not_now(error: SyncError, action: Action) -> Problem:
    """The refusal of an order that an error as it stands does not allow."""
    if action is Action.PUT_BACK:
        words, remedy = "the record is not out of the flow", "Only records taken out can be put back."
    else:
        words, remedy = _WHY_NOT.get(error.state, _NOT_THIS_ONE)
    return InputRefused(words, code=f"cannot_{action.value}", record=error.erp_key, remedy=remedy)


_NOT_THIS_ONE: Final = (
    "the record cannot be asked for: it has no key, or was not kept as it came",
    "Correct it in Sage 100: it arrives with the next cycle.",
)
_WHY_NOT: Final = {
    SyncErrorState.TAKEN_OUT: ("the record is out of the flow", "Put it back first: `syncengine errors put-back`."),
    SyncErrorState.RESOLVED: ("the record is not in error any more", "Nothing is left to do."),
}
