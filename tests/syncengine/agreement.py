"""Agreement: both sides of one integration compared record by record, each read from its own tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sqlalchemy import Select, select

from syncengine.model import Account, Base, Conflict, ConflictState, Link, SyncError
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.store import Store
from tests.syncengine.oracle import alike
from tests.syncengine.sides import BILLING, LEAVES, LISTS, Tiers, Values, in_crm
from tests.syncengine.world import World


def disagreements(store: Store, integration_id: int, there: Mapping[str, Tiers]) -> list[str]:
    """What is not the same in the CRM and in the ERP, a line each; a tiers that waits for somebody is left out."""
    crm = in_crm(cast("World", _Slice(store, integration_id)))
    waiting = asked(store, integration_id)
    codes = Counter(str(tiers.account["code"]) for tiers in crm.values())
    found = [f"{code}: {count} accounts" for code, count in codes.items() if count > 1]
    found += [f"{code}: only in the ERP" for code in sorted(there.keys() - codes.keys() - waiting)]
    for tiers in crm.values():
        code = str(tiers.account["code"])
        if code in waiting:
            continue
        if code in there:
            found += [f"{code}: {line}" for line in _between(tiers, there[code])]
        elif tiers.state == "present":
            found.append(f"{code}: only in the CRM")
    return found


def asked(store: Store, integration_id: int) -> set[str]:
    """The codes of the tiers that wait for somebody: refused, or in conflict."""
    conflicts = (
        select(Link.erp_key)
        .join(Conflict, Conflict.link_id == Link.id)
        .where(Link.integration_id == integration_id, Conflict.state == ConflictState.OPEN)
    )
    errors = select(SyncError.erp_key).where(SyncError.integration_id == integration_id, SyncError.state.in_(STANDING))
    with store.reading() as session:
        return {str(code) for query in (conflicts, errors) for code in session.scalars(query)}


def _between(crm: Tiers, erp: Tiers) -> Iterator[str]:
    for attr in LEAVES:
        if not alike("", attr, crm.leaves[attr], erp.leaves[attr]):
            yield f"{attr} is {crm.leaves[attr]!r} in the CRM and {erp.leaves[attr]!r} in the ERP"
    for name in LISTS:
        here = {str(values["key"]): values for values in crm.lists[name].values()}
        there = {str(key): values for key, values in erp.lists[name].items()}
        if len(here) != len(crm.lists[name]) or here.keys() != there.keys():
            yield f"{name}: {sorted(here)} in the CRM, {sorted(there)} in the ERP"
            continue
        for key, values in there.items():
            yield from _child(name, key, here[key], values)


def _child(name: str, key: str, crm: Values, erp: Values) -> Iterator[str]:
    for attr, value in erp.items():
        if (key, attr) != (BILLING, "title") and not alike(name, attr, crm[attr], value):
            yield f"{name}/{key}/{attr} is {crm[attr]!r} in the CRM and {value!r} in the ERP"


class _Slice:
    """The rows of one integration, as ``in_crm`` asks for those of a base."""

    def __init__(self, store: Store, integration_id: int) -> None:
        self._store, self._id = store, integration_id

    def rows(self, table: str) -> list[dict[str, Any]]:
        """In order of key."""
        of = Base.metadata.tables[table]
        query: Select[Any] = select(of).order_by(*of.primary_key)
        mine = Account.integration_id == self._id
        if table == "companies":
            query = query.where(of.c.id.in_(select(Account.company_id).where(mine)))
        elif table == "accounts":
            query = query.where(of.c.integration_id == self._id)
        elif table == "links":
            query = query.where(of.c.integration_id == self._id, of.c.entity == Entity.ACCOUNT.value)
        else:
            query = query.where(of.c.account_id.in_(select(Account.id).where(mine)))
        with self._store.reading() as session:
            return [dict(row) for row in session.execute(query).mappings()]
