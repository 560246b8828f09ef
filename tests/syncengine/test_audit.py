"""The drift audit finds what nothing else brings, exactly, and nothing that a cycle brings anyway (CRM-09)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update

from contracts.client import GatewayClient
from contracts.messages import EntitySet
from gateway.demo.edits import delete_tiers, edit_contact, edit_tiers, insert_contact, insert_delivery, insert_tiers
from gateway.sage import F_COMPTET, F_CONTACTT
from syncengine import integrations
from syncengine.crm.company_edits import edit_company
from syncengine.crm.contact_edits import edit_contact as edit_crm_contact
from syncengine.cycle.audit import AGAIN, PortionState, audit_portion, may_be_audited, portion_of
from syncengine.cycle.lease import release, take
from syncengine.cycle.run import Surroundings
from syncengine.desk.drift import agreement, differences, repair
from syncengine.errors import CompanyMismatch, Disconnected, NotActive
from syncengine.integrations import AUDIT_AFTER
from syncengine.model import Base, CycleStatus, Integration, IntegrationState
from tests.syncengine.auditing import portion, standing, tamper_crm, tamper_erp, whole_pass
from tests.syncengine.mortal import gateways
from tests.syncengine.world import Clock, World, world

CODES = ("ACME", "BETA", "CESAR", "DELTA")


@contextmanager
def synchronised(folder: Path, url: str, codes: tuple[str, ...] = CODES) -> Iterator[World]:
    """Clients with a contact each, in step; the gateway's clock is so far ahead that what is written unmarked stays unseen."""
    with world(folder, url, tiers=3, documents=0) as one, gateways() as server:
        with one.erp() as connection:
            for code in codes:
                insert_tiers(connection, code, code.title(), CT_Site="www.exemple.fr", CT_Telephone="0102030405")
                insert_contact(connection, code, "Martin", CT_Telephone="0102030405")
                insert_delivery(connection, code, "Dépôt", LI_Ville="Lyon")
        one.gateway = server.serve(one.sage, clock=Clock(ahead=timedelta(hours=1)))
        one.set(audit_percent=100)
        one.cycle()
        one.cycle()
        yield one


@pytest.fixture
def made(tmp_path: Path, database_url: str) -> Iterator[World]:
    with synchronised(tmp_path, database_url) as one:
        yield one


@pytest.fixture
def local(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """On SQLite alone: for what no database has a part in."""
    with synchronised(tmp_path, sqlite_url) as one:
        yield one


def _wall() -> datetime:
    """What somebody in the ERP sees on the clock."""
    return Clock(ahead=timedelta(hours=1)).wall()


def remove_account(made: World, code: str, *, link: bool) -> None:
    """Take a tiers out of the CRM base by SQL."""
    account, tables = made.account(code), Base.metadata.tables
    with made.store.writing() as session:
        for name in ("phones", "emails", "contacts", "addresses", "ca_realise"):
            session.execute(delete(tables[name]).where(tables[name].c.account_id == account["id"]))
        if link:
            session.execute(delete(tables["links"]).where(tables["links"].c.erp_key == code))
        session.execute(delete(tables["accounts"]).where(tables["accounts"].c.id == account["id"]))
        session.execute(delete(tables["companies"]).where(tables["companies"].c.id == account["company_id"]))


def untouched(made: World) -> dict[str, Any]:
    """Everything an audit has nothing to write in."""
    tables = ("accounts", "companies", "links", "contacts", "addresses", "journal", "outbox", "sync_errors", "cursors")
    return {name: made.rows(name) for name in (*tables, "cycles")} | {"erp": made.erp_dump()}


@pytest.mark.req("CRM-09")
def test_what_was_changed_behind_both_backs_is_found_repaired_by_a_cycle_and_settled(made: World) -> None:
    tamper_crm(made, "accounts", {"code": "ACME"}, web_site="www.script.fr")
    tamper_crm(made, "contacts", {"account_id": made.account("ACME")["id"]}, function="Script")
    tamper_erp(made, "BETA", CT_Contact="Script")
    tamper_erp(made, "BETA", F_CONTACTT, CT_Telephone="0900000000")
    remove_account(made, "CESAR", link=True)
    remove_account(made, "DELTA", link=False)
    numbers = {code: min(made.column(F_CONTACTT.c.CT_No, code)) for code in ("ACME", "BETA")}
    before = untouched(made)

    found = whole_pass(made)

    assert untouched(made) == before
    assert (sum(one.compared for one in found), sum(one.found for one in found)) == (7, 4)
    assert standing(made) == {
        "ACME": (
            "values",
            {"web_site": ["www.script.fr", "www.exemple.fr"], f"contacts/{numbers['ACME']}/function": ["Script", None]},
        ),
        "BETA": (
            "values",
            {"contact_person": [None, "Script"], f"contacts/{numbers['BETA']}/phone": ["0102030405", "0900000000"]},
        ),
        "CESAR": ("only_in_erp", None),
        "DELTA": ("only_in_erp", None),
    }
    with made.store.reading() as session:
        measured = agreement(session, made.integration_id)
    assert (str(measured.share), measured.compared, measured.differing) == ("42.85", 7, 4)
    assert measured.measured_at is not None
    assert [row["cause"] for row in made.rows("alerts", closed_at=None)] == ["drift"]

    with made.store.writing() as session:
        done = repair(session, made.integration_id, at=made.now(), everything=True)
    assert (done.done, done.refused) == (4, ())
    waiting = portion(made)
    assert (waiting.settled, waiting.standing, waiting.waiting) == (0, 4, 4)
    report = made.cycle()

    assert (report.status, report.counts.arrived, report.counts.sent) == (CycleStatus.SUCCESS, 2, 1)
    assert (made.erp_row("ACME")["CT_Site"], made.column(F_CONTACTT.c.CT_Fonction, "ACME")) == (
        "www.script.fr",
        {"Script"},
    )
    assert made.company("BETA")["contact_person"] == "Script"
    assert {row["number"] for row in made.children("phones", "CESAR")} >= {"0102030405"}
    settled = portion(made)
    assert (settled.settled, settled.standing, standing(made)) == (4, 0, {})
    with made.store.reading() as session:
        assert agreement(session, made.integration_id).differing == 0
        assert {one.code for one in differences(session, made.integration_id, settled=True)} == set(CODES)
    assert made.rows("alerts", closed_at=None) == []
    assert [row["state"] for row in made.rows("sync_errors") if row["state"] != "resolved"] == []
    assert made.cycle().counts.sent == 0


@pytest.mark.req("CRM-09", "CRM-32")
def test_a_tiers_that_the_erp_lost_long_ago_is_found_when_the_crm_says_it_is_there(local: World) -> None:
    with local.erp() as connection:
        delete_tiers(connection, "BETA")
    local.cycle()
    assert whole_pass(local)[-1].standing == 0
    tamper_crm(local, "links", {"erp_key": "BETA"}, state="linked")
    tamper_crm(local, "accounts", {"code": "BETA"}, erp_state="present", status="active")
    tamper_crm(local, "accounts", {"code": "ACME"}, erp_state="deleted", status="inactive")
    tamper_crm(local, "links", {"erp_key": "ACME"}, state="vanished")

    whole_pass(local)

    assert standing(local) == {
        "BETA": ("only_in_crm", {"erp_state": ["present", "deleted"]}),
        "ACME": ("values", {"erp_state": ["deleted", "present"]}),
    }
    with local.store.writing() as session:
        repair(session, local.integration_id, [row["id"] for row in local.rows("differences")], at=local.now())
    local.cycle()
    assert (local.account("BETA")["erp_state"], local.account("ACME")["erp_state"]) == ("deleted", "present")
    assert (portion(local).settled, standing(local)) == (2, {})


@pytest.mark.req("CRM-09")
def test_children_that_one_side_lacks_and_free_fields_are_told_by_name(local: World) -> None:
    account = local.account("ACME")["id"]
    contact = local.children("contacts", "ACME")[0]
    phones = Base.metadata.tables["phones"]
    with local.store.writing() as session:
        session.execute(delete(phones).where(phones.c.contact_id == contact["id"]))
        contacts = Base.metadata.tables["contacts"]
        session.execute(delete(contacts).where(contacts.c.account_id == account))
    tamper_crm(local, "accounts", {"code": "BETA"}, free_values={"SCRIPT": "x"})

    whole_pass(local)

    found = standing(local)
    (path,) = found["ACME"][1]
    ours, theirs = found["ACME"][1][path]
    assert (path, ours, theirs["last_name"]) == (f"contacts/{contact['erp_key']}", None, "Martin")
    assert found["BETA"][1] == {"free_fields/SCRIPT": ["x", None]}


@pytest.mark.req("CRM-09", "NEW-05")
def test_what_waits_to_be_synchronised_is_no_difference(local: World) -> None:
    """Edited on either side, deleted, new, in error, in conflict, out of the flow: a cycle, or somebody, deals with it."""
    with local.store.writing() as session:
        edit_company(session, local.account("ACME")["company_id"], {"web_site": "www.crm.fr"}, local.act())
    with local.erp() as connection:
        edit_tiers(connection, "BETA", CT_Contact="Nouveau", at=_wall())
        insert_tiers(connection, "NOUVEAU", "Nouveau", at=_wall())
        delete_tiers(connection, "CESAR")
    link = next(row for row in local.rows("links", erp_key="DELTA"))
    tamper_crm(local, "links", {"id": link["id"]}, state="taken_out")
    tamper_erp(local, "DELTA", CT_Contact="Script")
    with local.erp() as connection:
        connection.execute(update(F_COMPTET).where(F_COMPTET.c.CT_Num == "BETA").values(CT_Site="www.script.fr"))
    in_error, in_conflict = sorted({row["code"] for row in local.rows("accounts")} - {*CODES})[:2]
    tamper_erp(local, in_error, CT_Contact="Script")
    tamper_erp(local, in_conflict, CT_Contact="Script")
    (parked,) = local.rows("links", erp_key=in_conflict)
    head = {"integration_id": local.integration_id, "state": "open"}
    told = {"entity": "account", "side": "crm", "erp_key": in_error, "code": "unknown_currency", "message": ""}
    times = {"attempts": 1, "first_at": local.now(), "last_at": local.now()}
    asked = {"link_id": parked["id"], "field": "name", "rule": "asked", "opened_at": local.now()}
    with local.store.writing() as session:
        session.execute(Base.metadata.tables["sync_errors"].insert(), [head | told | times])
        session.execute(Base.metadata.tables["conflicts"].insert(), [head | asked])

    found = whole_pass(local)

    assert standing(local) == {}
    assert (sum(one.compared for one in found), sum(one.waiting for one in found)) == (1, 7)
    local.cycle()
    assert sum(one.compared for one in whole_pass(local)) == 4
    assert standing(local) == {}


@pytest.mark.req("CRM-09")
def test_a_cycle_that_runs_meanwhile_puts_the_portion_off_when_something_differs(local: World) -> None:
    tamper_crm(local, "accounts", {"code": "ACME"}, web_site="www.script.fr")
    with local.store.writing() as session:
        lease = take(session, local.integration_id, at=local.now())

    held = portion(local)

    assert (held.state, standing(local), local.rows("audits")) == (PortionState.POSTPONED, {}, [])
    (row,) = local.rows("integrations")
    assert row["audit_due_at"] - local.now() <= AGAIN
    with local.store.writing() as session:
        release(session, lease)
    plain = local.around

    def connect(_integration: Any) -> GatewayClient:
        client = plain.connect(_integration)
        ask = client.get_change_log

        def meanwhile(*given: Any, **options: Any) -> Any:
            local.cycle()
            return ask(*given, **options)

        client.get_change_log = meanwhile  # type: ignore[method-assign]
        return client

    around: Surroundings = replace(plain, connect=connect)
    overtaken = audit_portion(local.store, local.integration_id, around, at=local.now())

    assert (overtaken.state, standing(local)) == (PortionState.POSTPONED, {})
    assert (portion(local).found, list(standing(local))) == (1, ["ACME"])


@pytest.mark.req("CRM-09", "CRM-11", "CRM-14", "CRM-58")
def test_nothing_is_compared_before_everything_was_read_nor_while_it_must_not_be(local: World) -> None:
    tamper_crm(local, "accounts", {"code": "ACME"}, web_site="www.script.fr")
    for settings, problem in (
        ({"state": IntegrationState.INACTIVE}, NotActive),
        ({"connected": False}, Disconnected),
        ({"company": "Une autre"}, CompanyMismatch),
    ):
        (row,) = local.rows("integrations")
        local.set(**settings)
        with pytest.raises(problem):
            portion(local)
        local.set(**{name: row[name] for name in settings})
    tamper_crm(local, "cursors", {"entity_set": EntitySet.TIERS.value}, at_end=False)
    assert portion(local).state is PortionState.POSTPONED
    assert local.rows("audits") == []


@pytest.mark.req("CRM-09", "NEW-10")
def test_portions_are_due_by_the_share_of_the_base(made: World) -> None:
    assert portion_of(10_000, 4) == (50, timedelta(minutes=7.5))
    assert portion_of(10_000, 24) == (200, timedelta(minutes=5))
    assert portion_of(1_000_000, 4) == (500, timedelta(seconds=45))
    assert portion_of(12, 4) == (50, timedelta(hours=25))
    assert timedelta(minutes=55) < due_in(made) <= AUDIT_AFTER
    made.set(audit_due_at=made.now())
    portion(made)
    assert timedelta(minutes=55) < due_in(made) <= timedelta(hours=1)
    tamper_crm(made, "cursors", {"entity_set": EntitySet.TIERS.value}, at_end=False)
    portion(made)
    assert timedelta(minutes=4) < due_in(made) <= AGAIN
    with made.store.writing() as session:
        assert session.scalars(select(Integration.id).where(may_be_audited(made.now()))).all() == [made.integration_id]
        integrations.deactivate(session, made.integration_id, at=made.now())
        assert session.scalars(select(Integration.id).where(may_be_audited(made.now()))).all() == []
    assert made.rows("integrations")[0]["audit_due_at"] is None


def due_in(made: World) -> timedelta:
    """How long until the next portion is due."""
    (row,) = made.rows("integrations")
    due: datetime = row["audit_due_at"]
    return due - made.now()


@pytest.mark.req("CRM-09", "NEW-05")
@pytest.mark.parametrize("seed", [1, 2])
def test_on_a_busy_base_only_what_really_differs_is_reported(tmp_path: Path, database_url: str, seed: int) -> None:
    """Edits on both sides, portions and cycles in any order: nothing is ever reported but what was tampered with."""
    chance, codes = random.Random(seed), tuple(f"T{n:02}" for n in range(8))  # noqa: S311 - no secret
    with synchronised(tmp_path, database_url, codes) as made:
        tampered: set[str] = set()
        for step in range(40):
            code, act = chance.choice(codes), chance.choice(_ACTS)
            act(made, code, f"v{step}", tampered)
            assert standing(made).keys() <= tampered, step
        made.cycle()
        whole_pass(made)
        whole_pass(made)
        differing = standing(made)
        assert differing.keys() <= tampered
        sides = _sides(made, codes)
        assert {code for code, (crm, erp) in sides.items() if crm != erp} == differing.keys()
        with made.store.writing() as session:
            repair(session, made.integration_id, at=made.now(), everything=True)
        made.cycle()
        whole_pass(made)
        assert standing(made) == {}
        assert all(crm == erp for crm, erp in _sides(made, codes).values())


def _edit_crm(made: World, code: str, value: str, _tampered: set[str]) -> None:
    with made.store.writing() as session:
        edit_company(session, made.account(code)["company_id"], {"web_site": value}, made.act())


def _edit_crm_contact(made: World, code: str, value: str, _tampered: set[str]) -> None:
    contact = made.children("contacts", code)[0]
    with made.store.writing() as session:
        edit_crm_contact(session, contact["id"], {"function": value}, made.act())


def _edit_erp(made: World, code: str, value: str, _tampered: set[str]) -> None:
    with made.erp() as connection:
        edit_tiers(connection, code, CT_Contact=value, at=_wall())


def _edit_erp_contact(made: World, code: str, value: str, _tampered: set[str]) -> None:
    number = min(made.column(F_CONTACTT.c.CT_No, code))
    with made.erp() as connection:
        edit_contact(connection, number, CT_Telephone=value, at=_wall())


def _tamper(made: World, code: str, value: str, tampered: set[str]) -> None:
    tampered.add(code)
    tamper_erp(made, code, CT_Raccourci=value)


def _tamper_crm(made: World, code: str, value: str, tampered: set[str]) -> None:
    tampered.add(code)
    tamper_crm(made, "accounts", {"code": code}, short_name=value)


_ACTS = (
    *(_edit_crm, _edit_crm_contact, _edit_erp, _edit_erp_contact, _tamper, _tamper_crm),
    *(lambda made, *_: made.cycle(), lambda made, *_: portion(made), lambda made, *_: portion(made)),
)


def _sides(made: World, codes: tuple[str, ...]) -> dict[str, tuple[Any, Any]]:
    """What each side says of the values edited here, read from its own tables."""
    found = {}
    for code in codes:
        account, row = made.account(code), made.erp_row(code)
        crm = [account[name] or None for name in ("web_site", "contact_person", "short_name")]
        crm += [made.children("contacts", code)[0]["function"] or None]
        crm += sorted(one["number"] for one in made.children("phones", code) if one["contact_id"])
        erp = [row[name] or None for name in ("CT_Site", "CT_Contact", "CT_Raccourci")]
        erp += [next(iter(made.column(F_CONTACTT.c.CT_Fonction, code))) or None]
        erp += sorted(made.column(F_CONTACTT.c.CT_Telephone, code))
        found[code] = (crm, erp)
    return found


@pytest.mark.req("CRM-09", "NEW-10")
def test_a_portion_costs_what_it_compares_and_not_what_the_base_holds(tmp_path: Path, sqlite_url: str) -> None:
    """2 % an hour of some hundred tiers: each portion reads fifty, in one call and a handful of queries."""
    with world(tmp_path, sqlite_url, tiers=400, documents=0) as made:
        made.set(audit_percent=2)
        made.cycle()
        statements: list[str] = []
        event.listen(made.store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        costs = []
        for _ in range(3):
            statements.clear()
            client = made.gateway.client()
            made.connect = lambda client=client: client
            done = portion(made)
            costs.append((done.compared, client.calls, len(statements)))
        made.connect = None
        assert [compared for compared, *_ in costs] == [50, 50, 50]
        assert {calls for _, calls, _ in costs} == {1}
        assert max(count for *_, count in costs) <= 40
        (audit,) = made.rows("audits")
        assert (audit["compared"], audit["ended_at"]) == (150, None)
        assert audit["total"] >= 400
