"""Tiers that are gone from the ERP or no longer take part: inactive here, and kept (CRM-05, CRM-12, CRM-32)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from syncengine.core.snapshot import Values, dump, load
from syncengine.cycle.crm_rows import Local
from syncengine.cycle.reconcile import replace_values
from syncengine.model import Account, Company, Conflict, ErpState, Link, LinkState, Outbox, RecordStatus
from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, table_of
from syncengine.storage.journal import Journal


def vanish(bulk: Bulk, journal: Journal, links: Iterable[tuple[Local, ErpState]], now: datetime) -> int:
    """Make these linked Accounts and their Companies inactive; how many were not yet."""
    states = {link["local_id"]: (link, state) for link, state in links}
    accounts = [row for row in bulk.rows(Account, "id", states) if row["erp_state"] != states[row["id"]][1]]
    main = [account["company_id"] for account in accounts if account["is_main"]]
    companies = {row["id"]: row for row in bulk.rows(Company, "id", main)}
    moment = {"updated_at": bulk.instant(now)}
    inactive = {"status": (RecordStatus.INACTIVE.value, Rule.VANISHED)}
    account_changes: dict[int, Values] = {}
    company_changes: dict[int, Values] = {}
    link_changes: dict[int, Values] = {}
    for account in accounts:
        link, state = states[account["id"]]
        wanted: dict[str, tuple[Any, Rule]] = inactive | {"erp_state": (state.value, Rule.VANISHED)}
        link_changes[link["id"]] = {"state": LinkState.VANISHED.value}
        if state is ErpState.DORMANT:
            # Both sides agree that it sleeps: waking it here is a change to send (CRM-32).
            wanted["dormant"] = (True, Rule.VANISHED)
            link_changes[link["id"]]["base"] = dump({**load(link["base"]), "dormant": True})
        account_changes[account["id"]] = moment | replace_values(journal, Entity.ACCOUNT, account, wanted, account)
        company = companies.get(account["company_id"])
        if company is not None and (changed := replace_values(journal, Entity.COMPANY, company, inactive, account)):
            company_changes[company["id"]] = moment | changed
    bulk.update(Account, account_changes)
    bulk.update(Company, company_changes)
    bulk.update(Link, link_changes)
    return len(accounts)


def part(bulk: Bulk, journal: Journal, links: Sequence[Local], now: datetime) -> None:
    """Unlink Accounts whose code the ERP has given to another tiers: theirs does not come back (CRM-23, CRM-32)."""
    if not links:
        return
    vanish(bulk, journal, [(link, ErpState.DELETED) for link in links], now)
    ids = [link["id"] for link in links]
    conflict, outbox = table_of(Conflict), table_of(Outbox)
    bulk.connection.execute(conflict.delete().where(conflict.c.link_id.in_(ids)))
    bulk.connection.execute(outbox.update().where(outbox.c.link_id.in_(ids)).values(link_id=None))
    bulk.delete(Link, ids)
