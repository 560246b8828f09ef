"""Push: writes from the outbox to the ERP, and what it answers, record by record (CRM-01, CRM-49, NEW-05)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from contracts.errors import Problem
from contracts.fields import Record
from syncengine.core.account_code import sent_code
from syncengine.core.merge import sent
from syncengine.core.snapshot import dump, load
from syncengine.cycle.arrivals import LINK_COLUMNS
from syncengine.cycle.crm_rows import Local
from syncengine.cycle.outgoing import CREATE, Write, close_writes, commit_writes, update_writes
from syncengine.cycle.reconcile import Reconciler, Seen
from syncengine.cycle.vanishing import part
from syncengine.errors import DataProblem
from syncengine.model import Account, ErpState, Link, LinkState, OutboxState, Side
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.journal import Ids, Journal
from syncengine.storage.sync_errors import Failure, failure, resolve_sent, settle

DONE: Final = "done"
STALE: Final = "stale"
UNTOLD: Final = "not_synchronised"
"""Refused because the gateway does not tell this any more: the change waits until it does (CRM-12)."""
GONE: Final = "unknown_tiers"
"""Refused because the tiers is not there any more: the next pull tells so, and the change waits for its return (CRM-32)."""


@dataclass(kw_only=True)
class Pushed:
    """What became of some writes; ``again`` are merged anew with what the ERP holds now, in the outbox already.

    ``untaken`` are those whose tiers has moved on to something that the CRM cannot take; ``untold`` those to be merged with other
    rules: the gateway told fewer kinds than it said; their links are marked again.
    """

    created: int = 0
    sent: int = 0
    stale: int = 0
    refused: int = 0
    untaken: int = 0
    again: list[Write] = field(default_factory=list)
    untold: list[Write] = field(default_factory=list)


class Results:
    """Records the results of writes in the caller's transaction."""

    def __init__(
        self, bulk: Bulk, reconciler: Reconciler, *, integration_id: int, cycle_id: int, now: datetime
    ) -> None:
        self._bulk, self._reconciler, self._now = bulk, reconciler, now
        self._ids = Ids(integration_id=integration_id, cycle_id=cycle_id)

    def record(self, writes: Sequence[Write], results: Sequence[Record]) -> Pushed:
        """Record one result for each of these writes."""
        told = {result.text("id"): result for result in results}
        pairs = [(write, told[write.transaction_id]) for write in writes]
        done = [pair for pair in pairs if pair[1].text("status") == DONE]
        stale = [pair for pair in pairs if pair[1].text("status") == STALE]
        untold = [pair for pair in pairs if _is_untold(*pair)]
        refused = [pair for pair in pairs if pair[1].text("status") not in {DONE, STALE} and not _is_untold(*pair)]
        pushed = Pushed(
            created=sum(write.action == CREATE for write, _ in done),
            sent=sum(write.action != CREATE for write, _ in done),
            stale=len(stale),
            untold=[write for write, _ in untold],
        )
        # Locked in one go and in order: the steps below would each take some.
        former = self._former(done)
        concerned = [write.account_id for write in writes] + [link["local_id"] for link in former]
        accounts = {row["id"]: row for row in self._bulk.locked(Account, concerned)}
        self._done(done, former)
        untaken = self._untaken(stale)
        pushed.untaken = len(untaken)
        pushed.again = self._stale([pair for pair in stale if pair[0].account_id not in untaken])
        self._mark(pushed.untold)
        pushed.refused = self._refused(refused, done, accounts)
        self._close(pairs)
        return pushed

    def _former(self, pairs: Sequence[tuple[Write, Record]]) -> list[Local]:
        """The links of those whose codes the ERP has given anew: it numbers on from the highest there is (CRM-23)."""
        keys = [result.text("key") for write, result in pairs if write.action == CREATE]
        integration_id = self._ids["integration_id"]
        return list(self._bulk.rows(Link, "erp_key", keys, integration_id=integration_id, entity=Entity.ACCOUNT.value))

    def _done(self, pairs: Sequence[tuple[Write, Record]], former: Sequence[Local]) -> None:
        """Journal what the ERP's values were; both sides now agree on what was sent, and take what the ERP made of it."""
        journal = Journal(self._bulk, **self._ids, now=self._now)
        for write, result in pairs:
            for change in write.changes:
                journal.value(
                    *(Entity.ACCOUNT, write.account_id, result.text("key"), change.path),
                    *(change.before, change.after, change.rule),
                    side=Side.ERP,
                )
        part(self._bulk, journal, former, self._now)
        journal.flush()
        self._link([pair for pair in pairs if pair[0].action == CREATE])
        links = {row["local_id"]: row for row in self._links([write.account_id for write, _ in pairs])}
        seen = []
        for write, result in pairs:
            link = links.get(write.account_id)
            if link is not None:
                base = sent(load(link["base"]), write.changes)
                seen.append(Seen(link=link, record=result.one("tiers"), base=base, edited_at=write.edited_at))
        self._reconciler.reconcile(seen)

    def _link(self, pairs: Sequence[tuple[Write, Record]]) -> None:
        """The tiers that were created are linked, one each (CRM-25, G4).

        Of one that could not be read back no version is known: the next pull brings it, or its error; it stops nobody (G7).
        """
        linked = (Entity.ACCOUNT.value, LinkState.LINKED.value)
        rows = [
            (
                *(self._ids["integration_id"], linked[0], write.account_id, result.text("key")),
                *(result.text("version") if result.one("tiers") else None, dump({}), linked[1]),
            )
            for write, result in pairs
        ]
        self._bulk.insert(Link, LINK_COLUMNS, rows)

    def _links(self, account_ids: Sequence[int]) -> list[Local]:
        return list(self._bulk.rows(Link, "local_id", account_ids, entity=Entity.ACCOUNT.value))

    def _untaken(self, pairs: Sequence[tuple[Write, Record]]) -> set[int]:
        """Those stale writes whose tiers the CRM cannot take as it is now: an error, as if a page had brought it (CRM-49).

        Their links are marked again: they are sent once the tiers is taken.
        """
        failures = {}
        for write, result in pairs:
            record = result.one("tiers")
            problem = None if record is None else self._reconciler.refusal(record)
            if record is not None and problem is not None:
                failures[write.account_id] = failure(Entity.ACCOUNT, record, problem)
        settle(self._bulk, Entity.ACCOUNT, list(failures.values()), (), **self._ids, now=self._now)
        self._mark([write for write, _ in pairs if write.account_id in failures])
        return set(failures)

    def _mark(self, writes: Sequence[Write]) -> None:
        """The links of these writes are marked again: what they say is still to be sent."""
        marks = {write.link_id: write.edited_at or self._now for write in writes}
        self._bulk.update(
            Link, {key: {"changed_at": self._bulk.instant(at)} for key, at in marks.items() if key is not None}
        )

    def _stale(self, pairs: Sequence[tuple[Write, Record]]) -> list[Write]:
        """Merge again with the tiers as it is now; once: what is stale twice waits for the next cycle."""
        links = {row["local_id"]: row for row in self._links([write.account_id for write, _ in pairs])}
        seen = [
            Seen(link=links[write.account_id], record=result.one("tiers"), edited_at=write.edited_at)
            for write, result in pairs
            if write.account_id in links
        ]
        outcomes = self._reconciler.reconcile(seen)
        first = {write.account_id for write, _ in pairs if not write.again}
        writes = update_writes(
            self._bulk, [outcome for outcome in outcomes if outcome.link["local_id"] in first], again=True
        )
        commit_writes(self._bulk, writes, **self._ids, now=self._now)
        return writes

    def _refused(
        self,
        pairs: Sequence[tuple[Write, Record]],
        done: Sequence[tuple[Write, Record]],
        accounts: dict[int, Local],
    ) -> int:
        failures = [
            Failure(
                entity=Entity.ACCOUNT,
                problem=_problem(result, error_key(accounts[write.account_id])),
                payload=write.payload,
                side=Side.ERP,
                local_id=write.account_id,
            )
            for write, result in pairs
            if not (write.action != CREATE and result.text("error_code") == GONE)
        ]
        settle(self._bulk, Entity.ACCOUNT, failures, (), **self._ids, now=self._now, side=Side.ERP)
        # By Account: the code may have been changed since it was refused.
        answered = [write.account_id for write, _ in (*done, *pairs)]
        refused = [failed.key for failed in failures]
        resolve_sent(self._bulk, answered, but=refused, integration_id=self._ids["integration_id"])
        return len(failures)

    def _close(self, pairs: Sequence[tuple[Write, Record]]) -> None:
        closed: dict[str, dict[str, Any]] = {}
        for write, result in pairs:
            state = _STATES.get(result.text("status"), OutboxState.REFUSED)
            told = {"error_code": "error_code", "error_field": "field", "error_message": "message"}
            closed[write.transaction_id] = {"state": state.value} | {
                column: result.text(attr) or None for column, attr in told.items()
            }
        close_writes(self._bulk, closed, now=self._now)


_STATES: Final = {DONE: OutboxState.DONE, STALE: OutboxState.STALE}


def _is_untold(write: Write, result: Record) -> bool:
    """Whether an update was refused for a kind that the gateway does not tell."""
    return write.action != CREATE and result.text("error_code") == UNTOLD


def error_key(account: Local) -> str:
    """Under which key the refusal of a tiers is kept: its code, or the Account's id until it is created (CRM-23).

    Until then the code may be another tiers', whose own refusal is kept under it.
    """
    if account["erp_state"] == ErpState.AWAITED:
        return f"#{account['id']}"
    return sent_code(account["code"] or "") or f"#{account['id']}"


def _problem(result: Record, key: str) -> Problem:
    return DataProblem(
        result.text("message"),
        code=result.text("error_code") or None,
        record=key,
        field=result.text("field") or None,
        remedy=result.text("remedy") or None,
    )
