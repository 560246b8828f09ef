"""The command line: its output and its exit codes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import text

from syncengine.cli import main
from syncengine.errors import ExitCode
from syncengine.model import SyncError
from syncengine.storage.store import open_store
from tests.syncengine.answering import Answer, answering, configuration
from tests.syncengine.conftest import NOW
from tests.syncengine.records import PASSWORD


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run: TypeAlias = "Callable[..., Done]"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a home of its own; keywords are environment variables."""
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def command(*arguments: str, **environment: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        given = {"SYNCENGINE_HOME": str(tmp_path / "home"), "COLUMNS": "200"} | environment
        with monkeypatch.context() as here, redirect_stdout(out), redirect_stderr(err):
            here.setattr("sys.argv", ["syncengine", *arguments])
            for name, value in given.items():
                here.setenv(name, value)
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())

    return command


def create(run: Run, tmp_path: Path, *more: str) -> dict[str, Any]:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    given = ("--company", "BIJOU SA", "--erp-user", "crm", "--password-file", str(file), *more)
    done = run("integration", "create", "--json", *given)
    assert done.returncode == ExitCode.OK, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.req("CRM-14", "CRM-16", "CRM-18", "CRM-62")
def test_an_integration_from_its_creation_to_its_deactivation(run: Run, tmp_path: Path) -> None:
    made = create(run, tmp_path, "--set", "interval_min=45", "--set", "daily_resync_at=03:30")
    assert made["state"] == "inactive"
    assert (made["draft"]["interval_min"], made["draft"]["daily_resync_at"]) == (45, "03:30:00")

    assert json.loads(run("integration", "activate", "--json").stdout)["state"] == "active"
    locked = run("integration", "modify", "--set", "interval_min=60")
    assert locked.returncode == ExitCode.USAGE
    assert locked.stderr.startswith("settings_locked: Sage100 is active")
    assert "→ Deactivate the integration first" in locked.stderr

    assert run("integration", "deactivate").returncode == ExitCode.OK
    modified = run("integration", "modify", "Sage100", "--rename", "Bijou", "--set", "interval_min=60", "--json")
    assert json.loads(modified.stdout)["draft"]["name"] == "Bijou"
    second = run("integration", "create", "--company", "AUTRE")
    assert (second.returncode, second.stderr.split(":")[0]) == (ExitCode.USAGE, "second_integration")
    several = ("integration", "create", "--company", "AUTRE")
    asked = run(*several, SYNCENGINE_MULTI_INTEGRATION="1")
    assert (asked.returncode, "a donc deux fiches dans le CRM" in asked.stderr) == (ExitCode.USAGE, True)
    assert run(*several, "--yes", SYNCENGINE_MULTI_INTEGRATION="1").returncode == ExitCode.OK
    listed = json.loads(run("integration", "list", "--json").stdout)
    assert [item["draft"]["name"] for item in listed] == ["Bijou", "Sage100"]
    assert run("integration", "show").returncode == ExitCode.USAGE
    shown = run("integration", "show", "Bijou")
    assert "interval_min           60" in shown.stdout.splitlines()


@pytest.mark.guarantees
def test_a_password_is_in_no_output_no_file_and_no_list_of_processes(run: Run, tmp_path: Path) -> None:
    """G10: there is no option that takes one, and nothing shows it."""
    create(run, tmp_path)
    (tmp_path / "password").unlink()
    for arguments in (("integration", "show"), ("integration", "list"), ("status",), ("integration", "test")):
        for form in ((), ("--json",)):
            done = run(*arguments, *form)
            assert PASSWORD not in done.stdout + done.stderr
    assert "--password " not in run("integration", "create", "--help").stdout
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert {"crm.db", "key"} <= {path.name for path in kept}
    assert [path for path in kept if PASSWORD.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("interval_min=20", "integration_invalid"),
        ("interval_min=often", "integration_invalid"),
        ("daily_resync_at=25:00", "integration_invalid"),
        ("transfer_mode=maybe", "integration_invalid"),
        ("company_types=[]", "integration_invalid"),
        ("colour=blue", "input_refused"),
        ("interval_min", "input_refused"),
        ("erp_password=word", "input_refused"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_with_what_to_do(run: Run, given: str, code: str) -> None:
    done = run("integration", "create", "--company", "BIJOU SA", "--set", given)
    assert (done.returncode, done.stderr.split(":")[0]) == (ExitCode.USAGE, code)
    assert "→" in done.stderr
    assert json.loads(run("integration", "list", "--json").stdout) == []


@pytest.mark.req("CRM-53")
def test_the_connection_test_prints_its_steps_and_ends_with_their_exit_code(run: Run, tmp_path: Path) -> None:
    with answering(Answer(body=configuration(), password=PASSWORD)) as url:
        create(run, tmp_path, "--url", url)
        done = run("integration", "test")
        steps = json.loads(run("integration", "test", "--json").stdout)
    assert done.returncode == ExitCode.OK
    assert done.stdout.count("\nok ") + done.stdout.startswith("ok ") == len(steps) == 9

    stopped = run("integration", "test")
    assert stopped.returncode == ExitCode.UNREACHABLE
    assert "FAILED  the port of the server answers" in stopped.stdout
    assert "→ Start the gateway" in stopped.stdout

    with answering(Answer(body=configuration(), password="another")) as url:
        run("integration", "modify", "--url", url)
        assert run("integration", "test").returncode == ExitCode.REFUSED


def test_the_version_of_the_base_is_shown_and_a_newer_one_refused(run: Run, tmp_path: Path) -> None:
    assert json.loads(run("db", "status", "--json").stdout)["state"] == "empty"
    assert json.loads(run("db", "upgrade", "--json").stdout)["state"] == "current"
    store = open_store(f"sqlite:///{tmp_path / 'home' / 'crm.db'}")
    with store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    for arguments in (("status",), ("db", "upgrade")):
        done = run(*arguments)
        assert (done.returncode, done.stderr.split(":")[0]) == (ExitCode.DATABASE, "database_newer")
    assert json.loads(run("db", "status", "--json").stdout)["state"] == "newer"


@pytest.mark.req("CRM-49")
def test_errors_are_listed_with_the_reason_and_what_to_do(run: Run, tmp_path: Path) -> None:
    made = create(run, tmp_path)
    store = open_store(f"sqlite:///{tmp_path / 'home' / 'crm.db'}")
    with store.writing() as session:
        told = {"code": "invalid_record", "field": "name", "message": "trop long", "remedy": "shorten it"}
        kept = {
            "integration_id": made["id"],
            "entity": "account",
            "side": "crm",
            "erp_key": "C1",
            "first_at": NOW,
            "last_at": NOW,
        }
        session.add(SyncError(**told, **kept))
    store.close()
    assert run("errors", "list").stdout.splitlines() == [
        "1  CRM: account C1 [name]  invalid_record: trop long",
        "  → shorten it  (en erreur, attempts: 1, last 2026-11-21 08:30 UTC)",
    ]
    assert json.loads(run("errors", "list", "--json").stdout)["items"][0]["last_at"] == "2026-11-21T08:30:00+00:00"
    assert "open errors         1 (CRM 1, Sage 100 0)" in run("status").stdout.splitlines()


@pytest.mark.req("CRM-52")
def test_log_files_are_listed_and_read(run: Run, tmp_path: Path) -> None:
    made = create(run, tmp_path)
    folder = tmp_path / "home" / "logs"
    folder.mkdir()
    (folder / f"integration-{made['id']}.log").write_text('{"event": "cycle_started"}\n')
    assert [item["name"] for item in json.loads(run("logs", "list", "--json").stdout)] == ["integration-1.log"]
    assert run("logs", "show").stdout == '{"event": "cycle_started"}\n'
    outside = run("logs", "show", "../key")
    assert (outside.returncode, outside.stdout) == (ExitCode.USAGE, "")


def test_the_key_can_be_changed(run: Run, tmp_path: Path) -> None:
    create(run, tmp_path)
    before = (tmp_path / "home" / "key").read_text()
    assert json.loads(run("key", "rotate", "--json").stdout) == {"passwords": 1}
    assert (tmp_path / "home" / "key").read_text() != before
    (tmp_path / "home" / "key").unlink()
    done = run("integration", "test")
    assert (done.returncode, done.stderr.split(":")[0]) == (ExitCode.CONFIGURATION, "key_missing")


def test_wrong_settings_end_with_the_configuration_code(run: Run) -> None:
    done = run("status", SYNCENGINE_DATABASE_URL="mysql://crm:hidden-word@server/crm")
    assert done.returncode == ExitCode.CONFIGURATION
    assert done.stderr.startswith("settings_invalid: ")
    assert "hidden-word" not in done.stderr


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    done = run("frobnicate")
    assert done.returncode == ExitCode.USAGE
    assert "No such command" in done.stderr


def test_the_program_ends_its_process_with_the_code_of_the_problem(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from syncengine.cli import main; main()", "integration", "show"],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env=os.environ
        | {"SYNCENGINE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"},
    )
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr.splitlines() == [
        "integration_unknown: there is no integration yet",
        "  → Create one: `syncengine integration create`.",
    ]
