"""``syncengine company`` and ``syncengine fields``: what they print and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.tables import BILLING
from syncengine.commands.words import ERP_STATES, FREE_TYPES, LINKS, STATUSES
from syncengine.core.marker import MARKER
from syncengine.errors import ExitCode
from syncengine.model import Address, ErpState, LinkState, RecordStatus
from syncengine.storage.store import open_store
from tests.syncengine import records
from tests.syncengine.commanding import Run
from tests.syncengine.world import world


@pytest.mark.req("CRM-43", "CRM-46", "CRM-48")
def test_companies_are_listed_and_shown_in_french_and_as_json(run: Run, tmp_path: Path, database_url: str) -> None:
    with world(tmp_path, database_url, tiers=10, documents=3.0) as made:
        made.cycle()
        (account, *_) = [row for row in made.rows("accounts", type="client") if not row["fax"]]
        with_origin = {row["code"] for row in made.rows("companies") if "Salon" in str(row["free_values"])}

    done = run("company", "list", "--json", "--limit", "4")
    page: dict[str, Any] = done.json
    assert (done.code, len(page["items"])) == (ExitCode.OK, 4)
    rest = run("company", "list", "--json", "--after", page["after"]).json
    assert (len(rest["items"]), rest["after"]) == (6, None)
    found = run("company", "list", "--json", "--free", "Origine=salon").json
    assert {item["code"] for item in found["items"]} == with_origin != set()
    listed = run("company", "list", account["code"]).out
    assert listed.splitlines()[0].split()[:3] == ["N°", "Code", "comptable"]
    assert "lié à Sage 100" in listed

    lines = run("company", "show", account["code"]).out.splitlines()
    assert any(line.split() == ["Fax", *MARKER.split()] for line in lines)
    assert {"Adresses", "Contacts", "Informations libres", "Champs statistiques", "Chiffre d'affaires"} <= set(lines)
    shown = run("company", "show", account["code"], "--json").json
    assert (shown["code"], shown["fax"], shown["tiers"]["link_state"]) == (account["code"], MARKER, "linked")
    assert run("company", "show", f"id:{shown['id']}", "--json").json == shown


def test_what_cannot_be_shown_ends_with_a_usage_error_and_what_to_do(run: Run) -> None:
    for arguments, told in (
        (("company", "show", "PERSONNE"), "company_unknown"),
        (("company", "show", "id:7"), "company_unknown"),
        (("company", "show", "id:seven"), "input_refused"),
        (("company", "list", "--free", "Origine"), "input_refused"),
        (("company", "list", "--free", "Origine=Salon"), "free_field_unknown"),
        (("company", "list", "--after", "?"), "input_refused"),
    ):
        done = run(*arguments)
        assert (done.code, done.out, done.problem) == (ExitCode.USAGE, "", told)
        assert "→" in done.err


def test_a_name_with_brackets_and_colons_is_printed_as_it_is(run: Run, database_url: str) -> None:
    store = open_store(database_url)
    with store.writing() as session:
        made = records.company(session, code="CROCHET", name="ACME [/b] [red] :car:").id
        session.add(Address(company_id=made, kind=BILLING, is_default=True, town="[/]"))
    store.close()
    for arguments in (("list",), ("show", "CROCHET")):
        done = run("company", *arguments)
        assert done.code == ExitCode.OK
        assert "ACME [/b] [red] :car:" in done.out
        assert "[/]" in done.out


@pytest.mark.req("CRM-03", "CRM-47")
def test_the_fields_are_listed_with_their_mapping(run: Run) -> None:
    rows = run("fields", "--json").json
    (siret,) = [row for row in rows if row["field"] == "Siret"]
    assert (siret["erp"], siret["account"], siret["company"], siret["flow"], siret["requirement"]) == (
        *("F_COMPTET.CT_Siret", "accounts.siret", "companies.siret"),
        *("both", "CRM-37"),
    )
    lines = run("fields").out.splitlines()
    assert len(lines) == len(rows) + 1
    (payer,) = [line for line in lines if "Tiers.Payer" in line]
    assert "ERP → CRM" in payer


def test_there_is_a_french_word_for_every_state() -> None:
    assert STATUSES.keys() == set(RecordStatus)
    assert LINKS.keys() == set(LinkState)
    assert ERP_STATES.keys() == set(ErpState)
    assert set(FREE_TYPES) == {"text", "date", "datetime", "value", "amount", "list"}
