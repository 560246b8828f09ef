"""Full resync and full send: a merge in which every value that differs is one side's (CRM-19). Pure.

Only values are overridden: a contact or address that one side alone has is still brought to the other, so that nothing is lost.
"""

from __future__ import annotations

from dataclasses import replace

from syncengine.core.merge import Change, Merge
from syncengine.core.paths import place, split
from syncengine.core.policies import is_from_erp
from syncengine.core.snapshot import CHILDREN, Snapshot
from syncengine.cycle.conflict_log import with_values
from syncengine.model import Side
from syncengine.model.journal import Rule


def prefer(merged: Merge, side: Side) -> Merge:
    """The merge with that side's value wherever the two differ in what travels both ways."""
    asked = [clash for clash in merged.clashes if clash.rule is Rule.ASKED]
    base = with_values(merged.base, {clash.path: clash.erp for clash in asked})
    if side is Side.ERP:
        turned = [change for change in merged.erp if not _is_new(change)]
        decided = [Change(path=c.path, before=c.crm, after=c.erp, rule=Rule.RESYNC) for c in asked]
        crm = (*merged.crm, *map(_turned, turned), *decided)
        return replace(merged, crm=crm, erp=_without(merged.erp, turned), clashes=(), base=base)
    turned = [change for change in merged.crm if _travels(change)]
    decided = [Change(path=c.path, before=c.erp, after=c.crm, rule=Rule.RESYNC) for c in asked]
    erp = (*merged.erp, *map(_turned, turned), *decided)
    return replace(merged, crm=_without(merged.crm, turned), erp=erp, clashes=(), base=base)


def without_departed(base: Snapshot, erp: Snapshot) -> Snapshot:
    """The base without the children that are gone from the ERP: where the CRM is right they are made there again."""
    standing = {name: {child["key"] for child in erp.get(name, ())} for name in CHILDREN}
    kept = {
        name: [child for child in base[name] if child["key"] in standing[name]] for name in CHILDREN if name in base
    }
    return base | kept


def _is_new(change: Change) -> bool:
    """Whether a change brings a child that only the CRM has."""
    return not split(change.path).attr and change.after is not None


def _travels(change: Change) -> bool:
    """Whether a change is to one value that the CRM may send."""
    entity, key, attr = place(change.path)
    return bool(attr) and not is_from_erp(entity, key, attr)


def _turned(change: Change) -> Change:
    return Change(path=change.path, before=change.after, after=change.before, rule=Rule.RESYNC)


def _without(changes: tuple[Change, ...], taken: list[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if change not in taken)
