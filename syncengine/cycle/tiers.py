"""What a page says of tiers, into the CRM: sorted into arrivals, changes, tombstones and failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from contracts.errors import InvalidRecord, Problem
from contracts.fields import Record
from contracts.page import Changes
from syncengine.core.replicate import UNKNOWN, Rules
from syncengine.cycle.arrivals import Arrivals
from syncengine.cycle.reconcile import Reconciler, Seen
from syncengine.cycle.reference import claim_turnover
from syncengine.cycle.vanishing import vanish
from syncengine.model import Account, ErpState, Link, LinkState
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, table_of
from syncengine.storage.journal import Journal
from syncengine.storage.sync_errors import Failure, failure, settle, taken_out, tiers_in_error

DUPLICATE: Final = "duplicate_code"


@dataclass(kw_only=True)
class Counts:
    """What happened to the tiers of a page, or of a cycle, on both sides; conflicts count fields."""

    arrived: int = 0
    changed: int = 0
    unchanged: int = 0
    vanished: int = 0
    refused: int = 0
    parked: int = 0
    decided: int = 0
    created_in_erp: int = 0
    sent: int = 0
    stale: int = 0
    refused_by_erp: int = 0
    undone: int = 0
    left: int = 0
    reference: dict[str, int] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Take another's figures in."""
        for name in _FIGURES:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, count in other.reference.items():
            self.reference[name] = self.reference.get(name, 0) + count

    def copy(self) -> Counts:
        """The same figures, to be added to on their own."""
        return replace(self, reference=dict(self.reference))

    def as_dict(self) -> dict[str, int]:
        """Figures by name, as the cycle keeps them."""
        return {name: getattr(self, name) for name in _FIGURES} | self.reference

    @property
    def anomalies(self) -> int:
        """What does not stop a cycle, but somebody should look at (CRM-10)."""
        return self.refused + self.refused_by_erp + self.parked + self.left


_FIGURES: Final = tuple(declared.name for declared in fields(Counts) if declared.name != "reference")


def apply_tiers(bulk: Bulk, changes: Changes, rules: Rules, reconciler: Reconciler, now: datetime) -> Counts:
    """Take the tiers of a change set, in the caller's transaction; what cannot be taken becomes a SyncError (G7)."""
    failures = [Failure(entity=Entity.ACCOUNT, problem=bad.error, payload=bad.xml) for bad in changes.rejected]
    codes = [record.text("code") for record in changes.records]
    links = _links(bulk, codes, rules)
    good = _good(changes.records, rules, _namesakes(bulk, changes.records, links, rules), failures)
    left_out = taken_out(bulk, Entity.ACCOUNT, codes, integration_id=rules.integration_id)
    arrivals = [r for r in good if r.text("code") not in links and r.text("code") not in left_out]
    seen = [
        Seen(link=link, record=record)
        for record in good
        if (link := links.get(record.text("code"))) is not None and _moved(link, record)
    ]
    vanishing = _vanishing(bulk, changes.tombstones, rules)
    # Locked in one go and in order: the steps below would each take some.
    bulk.lock(Account, [one.link["local_id"] for one in seen] + [link["local_id"] for link, _ in vanishing])
    Arrivals(bulk, rules, now).insert(arrivals)
    outcomes = reconciler.reconcile(seen)
    journal = Journal(bulk, integration_id=rules.integration_id, cycle_id=rules.cycle_id, now=now)
    vanished = vanish(bulk, journal, vanishing, now)
    journal.flush()
    dealt_with = [record.text("code") for record in good] + [stone.text("key") for stone in changes.tombstones]
    settle(
        *(bulk, Entity.ACCOUNT, failures, dealt_with),
        integration_id=rules.integration_id,
        cycle_id=rules.cycle_id,
        now=now,
    )
    claim_turnover(bulk, [record.text("code") for record in arrivals], integration_id=rules.integration_id)
    changed = sum(outcome.written for outcome in outcomes)
    return Counts(
        arrived=len(arrivals),
        changed=changed,
        unchanged=len(good) - len(arrivals) - changed,
        vanished=vanished,
        refused=len(failures),
        parked=sum(outcome.parked for outcome in outcomes),
        decided=sum(outcome.decided for outcome in outcomes),
    )


def _moved(link: dict[str, Any], record: Record) -> bool:
    """Whether the ERP's tiers is another than last seen; what came from the CRM comes back under the version it was given (G6)."""
    if link["state"] == LinkState.TAKEN_OUT:
        return False
    return bool(link["erp_version"] != record.text("version") or link["state"] == LinkState.VANISHED)


def recoverable(bulk: Bulk, rules: Rules) -> list[str]:
    """The tiers in error whose reason is gone: what they name is in the ERP's list, or their namesake is no more (CRM-49)."""
    waiting = tiers_in_error(bulk, (*UNKNOWN, DUPLICATE), integration_id=rules.integration_id)
    if not waiting:
        return []
    links = _links(bulk, [record.text("code") for record in waiting], rules)
    return [record.text("code") for record in _good(waiting, rules, _namesakes(bulk, waiting, links, rules), [])]


def _good(records: Iterable[Record], rules: Rules, namesakes: dict[str, str], failures: list[Failure]) -> list[Record]:
    """The records that can be taken, with defaults (CRM-26); the others are added to ``failures``."""
    good: dict[str, Record] = {}
    for record in records:
        code = record.text("code")
        twin = good.get(code)
        if twin is not None and twin["version"] == record["version"]:
            # The same record twice in a page says nothing new.
            continue
        try:
            rules.check(record)
            _only(code, twin, namesakes)
        except Problem as problem:
            failures.append(failure(Entity.ACCOUNT, record, problem))
        else:
            good[code] = rules.with_defaults(record)
    return list(good.values())


def _only(code: str, twin: Record | None, namesakes: dict[str, str]) -> None:
    """Raises InvalidRecord for the second tiers of one code; Sage compares codes without case (CRM-20, G4)."""
    if twin is not None or namesakes.setdefault(code.upper(), code) != code:
        raise InvalidRecord(
            "two tiers have this code",
            code=DUPLICATE,
            record=code,
            field="Code",
            remedy="Run `sage-gateway check`, then delete or renumber one of the two tiers in Sage 100.",
        )


def _namesakes(bulk: Bulk, records: Iterable[Record], links: dict[str, dict[str, Any]], rules: Rules) -> dict[str, str]:
    """The codes that stand already, by their capitals: those of the page, and those a code of it may differ from in case only."""
    table = table_of(Link)
    # Served by the partial index ix_links_case, which is empty in a base that Sage 100 itself keeps.
    in_small_letters = select(table.c.erp_key).where(
        table.c.integration_id == rules.integration_id,
        table.c.entity == Entity.ACCOUNT.value,
        table.c.state != LinkState.VANISHED,
        table.c.erp_key != func.upper(table.c.erp_key),
    )
    standing = list(bulk.connection.scalars(in_small_letters))
    codes = [record.text("code") for record in records]
    capitals = _links(bulk, [code.upper() for code in codes if code != code.upper()], rules)
    standing += [key for key, link in (capitals | links).items() if link["state"] != LinkState.VANISHED]
    return {key.upper(): key for key in standing}


def _links(bulk: Bulk, codes: Sequence[str], rules: Rules) -> dict[str, dict[str, Any]]:
    rows = bulk.rows(Link, "erp_key", codes, integration_id=rules.integration_id, entity=Entity.ACCOUNT.value)
    return {row["erp_key"]: row for row in rows}


def _vanishing(bulk: Bulk, tombstones: Sequence[Record], rules: Rules) -> list[tuple[dict[str, Any], ErpState]]:
    reasons = {stone.text("key"): stone.text("reason") for stone in tombstones}
    known = {state.value for state in ErpState}
    return [
        (link, ErpState(reasons[key]) if reasons[key] in known else ErpState.OUT_OF_SCOPE)
        for key, link in _links(bulk, list(reasons), rules).items()
        if link["state"] != LinkState.TAKEN_OUT
    ]
