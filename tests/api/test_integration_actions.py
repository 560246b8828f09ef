"""What is asked of a gateway through the API: test, data checks, release of the base, turnover, comparison; and what it logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from starlette.testclient import TestClient

from api.app import create_app
from gateway.sage import F_DOCENTETE
from syncengine.crm.rights import withdraw
from syncengine.engine import Engine
from syncengine.model import Account, Right, User
from syncengine.settings import settings_from
from syncengine.sync import synchronise
from tests.api.clients import engine_over, items, person, problem, walk
from tests.gateway.live import PASSWORD
from tests.syncengine.world import World, world


@dataclass(frozen=True, kw_only=True)
class Office:
    """A base after its first synchronisation, the engine over it, and an administrator at the API."""

    made: World
    engine: Engine
    admin: TestClient
    path: str

    def claire(self) -> TestClient:
        """Somebody who is no administrator."""
        return person(self.admin.app, "claire")  # type: ignore[arg-type]

    def withdraw(self, right: Right) -> None:
        """Take a right from claire."""
        with self.engine.store.writing() as session:
            user = session.scalars(select(User).where(User.login == "claire")).one()
            withdraw(session, user.id, right, at=self.made.now())


@pytest.fixture
def office(tmp_path: Path, crm_on_sqlite: str) -> Iterator[Office]:
    """8 tiers with documents, synchronised."""
    with world(tmp_path, crm_on_sqlite, tiers=8, documents=4.0) as made:
        engine = engine_over(made.store, settings_from({"home": tmp_path / "engine"}))
        made.set(erp_password=engine.secrets.encrypt(SecretStr(PASSWORD)), audit_percent=100)
        assert synchronise(engine, made.integration_id, screen=False).problem is None
        admin = person(create_app(engine), "admin", administrator=True)
        yield Office(made=made, engine=engine, admin=admin, path=f"/api/v1/integrations/{made.integration_id}")


@pytest.mark.req("CRM-53", "CRM-15")
def test_the_connection_is_tested_step_by_step_and_the_data_checked(office: Office) -> None:
    passed = office.admin.post(f"{office.path}/connection_tests").json()
    assert passed["passed"] is True
    names = ["address", "name", "port", "http", "gateway", "credentials", "contract", "base", "company"]
    assert [step["code"] for step in passed["steps"]] == names

    found = office.admin.post(f"{office.path}/erp_checks").json()["items"]
    assert len(found) > 5
    assert {one["severity"] for one in found} <= {"ok", "warning", "blocking"}
    assert all(one["title"] and (one["remedy"] or one["severity"] == "ok") for one in found)
    assert office.admin.get(office.path).json()["contract_compatible"] is True

    office.made.set(erp_password=office.engine.secrets.encrypt(SecretStr("Motdepasse-faux")))
    failed = office.admin.post(f"{office.path}/connection_tests")
    assert failed.json()["passed"] is False
    wrong = next(step for step in failed.json()["steps"] if step["status"] == "failed")
    assert (wrong["code"], wrong["problem"]) == ("credentials", "credentials_refused")
    assert {step["status"] for step in failed.json()["steps"][6:]} == {"skipped"}
    assert "Motdepasse" not in failed.text
    assert problem(office.admin.post(f"{office.path}/erp_checks"), 502) == "credentials_refused"


@pytest.mark.req("CRM-58", "CRM-61")
def test_the_base_is_released_and_used_again_by_who_may(office: Office) -> None:
    claire = office.claire()
    done = claire.post(f"{office.path}/disconnections")
    assert (done.status_code, done.json()["gateway_obeyed"]) == (201, True)
    assert done.json()["integration"]["connected"] is False
    assert problem(claire.post(f"{office.path}/sync_requests"), 409) == "integration_disconnected"
    for action in ("connection_tests", "erp_checks", "comparisons"):
        assert problem(claire.post(f"{office.path}/{action}"), 409) == "integration_disconnected"
    assert claire.get(f"{office.path}/status").json()["freshness"] == "disconnected"

    office.withdraw(Right.DISCONNECT)
    assert problem(claire.post(f"{office.path}/reconnections"), 403) == "right_withdrawn"
    assert office.admin.post(f"{office.path}/reconnections").json()["integration"]["connected"] is True
    assert office.admin.get(f"{office.path}/status").json()["next"]["why"] == "due"
    told = [event["action"] for event in items(walk(office.admin, "/api/v1/audit_events", action="integration"))]
    assert told == ["integration.reconnected", "integration.reconnected_in_vain", "integration.disconnected"]


@pytest.mark.req("CRM-58")
def test_a_gateway_that_does_not_answer_is_told_and_the_integration_is_disconnected_all_the_same(
    office: Office,
) -> None:
    office.made.set(url="http://127.0.0.1:9")
    assert problem(office.admin.post(f"{office.path}/disconnections"), 504) == "gateway_unreachable"
    assert office.admin.get(office.path).json()["connected"] is False
    (told,) = items(walk(office.admin, "/api/v1/audit_events", action="integration"))
    assert (told["action"], told["detail"]) == ("integration.disconnected_in_vain", {"code": "gateway_unreachable"})


@pytest.mark.req("CRM-48")
def test_turnover_is_read_now_for_some_and_by_a_worker_for_all(office: Office) -> None:
    before = {row["erp_key"]: row["current_year"] for row in office.made.rows("ca_realise")}
    code = next(code for code, figure in before.items() if figure > 0)
    with office.made.erp() as erp:
        doubled = F_DOCENTETE.c.DO_TotalHT * 2
        erp.execute(update(F_DOCENTETE).where(F_DOCENTETE.c.DO_Tiers == code).values(DO_TotalHT=doubled))
    path, claire = f"{office.path}/turnover_refreshes", office.claire()
    done = claire.post(path, json={"codes": [code]})
    assert (done.status_code, done.json()) == (200, {"asked": 1, "figures": 1, "gone": 0, "due_at": None})
    after = {row["erp_key"]: row["current_year"] for row in office.made.rows("ca_realise")}
    assert after == {**before, code: 2 * before[code]}
    assert problem(claire.post(path, json={"codes": ["NIX"]}), 404) == "account_unknown"

    asked = claire.post(path, json={})
    assert (asked.status_code, asked.headers["location"]) == (202, f"{office.path}/status")
    (row,) = office.made.rows("integrations")
    assert row["turnover_due_at"].isoformat().replace("+00:00", "Z") == asked.json()["due_at"]
    office.withdraw(Right.REFRESH_TURNOVER)
    for body in ({}, {"codes": [code]}):
        assert problem(claire.post(path, json=body), 403) == "right_withdrawn"


@pytest.mark.req("CRM-09")
def test_what_differs_is_found_shown_and_given_to_the_next_cycle(office: Office) -> None:
    with office.engine.store.writing() as session:
        row = session.scalars(select(Account).where(Account.is_main)).first()
        assert row is not None
        row.short_name = "Faux"
    portion = office.admin.post(f"{office.path}/comparisons").json()
    assert (portion["state"], portion["found"]) == ("done", 1)
    (found,) = items(walk(office.admin, f"{office.path}/differences", limit=1))
    assert (found["code"], found["drift"], found["fields"][0]["crm"]) == (row.code, "values", "Faux")
    agreement = office.admin.get(f"{office.path}/agreement").json()
    assert (agreement["differing"], agreement["compared"]) == (1, portion["compared"])
    assert float(agreement["share"]) < 100

    path = f"{office.path}/difference_repairs"
    assert office.admin.post(path, json={"everything": True, "dry_run": True}).json() == {"done": 1, "refused": []}
    some = office.admin.post(path, json={"ids": [found["id"], 999]})
    assert some.status_code == 207
    assert (some.json()["done"], [one["code"] for one in some.json()["refused"]]) == (1, ["difference_unknown"])
    synchronise(office.engine, office.made.integration_id, screen=False)
    office.admin.post(f"{office.path}/comparisons")
    assert office.admin.get(f"{office.path}/differences").json()["items"] == []
    assert [one["id"] for one in items(walk(office.admin, f"{office.path}/differences", settled=True))] == [found["id"]]


@pytest.mark.req("CRM-19", "CRM-52")
def test_log_files_are_listed_read_in_parts_and_downloaded_and_no_other_file_is(office: Office) -> None:
    folder, name = office.engine.settings.logs, f"integration-{office.made.integration_id}.log"
    (folder / "integration-77.log").write_text('{"event": "other"}\n')
    (folder / f"{name}.1").write_text("older\n")
    (folder / "secret.txt").write_text("password")
    path = f"{office.path}/log_files"
    assert [one["name"] for one in office.admin.get(path).json()["items"]] == [name, f"{name}.1"]
    whole = office.admin.get(f"{path}/{name}")
    assert whole.headers["content-type"] == "application/x-ndjson"
    assert name in whole.headers["content-disposition"]
    lines = items(walk(office.admin, f"{path}/{name}/lines", limit=2))
    assert lines == whole.text.splitlines()
    assert any('"event": "cycle_ended"' in line for line in lines)
    assert PASSWORD not in whole.text
    for wrong in (
        "integration-77.log",
        "secret.txt",
        "..%2Fkey",
        "%2e%2e%2fkey",
        "..\\key",
        "integration-1.log%00",
    ):
        for end in ("", "/lines"):
            assert office.admin.get(f"{path}/{wrong}{end}").status_code == 404, wrong
