"""A plan shows every change of the cycle that follows, on both sides, and writes nothing; applied, it is that or nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import update

from gateway.demo.edits import edit_tiers, insert_tiers
from gateway.sage import F_COMPTET
from syncengine.core.paths import without_row
from syncengine.core.plan import Line, LineKind, load_lines
from syncengine.crm.edits import edit_company
from syncengine.cycle.run import DIFFERENTIAL, Order, Report
from syncengine.model import Base, CycleKind, CycleStatus, IntegrationState, Side
from tests.crm import HISTORY, differences, dump
from tests.syncengine import busy_day
from tests.syncengine.evening import Evening, lived
from tests.syncengine.world import World, world

Told: TypeAlias = "Counter[tuple[str, ...]]"
LATER = timedelta(minutes=31)
RESYNC, FROM_ERP = Order(full=True), Order(full=True, preferred=Side.ERP)
FROM_CRM = Order(full=True, preferred=Side.CRM)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """The busy day, lived once."""
    with lived(tmp_path_factory.mktemp("preview")) as one:
        yield one


@pytest.fixture
def made(evening: Evening) -> Iterator[World]:
    """Both sides at the end of the busy day, the parameters due."""
    with evening.again() as one:
        one.ahead = LATER
        yield one


def deactivated(made: World, order: Order) -> None:
    """A full run in one direction is ordered while the integration is deactivated (CRM-19)."""
    if order.needs_inactive:
        made.set(state=IntegrationState.INACTIVE)


def unwritten(made: World) -> tuple[Any, ...]:
    """All that a preview may not write: every table of the CRM but plans and lease, and the ERP's."""
    everything = dump(made.store, without=frozenset({"plans"}))
    lease = {"lease_owner", "lease_token", "lease_until"}
    integrations = [{k: v for k, v in row.items() if k not in lease} for row in made.rows("integrations")]
    history = [made.rows(table) for table in sorted(HISTORY - {"integrations", "alembic_version"})]
    return everything, integrations, history, made.erp_dump()


def promised(lines: list[Line]) -> dict[str, Told]:
    """What a plan says, in three: what it writes in the CRM, in the ERP, and which Companies and tiers it makes."""
    return {
        "crm": Counter(
            (line.entity, line.field, line.before, line.after, line.rule)
            for line in lines
            if line.side == Side.CRM and line.kind in {"change", "remove", "create"} and line.entity != "company"
        )
        + Counter(
            (line.entity, line.field, line.before, line.after, line.rule)
            for line in lines
            if line.side == Side.CRM and line.kind == LineKind.CHANGE and line.entity == "company"
        ),
        "erp": Counter(
            (line.key, line.field, line.before, line.after, line.rule)
            for line in lines
            if line.side == Side.ERP and line.kind == LineKind.CHANGE
        ),
        "made": Counter(
            (line.side, line.name)
            for line in lines
            if line.kind == LineKind.CREATE and line.entity in {"company", "account"}
        ),
    }


def happened(made: World, report: Report) -> dict[str, Told]:
    """The same of a cycle, from its journal and outbox, and from what is there since."""
    journal = [line for line in made.journal(report) if line.side == Side.CRM]
    codes = {row["id"]: row["code"] for row in made.rows("accounts")}
    outbox = made.rows("outbox", cycle_id=report.cycle_id)
    return {
        "crm": Counter(
            (line.entity, line.field or "", line.before or "", line.after or "", line.rule) for line in journal
        ),
        "erp": Counter(
            (codes[row["account_id"]], without_row(path), _text(before), _text(after), rule)
            for row in outbox
            if row["action"] == "update"
            for path, before, after, rule in json.loads(row["changes"])
        ),
        "made": Counter(("crm", row["name"]) for row in made.rows("companies", created_cycle_id=report.cycle_id))
        + Counter(
            ("erp", made.rows("accounts", id=row["account_id"])[0]["name"])
            for row in outbox
            if row["action"] == "create"
        ),
    }


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_back(surplus: Told) -> None:
    """Assert that these lines of the CRM's journal are what the ERP itself added to what it was sent, which no plan can know."""
    for entity, field, before, *_ in surplus:
        assert (entity, field) in _REWRITTEN or (before == "" and (entity, field) in _ADDED)


# The title of the billing address is the name of the tiers (CRM-38), that of a delivery address is made (CRM-41).
_REWRITTEN = {("address", "title"), ("account", "erp_state")}
_ADDED = {("address", ""), ("contact", "civility"), ("contact", "service")} | {
    (entity, field)
    for entity in ("account", "company")
    for field in ("collective_account", "payer", "risk_label", "risk_action")
}


def keeps(made: World, plan_lines: list[Line], report: Report) -> None:
    """Assert that the cycle did what the plan said."""
    said, did = promised(plan_lines), happened(made, report)
    assert said["erp"] == did["erp"]
    assert said["made"] == did["made"]
    assert said["crm"] - did["crm"] == Counter()
    read_back(did["crm"] - said["crm"])


@pytest.mark.req("NEW-02", "CRM-13")
def test_the_plan_of_a_first_synchronisation_lists_every_company_and_writes_nothing(
    tmp_path: Path, sqlite_url: str
) -> None:
    with world(tmp_path, sqlite_url, tiers=8, documents=0) as made:
        made.page_size = 3
        before = unwritten(made)

        plan = made.preview()

        assert unwritten(made) == before
        assert (plan.kind, plan.stopped_by) == (CycleKind.FIRST, None)
        assert plan.counts["crm_created"] == 8
        lines = load_lines(plan.lines)
        report = made.cycle(Order(plan_id=plan.id))
        assert (report.status, report.counts.arrived) == (CycleStatus.SUCCESS, 8)
        keeps(made, lines, report)


@pytest.mark.req("NEW-02")
@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (DIFFERENTIAL, CycleKind.DIFFERENTIAL),
        (RESYNC, CycleKind.RESYNC),
        (FROM_ERP, CycleKind.RESYNC),
        (FROM_CRM, CycleKind.FULL_SEND),
    ],
    ids=["differential", "resync", "from the ERP", "from the CRM"],
)
@pytest.mark.guarantees
def test_a_plan_lists_every_change_of_the_cycle_that_follows_and_writes_nothing(
    made: World, order: Order, kind: CycleKind
) -> None:
    deactivated(made, order)
    before = unwritten(made)

    plan = made.preview(order)

    assert unwritten(made) == before
    assert plan.kind is kind
    lines = load_lines(plan.lines)
    report = made.cycle(order)
    assert report.problem is None
    assert len(happened(made, report)["crm"]) > 10
    assert len(happened(made, report)["erp"]) > 3
    keeps(made, lines, report)


@pytest.mark.req("NEW-02")
def test_a_plan_tells_of_conflicts_and_of_what_cannot_be_taken(made: World) -> None:
    with made.erp() as connection:
        insert_tiers(connection, "INCONNU", "Client INCONNU", N_CatCompta=20)

    lines = load_lines(made.preview().lines)

    (asked,) = [line for line in lines if line.kind == LineKind.CONFLICT and line.rule == "asked"]
    assert (asked.key, asked.field, asked.before, asked.after) == ("CLASH", "short_name", "CRM", "SAGE")
    (refused,) = [line for line in lines if line.kind == LineKind.REFUSE]
    assert (refused.side, refused.key, refused.rule) == ("crm", "INCONNU", "unknown_accounting_category")


@pytest.mark.req("NEW-02")
@pytest.mark.guarantees
@pytest.mark.parametrize("order", [DIFFERENTIAL, RESYNC, FROM_ERP, FROM_CRM], ids=["", "resync", "erp", "crm"])
def test_a_plan_that_is_applied_does_exactly_what_it_says_and_only_once(made: World, order: Order) -> None:
    deactivated(made, order)
    plan = made.preview(order)

    applied = Order(full=order.full, preferred=order.preferred, plan_id=plan.id)
    report = made.cycle(applied)

    assert report.problem is None
    keeps(made, load_lines(plan.lines), report)
    (kept,) = made.rows("plans", id=plan.id)
    assert kept["applied_cycle_id"] == report.cycle_id
    before = dump(made.store), made.erp_dump()
    again = made.cycle(applied)
    assert again.problem is not None
    assert again.problem.problem_code == "plan_outdated"
    assert differences(before[0], dump(made.store)) == []
    assert made.erp_dump() == before[1]


def moved_in_erp(made: World) -> None:
    """Somebody edits one more tiers in the ERP."""
    with made.erp() as connection:
        edit_tiers(connection, "BILLED", CT_Contact="Autre")


def moved_again_in_erp(made: World) -> None:
    """Somebody edits a tiers of the plan once more in the ERP."""
    with made.erp() as connection:
        edit_tiers(connection, "EDITED", CT_Intitule="Client changé encore")


def moved_in_crm(made: World) -> None:
    """Somebody edits one more Company."""
    with made.store.writing() as session:
        edit_company(session, made.company("BILLED")["id"], {"web_site": "www.autre.fr"}, made.act())


def moved_again_in_crm(made: World) -> None:
    """Somebody edits a Company of the plan once more."""
    with made.store.writing() as session:
        edit_company(session, made.company("OURS")["id"], {"name": "Client du CRM encore"}, made.act())


def policy_changed(made: World) -> None:
    """Somebody changes what decides."""
    made.set(policies={})


@pytest.mark.req("NEW-02")
@pytest.mark.guarantees
@pytest.mark.parametrize(
    "moved",
    [moved_in_erp, moved_again_in_erp, moved_in_crm, moved_again_in_crm, policy_changed],
    ids=lambda m: m.__name__,
)
@pytest.mark.parametrize("order", [DIFFERENTIAL, RESYNC], ids=["differential", "resync"])
def test_a_plan_is_not_applied_once_either_side_has_moved_on_and_nothing_is_written(
    made: World, order: Order, moved: Callable[[World], None]
) -> None:
    made.cycle()
    busy_day.happens_again(made)
    plan = made.preview(order)
    moved(made)
    before = dump(made.store), made.erp_dump()

    report = made.cycle(Order(full=order.full, plan_id=plan.id))

    assert report.status is CycleStatus.FAILURE
    assert report.problem is not None
    assert report.problem.problem_code == "plan_outdated"
    assert differences(before[0], dump(made.store)) == []
    assert made.erp_dump() == before[1]
    assert made.cycle(Order(plan_id=made.preview().id)).problem is None


@pytest.mark.req("NEW-02")
def test_a_plan_of_another_integration_kind_or_number_is_not_applied(made: World) -> None:
    plan = made.preview()
    before = dump(made.store), made.erp_dump()

    for order in (Order(full=True, plan_id=plan.id), Order(plan_id=plan.id + 1)):
        report = made.cycle(order)
        assert report.problem is not None
        assert report.problem.problem_code == "plan_outdated"

    taken = dump(made.store)
    assert [line for line in differences(before[0], taken) if "erp_parameters" not in line] == []
    assert made.erp_dump() == before[1]


@pytest.mark.req("NEW-02", "CRM-09")
def test_the_preview_of_a_resync_finds_rows_changed_by_sql_on_both_sides(made: World) -> None:
    made.cycle()
    table = Base.metadata.tables["accounts"]
    with made.store.writing() as session:
        session.execute(update(table).where(table.c.code == "BILLED").values(contact_person="SQL"))
    with made.erp() as connection:
        connection.execute(update(F_COMPTET).where(F_COMPTET.c.CT_Num == "THEIRS").values(CT_Contact="SQL"))

    plan = made.preview(RESYNC)

    found = {(line.side, line.key, line.entity, line.after) for line in load_lines(plan.lines)}
    assert ("erp", "BILLED", "account", "SQL") in found
    assert ("crm", "THEIRS", "account", "SQL") in found
    keeps(made, load_lines(plan.lines), made.cycle(RESYNC))
