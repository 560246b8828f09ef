"""``syncengine company`` and ``syncengine fields``: what they print and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from contracts.tables import BILLING
from syncengine.cli import main
from syncengine.company_commands import ERP_STATES, FREE_TYPES, LINKS, STATUSES
from syncengine.errors import ExitCode
from syncengine.marker import MARKER
from syncengine.model import Address, ErpState, LinkState, RecordStatus
from syncengine.store import open_store
from tests.syncengine import records
from tests.syncengine.world import world

Run: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on that base: exit code, standard output, standard error."""
    monkeypatch.setenv("SYNCENGINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SYNCENGINE_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "400")

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["syncengine", *arguments])
        capsys.readouterr()  # what the gateway said before
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


@pytest.mark.req("CRM-43", "CRM-46", "CRM-48")
def test_companies_are_listed_and_shown_in_french_and_as_json(run: Run, tmp_path: Path, database_url: str) -> None:
    with world(tmp_path, database_url, tiers=10, documents=3.0) as made:
        made.cycle()
        (account, *_) = [row for row in made.rows("accounts", type="client") if not row["fax"]]
        with_origin = {row["code"] for row in made.rows("companies") if "Salon" in str(row["free_values"])}

    code, out, _ = run("company", "list", "--json", "--limit", "4")
    page: dict[str, Any] = json.loads(out)
    assert (code, len(page["items"])) == (ExitCode.OK, 4)
    rest = json.loads(run("company", "list", "--json", "--after", page["after"])[1])
    assert (len(rest["items"]), rest["after"]) == (6, None)
    found = json.loads(run("company", "list", "--json", "--free", "Origine=salon")[1])
    assert {item["code"] for item in found["items"]} == with_origin != set()
    listed = run("company", "list", account["code"])[1]
    assert listed.splitlines()[0].split()[:2] == ["Code", "comptable"]
    assert "lié à Sage 100" in listed

    code, out, _ = run("company", "show", account["code"])
    assert code == ExitCode.OK
    lines = out.splitlines()
    assert any(line.split() == ["Fax", *MARKER.split()] for line in lines)
    assert {"Adresses", "Contacts", "Informations libres", "Champs statistiques", "Chiffre d'affaires"} <= set(lines)
    shown = json.loads(run("company", "show", account["code"], "--json")[1])
    assert (shown["code"], shown["fax"], shown["tiers"]["link_state"]) == (account["code"], MARKER, "linked")
    assert json.loads(run("company", "show", "--id", str(shown["id"]), "--json")[1]) == shown


def test_what_cannot_be_shown_ends_with_a_usage_error_and_what_to_do(run: Run) -> None:
    for arguments, told in (
        (("company", "show", "PERSONNE"), "company_unknown"),
        (("company", "show", "--id", "7"), "company_unknown"),
        (("company", "show"), "input_refused"),
        (("company", "show", "A", "--id", "7"), "input_refused"),
        (("company", "list", "--free", "Origine"), "input_refused"),
        (("company", "list", "--free", "Origine=Salon"), "free_field_unknown"),
        (("company", "list", "--after", "?"), "input_refused"),
    ):
        code, out, error = run(*arguments)
        assert (code, out, error.split(":")[0]) == (ExitCode.USAGE, "", told)
        assert "→" in error


def test_a_name_with_brackets_and_colons_is_printed_as_it_is(run: Run, database_url: str) -> None:
    store = open_store(database_url)
    with store.writing() as session:
        made = records.company(session, code="CROCHET", name="ACME [/b] [red] :car:").id
        session.add(Address(company_id=made, kind=BILLING, is_default=True, town="[/]"))
    store.close()
    for arguments in (("list",), ("show", "CROCHET")):
        code, out, _ = run("company", *arguments)
        assert code == ExitCode.OK
        assert "ACME [/b] [red] :car:" in out
        assert "[/]" in out


@pytest.mark.req("CRM-03", "CRM-47")
def test_the_fields_are_listed_with_their_mapping(run: Run) -> None:
    rows = json.loads(run("fields", "--json")[1])
    (siret,) = [row for row in rows if row["field"] == "Siret"]
    assert (siret["erp"], siret["account"], siret["company"], siret["flow"], siret["requirement"]) == (
        *("F_COMPTET.CT_Siret", "accounts.siret", "companies.siret"),
        *("both", "CRM-37"),
    )
    lines = run("fields")[1].splitlines()
    assert len(lines) == len(rows) + 1
    (payer,) = [line for line in lines if "Tiers.Payer" in line]
    assert "ERP → CRM" in payer


def test_there_is_a_french_word_for_every_state() -> None:
    assert STATUSES.keys() == set(RecordStatus)
    assert LINKS.keys() == set(LinkState)
    assert ERP_STATES.keys() == set(ErpState)
    assert set(FREE_TYPES) == {"text", "date", "datetime", "value", "amount", "list"}
