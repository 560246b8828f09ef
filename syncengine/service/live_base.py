"""What live mode reads and writes in the CRM base: who is live, where its cursors stand, what waits to be sent, when it is due.

A cycle is brought forward by ``due_at`` alone, without a number of its own: a wish that a running cycle's end overwrites is found
again, for what it was made from is still there, in the gateway's change log or as a mark on a link. And an edit takes no lock
but its own: it would wait for cycles, and cycles for it, if it touched the integration's row too.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from pydantic import SecretStr
from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from contracts.messages import EntitySet
from syncengine.cycle import lease as leases
from syncengine.cycle.outgoing import something_to_send
from syncengine.cycle.run import entity_sets_of
from syncengine.engine import Engine
from syncengine.integrations import erp_password
from syncengine.model import Account, Cursor, ErpState, Integration, IntegrationState, Link, LinkState
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk

Item = TypeVar("Item")

CHUNK: Final = 500
PROBLEM_LENGTH: Final = 300

_WANTED: Final = (Integration.live, Integration.state == IntegrationState.ACTIVE, Integration.connected)


@dataclass(frozen=True, kw_only=True)
class Address:
    """How the gateway of an integration is called."""

    url: str
    user: str
    password: SecretStr
    timeout_s: int


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a live integration stands: ``cursors`` are empty until its first load is through, ``token`` counts its cycles."""

    address: Address
    cursors: Mapping[EntitySet, str]
    token: int
    failures: int
    interval_s: float
    busy: bool


@dataclass(frozen=True, kw_only=True)
class Edited:
    """A live integration of which something may wait to be sent, and what: the same again is equal."""

    integration_id: int
    interval_s: float
    what: Hashable


class LiveBase:
    """May be called from any thread. Raises DatabaseProblem, DatabaseBusy."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._store = engine, engine.store

    def members(self) -> list[int]:
        """The integrations that are live and whose cycles may run, in order of number."""
        with self._store.reading() as session:
            return list(session.scalars(select(Integration.id).where(*_WANTED).order_by(Integration.id)))

    def standing(self, integration_id: int) -> Standing | None:
        """How it stands; None: it is live no more. Raises KeyMissing, KeyWrong."""
        at = self._store.clock()
        with self._store.reading() as session:
            row = session.scalar(select(Integration).where(Integration.id == integration_id, *_WANTED))
            if row is None:
                return None
            busy = not session.scalar(select(exists().where(Integration.id == integration_id, _idle(at))))
            cursors = _cursors(session, row)
        return Standing(
            address=Address(
                url=row.url,
                user=row.erp_user,
                password=erp_password(row, self._engine.secrets),
                timeout_s=row.timeout_s,
            ),
            cursors=cursors,
            token=row.lease_token,
            failures=row.failures,
            interval_s=row.interval_min * 60.0,
            busy=busy,
        )

    def wake(self, integration_id: int) -> int | None:
        """A cycle is due now, unless one is due or running; the number of its cycles so far, None where nothing was changed."""
        at = self._store.clock()
        with self._store.writing() as session:
            return session.scalar(
                update(Integration)
                .where(Integration.id == integration_id, _idle(at))
                .values(due_at=at)
                .returning(Integration.lease_token)
                .execution_options(synchronize_session=False)
            )

    def tell(self, integration_id: int, problem: str | None) -> None:
        """Keep why the interval has to do for now, or that it does not."""
        told = None if problem is None else problem[:PROBLEM_LENGTH]
        with self._store.writing() as session:
            session.execute(
                update(Integration)
                .where(Integration.id == integration_id, Integration.live_problem.is_distinct_from(told))
                .values(live_problem=told)
                .execution_options(synchronize_session=False)
            )

    def edited(self, members: Collection[int]) -> list[Edited]:
        """Those of these where the CRM has marked something and no cycle is due, running, or held back by a failure.

        Costs an index entry for each member and each mark; ``is_to_send`` tells whether a cycle would send it.
        """
        at = self._store.clock()
        with self._store.reading() as session:
            return [found for chunk in _chunks(sorted(members)) for found in _edited(session, chunk, at)]

    def is_to_send(self, integration_id: int) -> bool:
        """Whether a cycle would find something to send: not what the ERP refused, nor what waits for somebody."""
        with self._store.reading() as session:
            since = session.scalar(select(Integration.parameters_refreshed_at).where(Integration.id == integration_id))
            return something_to_send(Bulk(session.connection()), integration_id, since)

    def has_versions(self, integration_id: int, versions: Mapping[str, str]) -> bool:
        """Whether both sides agree already on these tiers as they are now: code → version."""
        with self._store.reading() as session:
            for codes in _chunks(sorted(versions)):
                known = session.execute(
                    select(Link.erp_key, Link.erp_version).where(
                        Link.integration_id == integration_id,
                        Link.entity == Entity.ACCOUNT.value,
                        Link.erp_key.in_(codes),
                        Link.state == LinkState.LINKED,
                    )
                )
                held = {row.erp_key: row.erp_version for row in known}
                if any(held.get(code) != versions[code] for code in codes):
                    return False
        return True


def _idle(at: datetime) -> ColumnElement[bool]:
    return and_(*_WANTED, Integration.due_at > at, leases.is_free(at))


def _cursors(session: Session, integration: Integration) -> dict[EntitySet, str]:
    """The stored cursors of what its cycles read; none until each of them was at its end."""
    query = select(Cursor.entity_set, Cursor.cursor).where(Cursor.integration_id == integration.id, Cursor.at_end)
    known = {row.entity_set: row.cursor for row in session.execute(query)}
    wanted = entity_sets_of(integration)
    return {one: known[one.value] for one in wanted} if all(one.value in known for one in wanted) else {}


def _edited(session: Session, members: Sequence[int], at: datetime) -> Iterator[Edited]:
    marked = (
        select(func.max(Link.changed_at))
        .where(Link.integration_id == Integration.id, Link.changed_at.is_not(None))
        .scalar_subquery()
    )
    awaited = (
        select(func.max(Account.updated_at))
        .where(Account.integration_id == Integration.id, Account.erp_state == ErpState.AWAITED)
        .scalar_subquery()
    )
    query = (
        select(Integration.id, Integration.interval_min, marked.label("marked"), awaited.label("awaited"))
        .where(Integration.id.in_(members), _idle(at), Integration.failures == 0)
        .where(or_(marked.is_not(None), awaited.is_not(None)))
    )
    for row in session.execute(query):
        yield Edited(
            integration_id=row.id, interval_s=row.interval_min * 60.0, what=(str(row.marked), str(row.awaited))
        )


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
