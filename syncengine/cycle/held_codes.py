"""Codes comptables that a tiers has, or had: they are nobody else's (CRM-20, G4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import and_, func, or_, select

from syncengine.core.account_code import sent_code
from syncengine.cycle.outgoing import Write
from syncengine.cycle.push import error_key
from syncengine.errors import DataProblem
from syncengine.model import Account, Link, Side
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, table_of
from syncengine.storage.sync_errors import Failure, settle

_REMEDY: Final = "Choose another code, or link the Company to that tiers."


def without_held(
    bulk: Bulk, writes: Sequence[Write], *, integration_id: int, cycle_id: int, now: datetime
) -> list[Write]:
    """The creations whose code no tiers of the CRM has; the others are in error.

    The ERP would take a code whose tiers is gone there: that one is to find its Account again when it returns (CRM-32).
    """
    accounts = {row["id"]: row for row in bulk.rows(Account, "id", [write.account_id for write in writes])}
    codes = {number: sent_code(row["code"]).upper() for number, row in accounts.items()}
    held = _held(bulk, filter(None, codes.values()), integration_id)
    failures = [
        Failure(
            entity=Entity.ACCOUNT,
            problem=DataProblem(
                f"a tiers of the CRM has the code {codes[write.account_id]}, whether Sage 100 still has it or not",
                code="code_in_use",
                record=error_key(accounts[write.account_id]),
                field="Code",
                remedy=_REMEDY,
            ),
            payload=write.payload,
            side=Side.ERP,
            local_id=write.account_id,
        )
        for write in writes
        if codes[write.account_id] in held
    ]
    if not failures:
        return list(writes)
    settle(
        *(bulk, Entity.ACCOUNT, failures, ()),
        integration_id=integration_id,
        cycle_id=cycle_id,
        now=now,
        side=Side.ERP,
    )
    return [write for write in writes if codes[write.account_id] not in held]


def _held(bulk: Bulk, codes: Iterable[str], integration_id: int) -> set[str]:
    """Those of these codes, in capitals, that a link has."""
    table, wanted = table_of(Link), sorted(codes)
    # Two ways to the same key, each served by an index.
    differs = and_(table.c.erp_key != func.upper(table.c.erp_key), func.upper(table.c.erp_key).in_(wanted))
    query = select(func.upper(table.c.erp_key)).where(
        table.c.integration_id == integration_id,
        table.c.entity == Entity.ACCOUNT.value,
        or_(table.c.erp_key.in_(wanted), differs),
    )
    return set(bulk.connection.scalars(query))
