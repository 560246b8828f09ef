"""The log analyser: what a cycle met, grouped, with counts, examples and what to do (CRM-51)."""

from __future__ import annotations

import json

import pytest

from syncengine.desk.analysis import Severity, analysis
from syncengine.errors import InputRefused
from syncengine.model import CycleStatus, Side
from syncengine.storage.store import Store
from tests.syncengine.inbox import agreed, cycle, error, parked


def told(event: str, level: str = "warning", **values: object) -> str:
    return json.dumps({"event": event, "level": level} | values)


@pytest.mark.req("CRM-51")
def test_a_cycle_is_analysed_by_side_reason_and_field_the_gravest_and_most_frequent_first(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        first, number = cycle(session, made), cycle(session, made, status=CycleStatus.FAILURE, error_code="lease_lost")
        last = cycle(session, made)
        around = {"first_cycle_id": first, "last_cycle_id": last}
        for n in range(7):
            error(session, made.integration, f"C{n}", field="Name", message=f"too long {n}", **around)
        refused = error(session, made.integration, "E1", side=Side.ERP, code="title_in_use", remedy="Rename.", **around)
        error(session, made.integration, "OLD", code="of_before", first_cycle_id=first, last_cycle_id=first)
        error(session, made.integration, "NEW", code="of_after", first_cycle_id=last, last_cycle_id=last)
        asked = parked(session, made, "contacts/5/mobile", "06", "07", cycle_id=number)
        parked(session, made, "name", "a", "b", cycle_id=number, rule="erp_wins", state="resolved")
        parked(session, made, "siret", "a", "b", cycle_id=first)

    with store.reading() as session:
        found = analysis(session, number)
        with pytest.raises(InputRefused) as unknown:
            analysis(session, 999)

    assert [(group.severity, group.side, group.code, group.field, group.count) for group in found.groups] == [
        (Severity.FATAL, None, "lease_lost", None, 1),
        (Severity.ERROR, Side.CRM, "invalid_record", "Name", 7),
        (Severity.ERROR, Side.ERP, "title_in_use", None, 1),
        (Severity.ANOMALY, None, "asked", "contact.mobile", 1),
        (Severity.INFORMATION, None, "erp_wins", "account.name", 1),
    ]
    _, long, of_erp, conflict, decided = found.groups
    assert [(one.record, one.message) for one in long.examples] == [(f"C{n}", f"too long {n}") for n in range(5)]
    assert (long.remedy, of_erp.remedy, of_erp.examples[0].id) == ("Shorten it.", "Rename.", refused)
    assert (conflict.examples[0].id, conflict.examples[0].record) == (asked, "BIJOU")
    assert conflict.label.startswith("Portable : ")
    assert (conflict.remedy is None, decided.remedy) == (False, None)
    assert (found.cycle.id, found.cycle.status) == (number, CycleStatus.FAILURE)
    assert unknown.value.problem_code == "cycle_unknown"


@pytest.mark.req("CRM-51", "CRM-52")
def test_the_log_adds_what_the_base_does_not_know(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = cycle(session, made)
        error(session, made.integration, "C1", field="Name", first_cycle_id=number, last_cycle_id=number)
    log = [
        told("cycle_started", "info", cycle=number - 1),
        told("call_repeated", code="of_another_cycle"),
        told("cycle_ended", "info"),
        told("said_between_two_cycles"),
        told("cycle_started", "info", cycle=number),
        told("call_repeated", code="gateway_timeout", reason="no answer", attempt=1),
        told("call_repeated", code="gateway_timeout", reason="no answer", attempt=2),
        told("record_refused", code="invalid_record", field="Name", record="C1"),
        told("record_refused", code="duplicate_code", field="Code", record="C2", remedy="Renumber."),
        told("tiers_taken", "info"),
        '{"event": "cut off by a cra',
        "[]",
        told("cycle_failed", "error", code="gateway_unreachable"),
        told("later", "error"),
    ]

    with store.reading() as session:
        found = analysis(session, number, log)

    assert [(group.severity, group.code, group.count) for group in found.groups] == [
        (Severity.ERROR, "invalid_record", 1),
        (Severity.ANOMALY, "gateway_timeout", 2),
        (Severity.ANOMALY, "duplicate_code", 1),
    ]
    assert found.groups[2].remedy == "Renumber."
    assert [(one.record, one.message) for one in found.groups[2].examples] == [("C2", None)]


@pytest.mark.req("CRM-51")
def test_a_cycle_without_anomalies_has_no_groups(store: Store) -> None:
    with store.writing() as session:
        number = cycle(session, agreed(session))
    with store.reading() as session:
        assert analysis(session, number).groups == ()
