"""A corrected value where the CRM had changed the same field: somebody decided, it replaces the change (CRM-49, NEW-03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy.orm import Session

from syncengine.core.journal_text import as_text
from syncengine.core.merge import same
from syncengine.core.paths import field_of
from syncengine.cycle.act import Act
from syncengine.cycle.conflict_log import value_at
from syncengine.cycle.crm_rows import Local, load_rows
from syncengine.cycle.rules import load_rules
from syncengine.cycle.takeover import Takeover
from syncengine.model import Conflict, ConflictState, Integration
from syncengine.model.journal import Rule
from syncengine.storage.bulk import Bulk

Held: TypeAlias = dict[str, tuple[Any, Any]]
"""Path → what the ERP holds, for the base, and what the CRM takes instead."""
_NOTHING: Final = (None, None)


def overrule(bulk: Bulk, links: Sequence[Local], held: Mapping[int, Held], *, now: datetime) -> None:
    """Write what is wanted where these tiers, just taken, have something else; ``held`` goes by link.

    A conflict that took the corrected value for the ERP's is decided, and shows what the ERP holds.
    """
    rows = load_rows(bulk, [link["local_id"] for link in links])
    differing: dict[int, dict[str, tuple[Any, Any]]] = {}
    for link in links:
        crm = rows[link["local_id"]].snapshot()
        for path, (_, wanted) in held[link["id"]].items():
            there, present = value_at(crm, path)
            if there and not same(field_of(path), present, wanted):
                differing.setdefault(link["id"], {})[path] = (present, wanted)
    if differing:
        takeover = _takeover(bulk, links[0]["integration_id"], now)
        for link in links:
            takeover.take(rows[link["local_id"]], differing.get(link["id"], {}))
        takeover.flush()
    _decide(bulk, held, {(number, path) for number, paths in differing.items() for path in paths}, now)


def _takeover(bulk: Bulk, integration_id: int, now: datetime) -> Takeover:
    with Session(bulk.connection) as session:
        rules = load_rules(bulk, session.get_one(Integration, integration_id), cycle_id=0)
    return Takeover(bulk, rules, Act(at=now, by=None, rule=Rule.RESOLVED))


def _decide(bulk: Bulk, held: Mapping[int, Held], replaced: AbstractSet[tuple[int, str]], now: datetime) -> None:
    decided: dict[int, Local] = {}
    for row in bulk.rows(Conflict, "link_id", held):
        link_id, path = row["link_id"], row["field"]
        told, wanted = held[link_id].get(path, _NOTHING)
        concerned = row["state"] is ConflictState.OPEN or (link_id, path) in replaced
        if path in held[link_id] and concerned and row["erp_value"] == as_text(wanted):
            decided[row["id"]] = {
                "erp_value": as_text(told),
                "state": ConflictState.RESOLVED.value,
                "rule": Rule.RESOLVED.value,
                "closed_at": bulk.instant(now),
            }
    bulk.update(Conflict, decided)
