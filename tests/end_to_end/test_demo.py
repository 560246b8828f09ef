"""The demonstration: what it shows is so in both bases, and it fails when a side does not hold what it should."""

from __future__ import annotations

import io
import json
import os
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine, select

from contracts.fields import Flow
from contracts.tables import TIERS
from gateway.database import open_database
from gateway.demo import work
from syncengine.commands.document import commands
from syncengine.cycle.run import Report
from syncengine.demo import run_demo
from syncengine.demo.erp_side import GatewaySide
from syncengine.errors import DemoFailed, ExitCode, SettingsInvalid, exit_code
from syncengine.model import Base, CycleKind, CycleStatus, Side
from syncengine.model.journal import Rule
from syncengine.storage.store import Store, open_store

README = Path(__file__).parents[2] / "README.md"
SIZE = 60
ACTS = 13
BOTH_WAYS = [known.attr for known in TIERS.fields if known.flow is Flow.BOTH and known.erp.startswith("F_COMPTET.CT_")]
CODED = {"code", "type", "dormant", "language"}


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """The demonstration forgets what the environment names; here it is put back."""
    kept = dict(os.environ)
    yield
    os.environ.update(kept)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Report], str]:
    """A demonstration on a small base: its folder, the reports of its cycles, and what was on the screen."""
    folder, screen = tmp_path_factory.mktemp("demo") / "demo", io.StringIO()
    reports = run_demo(folder, tiers=SIZE, console=Console(file=screen, width=200))
    return folder, reports, screen.getvalue()


@pytest.fixture
def store(played: tuple[Path, list[Report], str]) -> Iterator[Store]:
    """The CRM base it leaves."""
    left = open_store(f"sqlite:///{played[0] / 'crm' / 'crm.db'}")
    yield left
    left.close()


@pytest.fixture
def sage(played: tuple[Path, list[Report], str]) -> Iterator[Engine]:
    """The Sage 100 base it leaves."""
    left = open_database(str(played[0] / "sage100.db"))
    yield left
    left.dispose()


def rows(store: Store, table: str, **wanted: Any) -> list[dict[str, Any]]:
    """Rows of the CRM base, in order of key."""
    of = Base.metadata.tables[table]
    query = select(of).where(*(of.c[name] == value for name, value in wanted.items())).order_by(*of.primary_key)
    with store.reading() as session:
        return [dict(row._mapping) for row in session.execute(query)]


def in_erp(sage: Engine, code: str) -> dict[str, Any]:
    """A tiers as the base of Sage 100 holds it."""
    (line,) = work(sage, [json.dumps({"do": "show", "code": code})])
    found: dict[str, Any] = json.loads(line)
    return found


def test_every_act_is_shown_and_the_last_one_finds_nothing_to_do(played: tuple[Path, list[Report], str]) -> None:
    _, reports, screen = played
    assert [f" {number} · " in screen for number in range(1, ACTS + 1)] == [True] * ACTS
    assert "✗" not in screen
    kinds = Counter(report.kind for report in reports)
    assert (kinds[CycleKind.FIRST], kinds[CycleKind.UNDO], kinds[CycleKind.RESYNC]) == (1, 1, 1)
    last = reports[-1].counts
    assert (last.arrived, last.changed, last.sent, last.parked, last.created_in_erp) == (0, 0, 0, 0, 0)


def test_every_command_told_is_one_that_is_understood(played: tuple[Path, list[Report], str]) -> None:
    shown = [line.partition("$ ")[2] for line in played[2].splitlines() if line.startswith("  $ syncengine ")]
    told = [line.strip() for line in README.read_text("utf-8").splitlines() if line.startswith("    syncengine ")]
    assert (len(shown) >= 7, len(told) >= 7) == (True, True)
    for line in (*shown, *told):
        words = shlex.split(line, comments=True)[1:]
        path = max((one for one in commands() if words[: len(one.split())] == one.split()), key=len)
        with commands()[path].make_context(path, words[len(path.split()) :]) as context:
            assert context.args == []


@pytest.mark.req("NEW-01", "NEW-04")
def test_both_sides_hold_the_same_in_the_end(store: Store, sage: Engine) -> None:
    links = rows(store, "links", entity="account", state="linked")
    assert len(links) > SIZE - 10
    accounts = {row["id"]: row for row in rows(store, "accounts")}
    differ = []
    for link in links:
        account, tiers = accounts[link["local_id"]], in_erp(sage, link["erp_key"])["tiers"]
        mine = {attr: account[attr] or "" for attr in BOTH_WAYS if attr not in CODED}
        theirs = {attr: (tiers[attr] or "").strip() for attr in mine}
        differ += [(link["erp_key"], attr) for attr in mine if mine[attr] != theirs[attr]]
    assert differ == []


@pytest.mark.req("NEW-03")
def test_each_policy_decided_once_and_what_lost_is_in_the_journal(store: Store) -> None:
    found = {row["rule"]: row for row in rows(store, "conflicts")}
    assert set(found) == {Rule.ERP_WINS, Rule.CRM_WINS, Rule.RESOLVED}
    assert {row["state"] for row in found.values()} == {"resolved"}
    for rule, side, loser in ((Rule.ERP_WINS, Side.CRM, "crm_value"), (Rule.CRM_WINS, Side.ERP, "erp_value")):
        kept = {line["before"] for line in rows(store, "journal", rule=rule, side=side)}
        assert found[rule][loser] in kept


@pytest.mark.req("CRM-25", "CRM-42", "CRM-49", "CRM-50")
def test_a_tiers_was_created_and_an_error_repaired(store: Store, sage: Engine) -> None:
    found = in_erp(sage, "ATELIERCRM")
    copied = ("street", "postcode", "town")
    (delivery,) = found["deliveries"]
    assert [delivery[attr] for attr in copied] == [found["billing"][attr] for attr in copied]
    assert found["billing"]["town"] == "Lans-en-Vercors"
    assert len(rows(store, "links", erp_key="ATELIERCRM", state="linked")) == 1
    (error,) = rows(store, "sync_errors", side=Side.ERP)
    assert (error["code"], error["field"], error["state"]) == ("unknown_representative", "Representative", "resolved")


@pytest.mark.req("NEW-02", "NEW-06")
def test_a_guard_stopped_a_cycle_and_nothing_of_its_plan_was_written(store: Store, sage: Engine) -> None:
    # The guard stopped at the very plan that the preview had shown.
    (plan,) = rows(store, "plans")
    assert "deactivated" in plan["stopped_by"]
    assert plan["applied_cycle_id"] is None
    (failed,) = rows(store, "cycles", status=CycleStatus.FAILURE)
    assert failed["error_code"] == "guard_stopped"
    assert rows(store, "journal", cycle_id=failed["id"]) == []


@pytest.mark.req("NEW-04")
def test_the_undone_cycle_left_both_sides_as_before(store: Store, sage: Engine) -> None:
    (undo,) = rows(store, "cycles", kind=CycleKind.UNDO)
    sent = rows(store, "journal", cycle_id=undo["undoes_id"], side=Side.ERP, field="phone")
    assert len(sent) == 1
    now = in_erp(sage, sent[0]["erp_key"])["tiers"]["phone"]
    assert (now, now != sent[0]["after"]) == (sent[0]["before"] or "", True)


def test_it_fails_when_the_engine_decides_wrongly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an engine that always lets the CRM win
    monkeypatch.setattr("syncengine.core.merge.decide", lambda _policy, _ages: (Side.CRM, Rule.CRM_WINS))
    # when the demonstration comes to the field of which Sage 100 wins
    with pytest.raises(DemoFailed) as failed:
        run_demo(tmp_path / "demo", tiers=SIZE, console=Console(file=io.StringIO()))
    # then it ends with that, and not with exit code 0
    assert (failed.value.field, exit_code(failed.value)) == ("fax", ExitCode.WARNING)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SettingsInvalid, match="something else"):
        run_demo(tmp_path, tiers=SIZE, console=Console(file=io.StringIO()))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_the_desk_refuses_ends_the_demonstration_in_its_words(tmp_path: Path) -> None:
    erp = GatewaySide(tmp_path)
    erp.command("demo-base", str(erp.base), "--tiers", "2")
    with erp.desk() as desk:
        assert desk.show("NOBODY")["tiers"] == {}
        with pytest.raises(SettingsInvalid, match="NOBODY"):
            desk.edit(["NOBODY"], phone="1")
