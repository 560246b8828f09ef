"""A cycle that would go too far stops before it writes anything, with a plan to look at; approved, it runs (NEW-06)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from syncengine.core.plan import load_lines
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import create_company, edit_company
from syncengine.cycle.pull import Patience
from syncengine.cycle.run import DIFFERENTIAL, Order, Report
from syncengine.model import Base, CycleStatus, IntegrationState, Side
from tests.crm import differences, dump
from tests.end_to_end.proxy import cut_clean, proxy
from tests.syncengine.evening import hasten
from tests.syncengine.world import World, world

CLIENTS = 40
MANY, FEW = 30, 4
"""More and less than the guards of these tests allow; also of those that an integration has without setting any."""
pytestmark = pytest.mark.guarantees


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A synchronised base of 40 clients."""
    with world(tmp_path, sqlite_url, tiers=2, documents=0) as one:
        hasten(one.sage)
        hasten(one.store.engine)
        with one.erp() as connection:
            for number in range(CLIENTS):
                insert_tiers(connection, f"C{number:03}", f"Client {number}")
        assert one.cycle().counts.arrived == CLIENTS + 2
        yield one


def arrive(made: World, count: int) -> None:
    """New tiers in the ERP."""
    with made.erp() as connection:
        for number in range(count):
            insert_tiers(connection, f"N{number:03}", f"Nouveau {number}")


def change_in_erp(made: World, count: int) -> None:
    """Tiers edited in the ERP."""
    with made.erp() as connection:
        for number in range(count):
            edit_tiers(connection, f"C{number:03}", CT_Contact="Sage")


def delete_in_erp(made: World, count: int) -> None:
    """Tiers deleted in the ERP."""
    with made.erp() as connection:
        for number in range(count):
            delete_tiers(connection, f"C{number:03}")


def sleep_in_erp(made: World, count: int) -> None:
    """Tiers put to sleep in the ERP."""
    with made.erp() as connection:
        for number in range(count):
            edit_tiers(connection, f"C{number:03}", CT_Sommeil=1)


def change_in_crm(made: World, count: int, **values: Any) -> None:
    """Companies edited in the CRM."""
    with made.store.writing() as session:
        for number in range(count):
            company = made.company(f"C{number:03}")["id"]
            edit_company(session, company, values or {"contact_person": "CRM"}, made.act())


def deactivate_in_crm(made: World, count: int) -> None:
    """Companies made inactive in the CRM."""
    change_in_crm(made, count, status="inactive")


def create_in_crm(made: World, count: int) -> None:
    """'Créer le tiers' of many Companies."""
    with made.store.writing() as session:
        for number in range(count):
            values = {"name": f"Neuve {number}", "company_type": "client", "code": f"NEUVE{number}"}
            company = create_company(session, values, made.act()).id
            create_tiers(session, company, integration_id=made.integration_id, at=made.now(), by=None)


def drift(made: World, count: int) -> None:
    """Rows of the CRM changed by SQL, behind the engine's back."""
    table = Base.metadata.tables["accounts"]
    codes = [f"C{number:03}" for number in range(count)]
    with made.store.writing() as session:
        session.execute(update(table).where(table.c.code.in_(codes)).values(contact_person="SQL"))


CASES: dict[str, tuple[Callable[[World, int], None], str, str]] = {
    "arrivals": (arrive, "crm.create", "crm_created"),
    "changes of the ERP": (change_in_erp, "crm.change", "crm_changed"),
    "deletions": (delete_in_erp, "crm.deactivate", "crm_deactivated"),
    "dormancy": (sleep_in_erp, "crm.deactivate", "crm_deactivated"),
    "creations": (create_in_crm, "erp.create", "erp_created"),
    "changes of the CRM": (change_in_crm, "erp.change", "erp_changed"),
    "deactivations": (deactivate_in_crm, "erp.deactivate", "erp_deactivated"),
}
ONLY = dict.fromkeys(("crm.create", "crm.change", "crm.deactivate")) | dict.fromkeys(
    ("erp.create", "erp.change", "erp.deactivate")
)
LIMIT = {"count": 5, "percent": 10}


def stopped(made: World, order: Order = DIFFERENTIAL) -> int:
    """Assert that a cycle stops at a guard with nothing written on either side; the plan to look at."""
    before = dump(made.store, without=frozenset({"plans"})), made.erp_dump()
    cursors = made.rows("cursors")

    report = made.cycle(order)

    assert report.status is CycleStatus.FAILURE
    assert report.problem is not None
    assert report.problem.problem_code == "guard_stopped"
    assert differences(before[0], dump(made.store, without=frozenset({"plans"}))) == []
    assert made.erp_dump() == before[1]
    assert made.rows("cursors") == cursors
    plan = made.rows("plans")[-1]
    assert report.problem.record == str(plan["id"])
    assert plan["stopped_by"] in report.problem.message
    return int(plan["id"])


@pytest.mark.req("NEW-06")
@pytest.mark.parametrize("case", CASES)
def test_each_limit_stops_with_nothing_written_and_a_plan_that_runs_once_it_is_approved(made: World, case: str) -> None:
    happens, guard, figure = CASES[case]
    made.set(guards=ONLY | {guard: LIMIT})
    happens(made, MANY)

    plan = stopped(made)

    (kept,) = made.rows("plans", id=plan)
    assert kept["counts"][figure] == MANY
    assert f"{MANY} tiers would be" in kept["stopped_by"]
    side = "crm" if guard.startswith("crm") else "erp"
    assert len({line.key for line in load_lines(kept["lines"]) if line.side == side}) == MANY
    report = made.cycle(Order(plan_id=plan))
    assert report.problem is None
    assert done(report) == MANY
    assert made.cycle().problem is None


def done(report: Report) -> int:
    """How many tiers a cycle touched."""
    counts = report.counts
    return counts.arrived + counts.changed + counts.vanished + counts.created_in_erp + counts.sent


@pytest.mark.req("NEW-06")
@pytest.mark.parametrize("case", CASES)
def test_a_few_stop_nothing(made: World, case: str) -> None:
    happens, guard, _ = CASES[case]
    made.set(guards=ONLY | {guard: LIMIT})
    happens(made, FEW)

    report = made.cycle()

    assert (report.problem, done(report)) == (None, FEW)
    assert made.rows("plans") == []


@pytest.mark.req("NEW-06", "CRM-32")
@pytest.mark.parametrize("happens", [delete_in_erp, sleep_in_erp, deactivate_in_crm], ids=lambda one: one.__name__)
def test_without_any_setting_a_mass_deletion_or_deactivation_stops(
    made: World, happens: Callable[[World, int], None]
) -> None:
    happens(made, MANY)

    stopped(made)

    assert {row["status"] for row in made.rows("accounts")} == {"active"} or happens is deactivate_in_crm
    made.page_size = 3
    stopped(made)


@pytest.mark.req("NEW-06")
def test_a_stop_lasts_until_somebody_agrees_or_raises_the_limit(made: World) -> None:
    made.set(guards=ONLY | {"crm.change": LIMIT})
    change_in_erp(made, MANY)

    stopped(made)
    stopped(made)
    made.set(guards=ONLY | {"crm.change": {"count": MANY, "percent": 10}})

    assert made.cycle().counts.changed == MANY


@pytest.mark.req("NEW-06", "NEW-02")
def test_the_plan_of_a_stop_is_not_applied_once_more_has_happened(made: World) -> None:
    made.set(guards=ONLY | {"crm.change": LIMIT})
    change_in_erp(made, MANY)
    plan = stopped(made)
    change_in_crm(made, 1, web_site="www.encore.fr")

    report = made.cycle(Order(plan_id=plan))

    assert report.problem is not None
    assert report.problem.problem_code == "plan_outdated"
    assert made.account("C000")["contact_person"] is None
    assert made.cycle(Order(plan_id=stopped(made))).problem is None


@pytest.mark.req("NEW-06", "CRM-09", "CRM-19")
@pytest.mark.parametrize(
    ("order", "guard"),
    [
        (Order(full=True), "erp.change"),
        (Order(full=True, preferred=Side.CRM), "erp.change"),
        (Order(full=True, preferred=Side.ERP), "crm.change"),
    ],
    ids=["resync", "from the CRM", "from the ERP"],
)
def test_a_full_run_is_guarded_too(made: World, order: Order, guard: str) -> None:
    made.set(guards=ONLY | {guard: LIMIT})
    drift(made, MANY)
    if order.needs_inactive:
        made.set(state=IntegrationState.INACTIVE)

    plan = stopped(made, order)

    report = made.cycle(replace(order, plan_id=plan))
    assert report.problem is None
    sides = {made.account("C000")["contact_person"], made.erp_row("C000")["CT_Contact"] or None}
    assert sides == ({None} if order.preferred is Side.ERP else {"SQL"})


@pytest.mark.req("NEW-06", "CRM-13")
def test_the_first_synchronisation_is_not_guarded_however_often_it_is_interrupted(
    tmp_path: Path, sqlite_url: str
) -> None:
    everything = {name: {"count": 0, "percent": 0} for name in ONLY}
    with world(tmp_path, sqlite_url, tiers=12, documents=0) as made, proxy(made.gateway.url) as between:
        made.set(guards=everything)
        made.page_size, made.patience = 3, Patience(attempts=1)
        made.connect = lambda: replace(made.gateway, url=between.url).client()
        between.disturb(cut_clean, only=8)
        assert made.cycle().problem is not None
        arrived = len(made.rows("accounts"))
        assert 0 < arrived < 12

        report = made.cycle()

        assert (report.problem, report.counts.arrived) == (None, 12 - arrived)
        change_one(made)
        stopped(made)


def change_one(made: World) -> None:
    """One tiers edited in the ERP."""
    with made.erp() as connection:
        edit_tiers(connection, made.rows("accounts")[0]["code"], CT_Contact="Sage")


@pytest.mark.req("NEW-06")
def test_a_small_base_is_not_bothered(tmp_path: Path, sqlite_url: str) -> None:
    with world(tmp_path, sqlite_url, tiers=6, documents=0) as made:
        made.cycle()
        codes = [row["code"] for row in made.rows("accounts")]
        with made.erp() as connection:
            for code in codes[1:]:
                delete_tiers(connection, code)

        report = made.cycle()

        assert (report.problem, report.counts.vanished) == (None, 5)
