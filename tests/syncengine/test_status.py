"""How the integrations stand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncengine.cycle import lease as leases
from syncengine.desk.error_sheet import sync_errors
from syncengine.desk.status import last_cycles, overview
from syncengine.model import Cursor, Cycle, CycleKind, CycleStatus, Side, SyncError, SyncErrorState
from syncengine.storage.store import Store
from tests.syncengine.conftest import NOW
from tests.syncengine.records import account, integration


@pytest.mark.req("CRM-10")
def test_the_status_tells_the_last_cycle_its_progress_and_the_errors(store: Store) -> None:
    with store.writing() as session:
        link = integration(session)
        account(session, link, code="C1")
        session.add(Cursor(integration_id=link.id, entity_set="tiers", cursor="12", at_end=False))
        for status, done in ((CycleStatus.FAILURE, 10), (CycleStatus.RUNNING, 500)):
            cycle = Cycle(integration_id=link.id, kind=CycleKind.FIRST, status=status, started_at=NOW)
            cycle.progress_done, cycle.progress_total = done, 2000
            session.add(cycle)
        leases.take(session, link.id, at=NOW)
        for key, state in (("C2", SyncErrorState.OPEN), ("C3", SyncErrorState.RESOLVED)):
            session.add(
                SyncError(
                    integration_id=link.id,
                    entity="account",
                    side=Side.CRM,
                    erp_key=key,
                    code="invalid_record",
                    message="too long",
                    state=state,
                    first_at=NOW,
                    last_at=NOW,
                )
            )

    with store.reading() as session:
        (found,) = overview(session, at=NOW)
        cycles = last_cycles(session, link.id)
        open_errors = sync_errors(session, link.id)
        resolved = sync_errors(session, link.id, state=SyncErrorState.RESOLVED)
        (later,) = overview(session, at=NOW + timedelta(hours=1))

    assert (found.accounts, found.open_errors, found.at_end) == (1, 1, {"tiers": False})
    assert found.last_cycle is not None
    assert (found.last_cycle.status.label, found.last_cycle.done, found.last_cycle.total) == ("En cours", 500, 2000)
    assert [cycle.status for cycle in cycles] == [CycleStatus.RUNNING, CycleStatus.FAILURE]
    assert (found.running, later.running) == (True, False)
    assert [(error.erp_key, error.code, error.message) for error in open_errors] == [
        ("C2", "invalid_record", "too long")
    ]
    assert [error.erp_key for error in resolved] == ["C3"]
