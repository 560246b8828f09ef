"""What an administrator orders for records in error: ask again, correct, take out of the flow, put back (CRM-49, CRM-50).

An order is a mark that the next cycle reads: the state of the error for what is pulled, the link's state and mark for what is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.crm.edits import edit_path
from syncengine.cycle.act import Act
from syncengine.cycle.corrections import check_corrections
from syncengine.desk.error_choice import Which, choose, not_now
from syncengine.desk.error_sheet import Action, actions_for, unknown_error
from syncengine.desk.result import Result, refusal
from syncengine.errors import InputRefused
from syncengine.model import Account, ErpState, Link, LinkState, Outbox, Side, SyncError, SyncErrorState
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, batches
from syncengine.storage.journal import Journal
from syncengine.storage.sync_errors import COLUMNS, KEYLESS

Local: TypeAlias = dict[str, Any]
OUT_OF_FLOW: Final = "taken_out"
"""The code of the row of a tiers that was taken out without having been in error."""
_WORDS: Final = "sorti de la synchronisation"
_ACCOUNT: Final = Entity.ACCOUNT.value


def retry(session: Session, integration_id: int, which: Which, *, at: datetime) -> Result:
    """'Réessayer': the next cycle asks for these records again, or sends them again."""
    choice = choose(session, integration_id, which, Action.RETRY)
    known = {error.erp_key for error in choice.errors} | {one.record for one in choice.refused}
    unknown = [refusal(None, unknown_error(key)) for key in which.keys if key not in known]
    _ask_again(session, choice.errors, at=at)
    return Result(done=len(choice.errors), refused=(*choice.refused, *unknown))


def edit_and_retry(
    session: Session, error_id: int, values: Mapping[str, str | None], *, at: datetime, by: str | None
) -> None:
    """Correct values by path and try again: of a record that was pulled until it is taken, of one that was sent in the CRM.

    Raises InputRefused for an error this cannot be done for and for a value that breaks a rule, with nothing written.
    """
    error = session.get(SyncError, error_id)
    if error is None:
        raise unknown_error(error_id)
    if Action.EDIT_AND_RETRY not in actions_for(error):
        raise not_now(error, Action.EDIT_AND_RETRY)
    if error.side is Side.CRM:
        error.corrections = (error.corrections or {}) | check_corrections(error.payload or "", values)
    else:
        with session.begin_nested():  # all of them or none
            for path, value in values.items():
                edit_path(session, error.local_id or 0, path, value, Act(at=at, by=by))
    _ask_again(session, [error], at=at)


def _ask_again(session: Session, errors: Sequence[SyncError], *, at: datetime) -> None:
    for error in errors:
        error.state = SyncErrorState.RETRY
    session.flush()
    bulk = Bulk(session.connection())
    sent = [error.local_id for error in errors if error.side is Side.ERP and error.local_id is not None]
    # An Account that waits for its creation has no link: there the state is the mark.
    _mark(bulk, list(bulk.rows(Link, "local_id", sent, entity=_ACCOUNT)), at=at)


def _mark(bulk: Bulk, links: Sequence[Local], *, at: datetime) -> None:
    """Mark the links that are not; as old as the edit that was sent: asking again makes no edit more recent (NEW-03)."""
    unmarked = [link["id"] for link in links if link["changed_at"] is None]
    writes = bulk.rows(Outbox, "link_id", unmarked)
    edited = {row["link_id"]: row["edited_at"] for row in writes if row["edited_at"] is not None}
    bulk.update(Link, {link_id: {"changed_at": bulk.instant(edited.get(link_id, at))} for link_id in unmarked})


def take_out(session: Session, integration_id: int, which: Which, *, at: datetime, by: str | None) -> Result:
    """'Ne plus synchroniser': these records leave the flow, both ways, until they are put back.

    A tiers named by its code need not be in error; one that is neither linked nor in error is refused.
    """
    choice = choose(session, integration_id, which, Action.TAKE_OUT)
    flow = Flow(session, integration_id, at=at, by=by)
    flow.out(choice.errors, which.keys)
    known = {error.erp_key for error in choice.errors} | flow.keys
    unknown = [refusal(None, _not_in_flow(key)) for key in which.keys if key not in known]
    also = len(known & set(which.keys) - {error.erp_key for error in choice.errors})
    return Result(done=len(choice.errors) + also, refused=(*choice.refused, *unknown))


def put_back(session: Session, integration_id: int, which: Which, *, at: datetime, by: str | None) -> Result:
    """'Réactiver la synchronisation': asked for by key in the next cycle, so that what changed meanwhile arrives."""
    choice = choose(session, integration_id, which, Action.PUT_BACK)
    known = {error.erp_key for error in choice.errors} | {one.record for one in choice.refused}
    unknown = [refusal(None, _not_in_flow(key)) for key in which.keys if key not in known]
    Flow(session, integration_id, at=at, by=by).back(choice.errors)
    return Result(done=len(choice.errors), refused=(*choice.refused, *unknown))


class Flow:
    """Takes tiers out of the flow and puts them back: errors of both sides, link, and a row for the pull to pass over."""

    def __init__(
        self, session: Session, integration_id: int, *, at: datetime, by: str | None, cycle_id: int | None = None
    ) -> None:
        self._session, self._integration_id, self._at = session, integration_id, at
        self._bulk = Bulk(session.connection())
        self._journal = Journal(self._bulk, integration_id=integration_id, cycle_id=cycle_id, now=at, by=by)
        self.keys: set[str] = set()

    def out(self, errors: Iterable[SyncError], keys: Iterable[str]) -> None:
        """Take these errors out with their tiers, and the linked tiers of these codes; ``keys`` are then those linked."""
        errors = list(errors)
        links = self._links([*(error.erp_key for error in errors if _is_tiers(error)), *keys])
        self._move(links, LinkState.TAKEN_OUT, (LinkState.LINKED, LinkState.VANISHED))
        self.keys = {link["erp_key"] for link in links}
        self._settle(errors, SyncErrorState.TAKEN_OUT)
        self.aside(self.keys, SyncErrorState.TAKEN_OUT)
        self._journal.flush()

    def back(self, errors: Iterable[SyncError]) -> None:
        """Put these errors back with their tiers: asked for by key, and looked at for what the CRM changed meanwhile."""
        errors = list(errors)
        links = self._links([error.erp_key for error in errors if _is_tiers(error)])
        accounts = {row["id"]: row for row in self._bulk.rows(Account, "id", [link["local_id"] for link in links])}
        gone = [link for link in links if accounts[link["local_id"]]["erp_state"] in _GONE]
        self._move(gone, LinkState.VANISHED, (LinkState.TAKEN_OUT,))
        self._move([link for link in links if link not in gone], LinkState.LINKED, (LinkState.TAKEN_OUT,))
        self._settle(errors, SyncErrorState.RETRY)
        self.aside([link["erp_key"] for link in links], SyncErrorState.RETRY)
        _mark(self._bulk, links, at=self._at)
        self._journal.flush()

    def aside(
        self, keys: Iterable[str], state: SyncErrorState, *, code: str = OUT_OF_FLOW, message: str = _WORDS
    ) -> None:
        """These tiers in that state on both sides; one without a row of the CRM's side gets it, with that code."""
        wanted, same = set(keys), (SyncError.integration_id == self._integration_id, SyncError.entity == _ACCOUNT)
        known: set[str] = set()
        for batch in batches(sorted(wanted)):
            for error in self._session.scalars(select(SyncError).where(*same, SyncError.erp_key.in_(batch))):
                if error.side is Side.CRM:
                    known.add(error.erp_key)
                if error.side is Side.CRM or error.state is not SyncErrorState.RESOLVED:
                    error.state = state
        self._session.flush()
        moment = self._bulk.instant(self._at)
        place = (self._integration_id, _ACCOUNT, Side.CRM.value)
        told = (None, code, None, message, None, None, None, None, 0, state.value, moment, moment)
        self._bulk.insert(SyncError, COLUMNS, [(*place, key, *told) for key in sorted(wanted - known)])

    def _settle(self, errors: Iterable[SyncError], state: SyncErrorState) -> None:
        """A record without key cannot be asked for: it stands in error until it comes by itself."""
        for error in errors:
            waiting = state is SyncErrorState.RETRY and error.erp_key.startswith(KEYLESS)
            error.state = SyncErrorState.OPEN if waiting else state
        self._session.flush()

    def _links(self, keys: Iterable[str]) -> list[Local]:
        same = {"entity": _ACCOUNT, "integration_id": self._integration_id}
        return list(self._bulk.rows(Link, "erp_key", sorted(set(keys)), **same))

    def _move(self, links: Iterable[Local], state: LinkState, before: tuple[LinkState, ...]) -> None:
        moved = [link for link in links if link["state"] in before]
        self._bulk.update(Link, {link["id"]: {"state": state.value} for link in moved})
        for link in moved:
            told = ("link", link["state"].value, state.value, Rule.LINKED)
            self._journal.value(Entity.ACCOUNT, link["local_id"], link["erp_key"], *told)


_GONE: Final = (ErpState.DELETED, ErpState.OUT_OF_SCOPE, ErpState.DORMANT)


def _is_tiers(error: SyncError) -> bool:
    return error.entity == _ACCOUNT


def _not_in_flow(key: str) -> InputRefused:
    return InputRefused(
        "there is no tiers of this code in error or in the flow",
        code="tiers_unknown",
        record=key,
        remedy="Check the code: `syncengine company list`, `syncengine errors list --state taken_out`.",
    )
