"""What a page says of tiers, into the CRM: sorted into arrivals, changes, tombstones and failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from contracts.errors import InvalidRecord, Problem
from contracts.fields import Record
from contracts.page import Changes
from syncengine.arrivals import Arrivals
from syncengine.bulk import Bulk, table_of
from syncengine.journal import Journal
from syncengine.model import ErpState, Link, LinkState
from syncengine.model.link import Entity
from syncengine.reference import claim_turnover
from syncengine.replicate import UNKNOWN, Rules
from syncengine.sync_errors import Failure, failure, settle, tiers_in_error
from syncengine.updates import Updates

DUPLICATE: Final = "duplicate_code"


@dataclass(kw_only=True)
class Counts:
    """What happened to the tiers of a page, or of a cycle."""

    arrived: int = 0
    changed: int = 0
    unchanged: int = 0
    vanished: int = 0
    refused: int = 0
    reference: dict[str, int] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Take another's figures in."""
        self.arrived += other.arrived
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.vanished += other.vanished
        self.refused += other.refused
        for name, count in other.reference.items():
            self.reference[name] = self.reference.get(name, 0) + count

    def copy(self) -> Counts:
        """The same figures, to be added to on their own."""
        return replace(self, reference=dict(self.reference))

    def as_dict(self) -> dict[str, int]:
        """Figures by name, as the cycle keeps them."""
        tiers = ("arrived", "changed", "unchanged", "vanished", "refused")
        return {name: getattr(self, name) for name in tiers} | self.reference


def apply_tiers(bulk: Bulk, changes: Changes, rules: Rules, now: datetime) -> Counts:
    """Take the tiers of a change set, in the caller's transaction; what cannot be taken becomes a SyncError (G7)."""
    failures = [Failure(entity=Entity.ACCOUNT, problem=bad.error, payload=bad.xml) for bad in changes.rejected]
    links = _links(bulk, [record.text("code") for record in changes.records], rules)
    good = _good(changes.records, rules, _namesakes(bulk, changes.records, links, rules), failures)
    arrivals = [record for record in good if record.text("code") not in links]
    pairs = [
        (link, record)
        for record in good
        if (link := links.get(record.text("code"))) is not None and link["state"] != LinkState.TAKEN_OUT
    ]
    journal = Journal(bulk, integration_id=rules.integration_id, cycle_id=rules.cycle_id, now=now)
    updates = Updates(bulk, rules, journal, now)
    Arrivals(bulk, rules, now).insert(arrivals)
    changed = updates.apply(pairs)
    vanished = updates.vanish(_vanishing(bulk, changes.tombstones, rules))
    journal.flush()
    dealt_with = [record.text("code") for record in good] + [stone.text("key") for stone in changes.tombstones]
    ids = {"integration_id": rules.integration_id, "cycle_id": rules.cycle_id}
    settle(bulk, Entity.ACCOUNT, failures, dealt_with, **ids, now=now)
    claim_turnover(bulk, [record.text("code") for record in arrivals], integration_id=rules.integration_id)
    return Counts(
        arrived=len(arrivals),
        changed=changed,
        unchanged=len(good) - len(arrivals) - changed,
        vanished=vanished,
        refused=len(failures),
    )


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
