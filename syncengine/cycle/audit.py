"""Drift audit: both sides compared in the background, portion after portion, whatever the change log and the marks say.

The ERP tells keys and versions, which are hashes of what it holds; the CRM's rows are compared with what was last agreed, as a
full resync does. Only where one of these differs are the records themselves read and compared, value by value. A record counts
as differing only when no cycle would bring it into step: nothing of it waits in the CRM, and the change log, which is asked at
that moment and not guessed at, has nothing of it behind the cursor.

No lease is taken and no row is locked that a cycle needs for longer than a moment. What is found while a cycle runs, or ran
since the CRM was read, is not recorded: the portion is done again later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from math import ceil
from typing import Final

import structlog
from sqlalchemy import ColumnElement, and_, update

from contracts.client import GatewayClient
from contracts.errors import RemoteFault
from contracts.fields import Record
from contracts.messages import RECORDS_MAX, EntitySet
from syncengine.connection import same_company
from syncengine.core.snapshot import Snapshot, load, snapshot
from syncengine.core.verdict import Verdict, verdict
from syncengine.cycle.audit_book import Findings, Place, keep, open_place
from syncengine.cycle.audit_sides import CrmSide, read_crm, read_cursor
from syncengine.cycle.gateway_options import contradict
from syncengine.cycle.pull import persistently
from syncengine.cycle.resync import departed
from syncengine.cycle.run import DIFFERENTIAL, Surroundings
from syncengine.cycle.taking import may_run
from syncengine.errors import CompanyMismatch
from syncengine.model import Drift, ErpState, Integration, IntegrationState, LinkState
from syncengine.storage.bulk import batches
from syncengine.storage.store import Store

SIZE_LEAST: Final = 50
SIZE_MOST: Final = RECORDS_MAX
PORTIONS_PER_HOUR: Final = 12
AGAIN: Final = timedelta(minutes=5)
"""When a portion that could not be finished is begun again, and one that was lost with its worker."""
STANDING_WITHIN: Final = timedelta(hours=1)
"""While something differs it is looked at again at least this often: what was repaired is soon known to be."""
LOG_PAGES: Final = 5
"""Pages of the change log that are read to tell what is on its way; where more is coming the audit waits."""
_log = structlog.get_logger(__name__)


class PortionState(StrEnum):
    """What became of a portion."""

    DONE = "done"
    POSTPONED = "postponed"  # a cycle ran meanwhile, or so much is on its way that nothing can be told yet


@dataclass(frozen=True, kw_only=True)
class Portion:
    """What a portion found. ``waiting`` tiers were not compared: they wait to be synchronised, or are out of the flow.

    ``standing``: how many differ now in the whole base, as far as known. ``ended``: it was the last one of its pass.
    """

    state: PortionState
    compared: int = 0
    waiting: int = 0
    found: int = 0
    settled: int = 0
    standing: int = 0
    ended: bool = False
    reason: str = ""


def audit_portion(store: Store, integration_id: int, around: Surroundings, *, at: datetime) -> Portion:
    """Compare the next portion of an integration's tiers, and what is known to differ; nothing else is written.

    Raises NotActive and Disconnected (CRM-11, CRM-58), IntegrationUnknown, CompanyMismatch, and what the gateway's client raises.
    """
    with store.reading() as session:
        place = open_place(session, integration_id)
        may_run(place.integration, DIFFERENTIAL)
        if read_cursor(session, integration_id) is None:
            return _postpone(store, place, "the first synchronisation has not read everything yet", at=at)
    size, _ = portion_of(place.total, place.integration.audit_percent)
    with around.connect(place.integration) as client:
        return _Comparison(store, client, around, place, at).portion(size)


def may_be_audited(_at: datetime) -> ColumnElement[bool]:
    """The integrations that portions are made of at all: active, connected (CRM-11, CRM-58), and audited."""
    return and_(Integration.audit_percent > 0, Integration.connected, Integration.state == IntegrationState.ACTIVE)


def portion_of(total: int, percent: int) -> tuple[int, timedelta]:
    """How many tiers the next portion has, and how long until the one after it: ``percent`` of ``total`` in an hour.

    Small bases are compared in fewer portions, not faster.
    """
    held = max(total, 1)
    hourly = held * max(percent, 1) / 100
    size = min(max(ceil(hourly / PORTIONS_PER_HOUR), SIZE_LEAST), SIZE_MOST)
    return size, timedelta(hours=min(size, held) / hourly)


@dataclass(kw_only=True)
class _Told:
    """What the ERP says of some tiers: each as a record, or why it is not there; and a reason to decide nothing now."""

    records: dict[str, Record] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    coming: set[str] = field(default_factory=set)
    undecided: str = ""


class _Comparison:
    """One portion under way."""

    def __init__(self, store: Store, client: GatewayClient, around: Surroundings, place: Place, at: datetime) -> None:
        self._store, self._client, self._around = store, client, around
        self._place, self._at = place, at

    def portion(self, size: int) -> Portion:
        """Ask the ERP, look at the CRM, compare what looks different, record."""
        place = self._place
        ask = partial(self._client.get_versions, place.position, page_size=size)
        page, at_end = persistently(ask, self._around.patience)
        versions = dict(page)
        keys = [*versions, *place.standing]
        until = None if at_end or not page else page[-1][0]
        crm = read_crm(self._store, place.integration.id, keys, after=place.position, until=until, at=self._at)
        may_run(crm.integration, DIFFERENTIAL)
        inspected = {*keys, *crm.links} - crm.waiting
        suspects = sorted(key for key in inspected if key in place.standing or _looks_different(crm, key, versions))
        told = self._ask(crm, suspects)
        if told.undecided:
            return _postpone(self._store, place, told.undecided, at=self._at)
        decided = [key for key in suspects if key not in told.coming]
        verdicts = {key: _judge(crm, key, told) for key in decided}
        ranged = versions.keys() | crm.ranged
        findings = Findings(
            verdicts=verdicts,
            accounts={key: crm.links[key]["local_id"] for key in verdicts if key in crm.links},
            compared=len((ranged & inspected) - told.coming),
            position=until,
            lease=crm.lease,
        )
        return self._keep(findings, waiting=len(ranged & crm.waiting) + len(ranged & told.coming))

    def _keep(self, findings: Findings, *, waiting: int) -> Portion:
        place = self._place
        _, interval = portion_of(place.total, place.integration.audit_percent)
        with self._store.writing() as session:
            kept = keep(
                session,
                place,
                findings,
                due=(self._at + interval, self._at + min(interval, STANDING_WITHIN), self._at + AGAIN),
                at=self._at,
            )
        if kept is None:
            _log.info("audit_postponed", reason=_RAN)
            return Portion(state=PortionState.POSTPONED, reason=_RAN)
        portion = Portion(
            state=PortionState.DONE,
            compared=findings.compared,
            waiting=waiting,
            found=kept.found,
            settled=kept.settled,
            standing=kept.standing,
            ended=findings.position is None,
        )
        _log.info("audited", compared=portion.compared, waiting=waiting, found=kept.found, settled=kept.settled)
        return portion

    def _ask(self, crm: CrmSide, suspects: Sequence[str]) -> _Told:
        """The records themselves, and then what a cycle would bring: in that order, nothing slips between the two."""
        told = _Told()
        if not suspects:
            return told
        for batch in batches(suspects, RECORDS_MAX):
            changes = persistently(partial(self._client.get_records, EntitySet.TIERS, batch), self._around.patience)
            told.records |= {record.text("code"): record for record in changes.records}
            told.gone |= {stone.text("key"): stone.text("reason") for stone in changes.tombstones}
            told.broken |= {bad.key: bad.error.message for bad in changes.rejected}
        if crm.lease.held:
            told.undecided = _RAN
        elif contradict(told.records.values(), crm.rules.untold):
            told.undecided = "the gateway's options have moved; the next cycle reads them"
        else:
            self._ask_log(crm, told)
        return told

    def _ask_log(self, crm: CrmSide, told: _Told) -> None:
        cursor = crm.cursor or ""
        try:
            for _ in range(LOG_PAGES):
                ask = partial(self._client.get_change_log, {EntitySet.TIERS: cursor})
                page = persistently(ask, self._around.patience)
                _refuse_other_company(crm.integration, page.company)
                for changes in page.change_sets:
                    told.coming |= {record.text("code") for record in changes.records if _is_news(crm, record)}
                    told.coming |= {stone.text("key") for stone in changes.tombstones}
                    told.coming |= {bad.key for bad in changes.rejected}
                    cursor = changes.next_cursor
                if all(changes.at_end for changes in page.change_sets):
                    return
            told.undecided = "so much has changed in the ERP that the next cycle must bring it first"
        except RemoteFault as fault:
            if fault.problem_code != "cursor_unknown":
                raise
            told.undecided = "the ERP base was replaced or restored; the next cycle reads everything again"


_RAN: Final = "a cycle ran meanwhile"


def _postpone(store: Store, place: Place, reason: str, *, at: datetime) -> Portion:
    _log.info("audit_postponed", reason=reason)
    with store.writing() as session:
        session.execute(
            update(Integration).where(Integration.id == place.integration.id).values(audit_due_at=at + AGAIN)
        )
    return Portion(state=PortionState.POSTPONED, reason=reason)


def _looks_different(crm: CrmSide, key: str, versions: dict[str, str]) -> bool:
    """By the hash that the ERP tells, and by what both sides last agreed on."""
    link, rows = crm.links.get(key), crm.of(key)
    if link is None or key not in versions:
        return not (link is None and crm.creating)
    if rows is None or link["state"] != LinkState.LINKED or link["erp_version"] != versions[key]:
        return True
    return departed(link, rows, crm.rules)


def _judge(crm: CrmSide, key: str, told: _Told) -> Verdict:
    link, rows = crm.links.get(key), crm.of(key)
    if key in told.broken:
        return Verdict(drift=Drift.VALUES, fields={"": [None, told.broken[key]]})
    state = None if rows is None else ErpState(rows.account["erp_state"])
    return verdict(
        None if rows is None else rows.snapshot(),
        _erp(crm, key, told, load(link["base"]) if link else {}),
        state=ErpState.DELETED if link and link["state"] is LinkState.VANISHED and state is ErpState.PRESENT else state,
        untold=crm.rules.untold,
    )


def _erp(crm: CrmSide, key: str, told: _Told, base: Snapshot) -> Snapshot | str:
    record = told.records.get(key)
    if record is None:
        return told.gone.get(key, ErpState.DELETED.value)
    if record.flag("dormant") and not crm.rules.dormant_told:
        return ErpState.DORMANT.value
    return snapshot(crm.rules.with_defaults(record), base)


def _is_news(crm: CrmSide, record: Record) -> bool:
    """Whether a cycle would look at it: what came from the CRM comes back under the version it was given (G6)."""
    link = crm.links.get(record.text("code"))
    return link is None or link["state"] != LinkState.LINKED or link["erp_version"] != record.text("version")


def _refuse_other_company(integration: Integration, company: str) -> None:
    """Nothing is compared with another company's tiers (CRM-14)."""
    if not same_company(integration.company, company):
        raise CompanyMismatch(
            f"the gateway serves {company!r}, the integration names {integration.company!r}", field="company"
        )
