"""Commands that start cycles, over a real gateway: sync, resync, plan, undo, create-tiers, and what people do in between."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from gateway.demo.edits import edit_tiers
from gateway.sage import F_COMPTET
from syncengine import integrations
from syncengine.errors import ExitCode
from syncengine.model import Account, Company, Cycle, CycleStatus, User
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from syncengine.storage.store import open_store
from tests.gateway.live import PASSWORD
from tests.syncengine.commanding import Run, Terminal
from tests.syncengine.conftest import NOW
from tests.syncengine.records import draft
from tests.syncengine.world import World, world

UNKNOWN_CATEGORY = 9


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A base of 12 tiers after its first synchronisation, to which commands can sign in."""
    with world(tmp_path, database_url) as made:
        made.set(erp_password=Secrets(settings_from({"home": tmp_path / "engine"})).encrypt(SecretStr(PASSWORD)))
        made.cycle()
        yield made


def clients(made: World) -> list[str]:
    """The codes of the clients."""
    return [row["code"] for row in made.rows("accounts", type="client")]


def in_erp(made: World, code: str) -> str | None:
    """The contact person of a tiers in the ERP."""
    with made.erp() as connection:
        return connection.scalar(select(F_COMPTET.c.CT_Contact).where(F_COMPTET.c.CT_Num == code)) or None


@pytest.mark.req("NEW-02", "CRM-01")
def test_a_plan_is_made_shown_applied_once_and_refused_when_the_data_moved_on(synchronised: World, run: Run) -> None:
    code, other = clients(synchronised)[:2]
    assert run("company", "edit", code, "contact_person=CRM").code == ExitCode.OK
    with synchronised.erp() as connection:
        edit_tiers(connection, other, CT_Contact="ERP")
    before = synchronised.cells()

    made = run("sync", "--dry-run", "--json")

    plan = made.json["plan"]["id"]
    told = {(line["side"], line["code"], line["label"], line["after"]) for line in made.json["lines"]}
    assert {("erp", code, "Interlocuteur", "CRM"), ("crm", other, "Interlocuteur", "ERP")} <= told
    assert (synchronised.cells(), in_erp(synchronised, code)) == (before, in_erp(synchronised, code))
    assert in_erp(synchronised, code) != "CRM"
    shown = run("plan", "show", str(plan), "--limit", "2")
    assert "Sage 100  0 à créer, 1 à modifier, 0 à désactiver" in shown.out
    assert shown.out.splitlines()[-1] == "… --after 2"
    assert len(run("plan", "show", str(plan), "--after", "2", "--json").json["lines"]) == len(made.json["lines"]) - 2
    assert [item["id"] for item in run("plan", "list", "--json").json["items"]] == [plan]

    assert run("sync", "--dry-run", "--apply", str(plan)).problem == "input_refused"
    wrong = run("resync", "--apply", str(plan))
    assert (wrong.code, wrong.problem) == (ExitCode.USAGE, "plan_of_another_kind")
    applied = run("sync", "--apply", str(plan), "--json")
    assert (applied.code, applied.json["counts"]["sent"], applied.json["counts"]["changed"]) == (ExitCode.OK, 1, 1)
    assert (in_erp(synchronised, code), synchronised.company(other)["contact_person"]) == ("CRM", "ERP")
    again = run("sync", "--apply", str(plan))
    assert (again.code, again.problem) == (ExitCode.USAGE, "plan_outdated")

    run("company", "edit", code, "contact_person=Second")
    second = run("sync", "--dry-run", "--json").json["plan"]["id"]
    run("company", "edit", code, "contact_person=Third")
    outdated = run("sync", "--apply", str(second))
    assert (outdated.code, outdated.problem, in_erp(synchronised, code)) == (ExitCode.USAGE, "plan_outdated", "CRM")


@pytest.mark.req("CRM-09", "CRM-18", "CRM-19")
def test_a_full_run_goes_one_way_while_deactivated_and_by_the_rules_while_active(synchronised: World, run: Run) -> None:
    code = clients(synchronised)[0]
    before = in_erp(synchronised, code)
    run("company", "edit", code, "contact_person=CRM")
    for side in ("erp", "crm"):
        locked = run("resync", "--from", side)
        assert (locked.code, locked.problem) == (ExitCode.USAGE, "settings_locked")

    run("integration", "deactivate")
    assert run("resync").code == ExitCode.REFUSED
    assert run("resync", "--from", "erp", "--dry-run", "--json").json["plan"]["kind"] == "resync"
    assert run("resync", "--from", "erp").code == ExitCode.OK
    assert synchronised.company(code)["contact_person"] == before

    run("company", "edit", code, "contact_person=CRM again")
    sent = run("resync", "--from", "crm", "--json")
    assert (sent.code, sent.json["kind"], in_erp(synchronised, code)) == (ExitCode.OK, "full_send", "CRM again")

    run("integration", "activate")
    with synchronised.store.writing() as session:
        session.execute(update(Account).where(Account.code == code).values(contact_person="behind the back"))
        session.execute(update(Company).where(Company.code == code).values(contact_person="behind the back"))
    assert run("sync", "--json").json["counts"]["sent"] == 0
    assert run("resync", "--json").json["counts"]["sent"] == 1
    assert in_erp(synchronised, code) == "behind the back"


@pytest.mark.req("NEW-06")
def test_a_guard_stops_a_cycle_and_its_plan_can_be_shown_and_applied(synchronised: World, run: Run) -> None:
    run("integration", "deactivate")
    guard = run("integration", "guard", "erp.change", "--count", "1", "--json")
    assert guard.json["erp.change"] == {"count": 1, "percent": 0}
    run("integration", "activate")
    codes = clients(synchronised)[:2]
    for code in codes:
        run("company", "edit", code, "contact_person=CRM")

    stopped = run("sync")

    assert (stopped.code, stopped.problem) == (ExitCode.REFUSED, "guard_stopped")
    assert "CRM" not in [in_erp(synchronised, code) for code in codes]
    (plan,) = run("plan", "list", "--json").json["items"]
    assert plan["stopped_by"].startswith("Sage 100: 2 tiers would be changed")
    assert f"{plan['id']} (différentiel)" in run("status").out
    assert run("sync", "--apply", str(plan["id"])).code == ExitCode.OK
    assert [in_erp(synchronised, code) for code in codes] == ["CRM", "CRM"]


@pytest.mark.req("NEW-04")
def test_a_cycle_is_taken_back_on_both_sides_but_for_what_was_changed_since(
    synchronised: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = clients(synchronised)[:2]
    before = {code: in_erp(synchronised, code) for code in (kept, gone)}
    for code in (kept, gone):
        run("company", "edit", code, "contact_person=CRM")
    cycle = str(run("sync", "--json").json["cycle_id"])
    run("company", "edit", kept, "contact_person=Since")

    dry = run("undo", cycle, "--dry-run", "--json")
    assert [edit["code"] for edit in dry.json["undo"]["changed_since"]] == [kept]
    assert [edit["code"] for edit in dry.json["undo"]["edits"]] == [gone]
    assert in_erp(synchronised, gone) == "CRM"

    done = run("undo", cycle)
    assert done.code == ExitCode.WARNING
    assert "Modifiées depuis : 1" in done.out
    assert in_erp(synchronised, gone) == before[gone]
    assert in_erp(synchronised, kept) == synchronised.company(kept)["contact_person"] == "Since"

    forced = run("undo", cycle, "--include-changed", "--dry-run", "--json").json["plan"]["lines"]
    assert {line["code"] for line in forced} == {kept}
    with monkeypatch.context() as asked:
        asked.setattr("sys.stdin", Terminal("y\n"))
        done = run("undo", cycle)
    assert (done.code, "what was changed since" in done.err) == (ExitCode.OK, True)
    assert in_erp(synchronised, kept) == before[kept]
    undone = run("cycles", "--json").json[0]
    assert undone["kind"] == "undo"
    assert run("undo", str(undone["id"])).code == ExitCode.OK
    assert in_erp(synchronised, kept) == "Since"
    unknown = run("undo", "9999")
    assert (unknown.code, unknown.problem) == (ExitCode.USAGE, "cycle_unknown")


@pytest.mark.req("CRM-08", "CRM-24", "CRM-25", "CRM-61")
def test_a_tiers_is_created_at_once_or_with_the_next_cycle(synchronised: World, run: Run) -> None:
    with synchronised.store.writing() as session:
        session.add(User(login="claire", name="Claire", created_at=NOW))
    for name, code in (("Première", "NEUVE1"), ("Seconde", "NEUVE2")):
        run("company", "create", f"name={name}", "company_type=Client", f"code={code}", "--as", "claire")

    run("rights", "withdraw", "claire", "create_tiers")
    refused = run("company", "create-tiers", "NEUVE1", "--as", "claire")
    assert (refused.code, refused.problem) == (ExitCode.USAGE, "right_withdrawn")
    assert synchronised.rows("accounts", code="NEUVE1") == []
    run("rights", "grant", "claire", "create_tiers")

    made = run("company", "create-tiers", "NEUVE1", "--as", "claire", "--json")
    assert (made.code, made.json["company"]["tiers"]["erp_state"]) == (ExitCode.OK, "present")
    assert made.json["report"]["counts"]["created_in_erp"] == 1
    twice = run("company", "create-tiers", "NEUVE1")
    assert (twice.code, twice.problem) == (ExitCode.USAGE, "already_linked")

    later = run("company", "create-tiers", "NEUVE2", "--no-sync")
    assert (later.code, later.out.splitlines()[-1].endswith("à créer")) == (ExitCode.OK, True)
    assert "waiting to be sent  1" in run("status").out.splitlines()
    assert run("company", "cancel-creation", "NEUVE2").code == ExitCode.OK
    assert run("company", "create-tiers", "NEUVE2", "--no-sync").code == ExitCode.OK
    assert run("sync", "--json").json["counts"]["created_in_erp"] == 1
    with synchronised.erp() as connection:
        names = connection.scalars(select(F_COMPTET.c.CT_Intitule).where(F_COMPTET.c.CT_Num.like("NEUVE_"))).all()
    assert sorted(names) == ["Première", "Seconde"]


@pytest.mark.req("CRM-48", "CRM-61")
def test_turnover_is_refreshed_without_a_cycle(synchronised: World, run: Run) -> None:
    codes = [row["erp_key"] for row in synchronised.rows("ca_realise")]
    with synchronised.store.writing() as session:
        session.add(User(login="claire", name="Claire", created_at=NOW))
    done = run("turnover", "refresh", "--json")
    assert (done.code, done.json["figures"]) == (ExitCode.OK, len(codes))
    assert run("turnover", "refresh", codes[0]).out == "1 tiers demandés, 1 chiffres lus, 0 retirés\n"
    unknown = run("turnover", "refresh", "PERSONNE")
    assert (unknown.code, unknown.problem) == (ExitCode.USAGE, "account_unknown")
    run("rights", "withdraw", "claire", "refresh_turnover")
    refused = run("turnover", "refresh", "--as", "claire")
    assert (refused.code, refused.problem) == (ExitCode.USAGE, "right_withdrawn")
    assert len(run("cycles", "--json").json) == 1


@pytest.mark.req("NEW-03", "NEW-04", "CRM-49")
def test_a_conflict_is_listed_explained_and_decided(synchronised: World, run: Run) -> None:
    run("integration", "deactivate")
    run("integration", "policy", "account.contact_person", "ask")
    run("integration", "activate")
    code, other = clients(synchronised)[:2]
    for one in (code, other):
        run("company", "edit", one, "contact_person=CRM")
        with synchronised.erp() as connection:
            edit_tiers(connection, one, CT_Contact="ERP")

    assert run("sync").code == ExitCode.WARNING

    first, second = run("conflicts", "list", "--field", "account.contact_person", "--json").json["items"]
    assert (first["crm_value"], first["erp_value"], first["label"]) == ("CRM", "ERP", "Interlocuteur")
    assert "Sage 100  ERP" in run("conflicts", "show", str(first["id"])).out.splitlines()
    assert "open conflicts      2" in run("status").out.splitlines()
    assert "Conflit à trancher" in run("journal", "explain", first["code"], "contact_person").out
    grouped = run("errors", "analysis")
    assert (grouped.code, "2 × " in grouped.out) == (ExitCode.OK, True)
    both = ("1", "--take", "crm", "--value", "x")
    for arguments in ((), ("1",), both, ("--take", "crm"), ("1", "--all", "--take", "crm")):
        wrong = run("conflicts", "resolve", *arguments)
        assert (wrong.code, wrong.problem) == (ExitCode.USAGE, "input_refused")

    partly = run("conflicts", "resolve", str(first["id"]), "9999", "--take", "crm", "--json")
    assert (partly.code, partly.json["done"], partly.problem) == (ExitCode.WARNING, 1, "conflict_unknown")
    closed = run("conflicts", "resolve", str(first["id"]), "--take", "crm")
    assert (closed.code, closed.problem) == (ExitCode.USAGE, "conflict_closed")
    assert run("conflicts", "resolve", "--all", "--value", "Ni l'un ni l'autre").out == "1 conflits tranchés\n"
    assert run("sync").code == ExitCode.OK
    found = [in_erp(synchronised, one["code"]) for one in (first, second)]
    assert found == ["CRM", "Ni l'un ni l'autre"]
    lines = run("journal", "company", second["code"], "--limit", "1", "--json").json
    assert (len(lines["items"]), lines["after"]) == (1, lines["items"][0]["id"])
    older = run("journal", "company", second["code"], "--after", str(lines["after"])).out
    assert "Ni l'un ni l'autre" in run("journal", "company", second["code"]).out
    assert str(lines["after"]) not in older.split()


@pytest.mark.req("CRM-23", "CRM-49", "CRM-50", "CRM-51")
def test_records_in_error_are_shown_corrected_tried_again_and_taken_out(synchronised: World, run: Run) -> None:
    code, other = clients(synchronised)[:2]
    with synchronised.erp() as connection:
        edit_tiers(connection, code, N_CatCompta=UNKNOWN_CATEGORY, CT_Contact="ERP")
    assert run("sync").code == ExitCode.WARNING
    # SAL001 is an employee in the ERP, which no pull tells of.
    run("company", "create", "name=Neuve", "company_type=client", "code=SAL001")
    refused = run("company", "create-tiers", "SAL001", "--json")
    assert (refused.code, refused.json["error"]["side"]) == (ExitCode.WARNING, "erp")
    pulled, sent = (run("errors", "list", "--side", side, "--json").json["items"][0] for side in ("crm", "erp"))

    shown = run("errors", "show", str(pulled["id"]))
    assert any(line.startswith("✗  Catégorie comptable") for line in shown.out.splitlines())
    assert "can be ordered  retry, edit-and-retry, take-out" in shown.out
    grouped = run("errors", "analysis", "--json").json["groups"]
    assert [(group["side"], group["code"]) for group in grouped] == [("erp", sent["code"])]
    wrong = run("errors", "edit", str(pulled["id"]), "colour=blue")
    assert (wrong.code, wrong.problem) == (ExitCode.USAGE, "correction_unknown_field")
    for arguments in ((), ("--side", "erp"), (str(pulled["id"]), "--code", "x")):
        assert run("errors", "retry", *arguments).problem == "input_refused"
    partly = run("errors", "retry", str(pulled["id"]), "9999", "--json")
    assert (partly.code, partly.json["done"], partly.problem) == (ExitCode.WARNING, 1, "error_unknown")

    assert run("errors", "edit", str(pulled["id"]), "accounting_category=1").code == ExitCode.OK
    assert run("errors", "edit", str(sent["id"]), "code=NEUVE").code == ExitCode.OK
    done = run("sync", "--json")
    assert (done.code, done.json["counts"]["created_in_erp"], done.json["counts"]["sent"]) == (ExitCode.OK, 1, 1)
    assert synchronised.company(code)["contact_person"] == "ERP"
    assert run("errors", "list", "--json").json["items"] == []

    out = run("errors", "take-out", "--tiers", other, "--tiers", "PERSONNE")
    assert (out.code, out.out, out.problem) == (
        *(ExitCode.WARNING, "1 sortis de la synchronisation\n"),
        "tiers_unknown",
    )
    with synchronised.erp() as connection:
        edit_tiers(connection, other, CT_Contact="ERP")
    run("sync")
    assert synchronised.company(other)["contact_person"] != "ERP"
    kept = run("errors", "list", "--state", "taken_out", "--json").json["items"]
    assert [error["erp_key"] for error in kept] == [other]
    assert run("errors", "put-back", "--all").out == "1 remis dans la synchronisation\n"
    run("sync")
    assert synchronised.company(other)["contact_person"] == "ERP"
    nothing = run("errors", "put-back", str(kept[0]["id"]))
    assert (nothing.code, nothing.problem) == (ExitCode.USAGE, "cannot_put_back")


@pytest.mark.req("CRM-10", "NEW-05")
def test_a_service_that_is_stopped_ends_its_cycle_as_interrupted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    home = tmp_path / "engine"
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls and never answers
        store = open_store(url)
        with store.writing() as session:
            entered = replace(draft(), url=f"http://127.0.0.1:{silent.getsockname()[1]}")
            made = integrations.create(
                session, entered, secrets=Secrets(settings_from({"home": home})), multi=False, at=NOW
            )
            integrations.activate(session, made.id, at=NOW)
        process = subprocess.Popen(
            [sys.executable, "-c", "from syncengine.cli import main; main()", "sync"],
            env=os.environ | {"SYNCENGINE_HOME": str(home), "SYNCENGINE_DATABASE_URL": url},
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        try:
            _until(lambda: bool(_cycles(url)) or process.poll() is not None)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()

    assert process.returncode == ExitCode.INTERRUPTED
    assert err.splitlines()[0].startswith("interrupted: ")
    (cycle,) = _cycles(url)
    assert (cycle.status, cycle.error_code) == (CycleStatus.FAILURE, "interrupted")
    store.close()


def _cycles(url: str) -> list[Cycle]:
    store = open_store(url)
    with store.reading() as session:
        found = list(session.scalars(select(Cycle)))
    store.close()
    return found


def _until(reached: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < limit
        time.sleep(0.1)
