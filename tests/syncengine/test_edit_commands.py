"""Commands that change what is in the CRM: companies, contacts, addresses, codes, links, fields, rights."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from syncengine.commands.words import (
    CONFLICTS,
    ERRORS,
    KINDS,
    LINES,
    REASONS,
    RIGHTS,
    SIDES,
)
from syncengine.core.likeness import Reason
from syncengine.core.plan import LineKind
from syncengine.errors import ExitCode
from syncengine.model import (
    Account,
    Company,
    ConflictState,
    CycleKind,
    FreeFieldDefinition,
    FreeFieldState,
    Integration,
    JournalEntry,
    Link,
    Right,
    Side,
    SyncErrorState,
    Territory,
    User,
)
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.commanding import Run, Terminal
from tests.syncengine.conftest import NOW

TYPES = {"client": "client", "supplier": "supplier", "prospect": "client", "partner": None}


@pytest.fixture
def crm(store: Store) -> Store:
    """An integration, a linked Company 'LIE', an orphan tiers 'SEUL', two users and a territory."""
    with store.writing() as session:
        link = records.integration(session, company_types=TYPES)
        company = records.company(session, code="LIE", name="Liée")
        _tiers(session, link, code="LIE", name="Liée", company_id=company.id, is_main=True)
        _tiers(session, link, code="SEUL", name="Orpheline")
        session.add_all(User(login=login, name=login.title(), created_at=NOW) for login in ("claire", "paul"))
        session.add(Territory(name="Ouest"))
    return store


def _tiers(session: Any, link: Integration, **values: Any) -> None:
    account = records.account(session, link, **values)
    place = {"integration_id": link.id, "entity": "account", "local_id": account.id, "erp_key": account.code}
    session.add(Link(**place, erp_version="1", base="{}"))


def company(store: Store, name: str) -> Company:
    with store.reading() as session:
        return session.scalars(select(Company).where(Company.name == name)).one()


@pytest.mark.req("CRM-28", "CRM-32", "CRM-37")
def test_a_company_is_created_edited_and_deleted_by_the_names_people_know(crm: Store, run: Run) -> None:
    made = run("company", "create", "Intitulé=Neuve", "type de société=Prospect", "responsable=paul", "Secteur=Ouest")
    assert made.code == ExitCode.OK, made.err
    number = company(crm, "Neuve").id
    assert made.out.startswith(f"Société n° {number} créée : ")
    shown = run("company", "show", f"id:{number}", "--json").json
    assert (shown["manager"], shown["territory"], shown["company_type"]) == ("Paul", "Ouest", "prospect")

    edited = run(
        "company", "edit", f"id:{number}", "SIRET=123", "Statut=Inactif", "responsable=", "--json", "--as", "paul"
    )
    assert set(edited.json["changed"]) == {"siret", "status", "manager_id"}
    assert edited.err.startswith("! SIRET: ")
    assert run("company", "edit", f"id:{number}", "siret=123").out == f"Société n° {number} rien à changer\n"
    with crm.reading() as session:
        assert {by for by in session.scalars(select(JournalEntry.by)) if by} == {"paul"}

    asked = run("company", "delete", f"id:{number}")
    assert (asked.code, asked.problem) == (ExitCode.USAGE, "not_confirmed")
    linked = run("company", "delete", "LIE", "--yes")
    assert (linked.code, linked.problem) == (ExitCode.USAGE, "company_linked")
    assert run("company", "delete", f"id:{number}", "--yes", "--json").json == {"deleted": number}
    gone = run("company", "show", f"id:{number}")
    assert (gone.code, gone.problem) == (ExitCode.USAGE, "company_unknown")
    assert run("journal", "company", f"id:{number}").code == ExitCode.OK


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("name",), "input_refused"),
        (("name=A", "name=B"), "input_refused"),
        (("colour=blue",), "unknown_field"),
        (("Tiers payeur=X",), "read_only_field"),
        (("name=",), "field_required"),
        (("status=maybe",), "unknown_value"),
        (("manager=nobody",), "unknown_user"),
        (("territory=Lune",), "unknown_value"),
        (("comp_rien=1",), "unknown_field"),
        (("name=" + "x" * 200,), "too_long"),
        (("name=A", "--as", "nobody"), "unknown_user"),
    ],
)
def test_an_edit_that_is_wrong_is_refused_with_what_to_do_and_nothing_is_written(
    crm: Store, run: Run, given: tuple[str, ...], code: str
) -> None:
    done = run("company", "edit", "LIE", *given)
    assert (done.code, done.out, done.problem) == (ExitCode.USAGE, "", code)
    assert "→" in done.err
    with crm.reading() as session:
        assert session.scalars(select(JournalEntry)).all() == []


@pytest.mark.req("CRM-38", "CRM-39", "CRM-44")
def test_contacts_and_addresses_are_added_changed_chosen_and_removed(crm: Store, run: Run) -> None:
    first = run("contact", "add", "LIE", "Nom=Premier", "Portable=0600000000", "E-mail=a@b.fr", "--json").json
    assert first["marked"] is True
    second = run("contact", "add", "LIE", "LastName=Second", "--json").json
    street = run("address", "add", "LIE", "Ville=Brest", "--json").json
    other = run("address", "add", "LIE", "Ville=Sète", "title=Quai", "--json").json

    edited = run("contact", "edit", str(first["id"]), "mobile=", "Prénom=Ana")
    assert edited.out == f"Contact n° {first['id']} modifié : Prénom, Portable (part à Sage 100 au prochain cycle)\n"
    for arguments in (
        ("contact", "set-default", str(second["id"])),
        ("contact", "set-address", str(first["id"]), str(other["id"])),
        ("contact", "share-main-address", str(second["id"])),
        ("address", "edit", str(other["id"]), "Code postal=34200"),
    ):
        assert run(*arguments).code == ExitCode.OK
    shown = run("company", "show", "LIE", "--json").json
    ana, secondary = sorted(shown["contacts"], key=lambda contact: contact["id"])
    assert (ana["first_name"], ana["email"], ana["default_address_id"]) == ("Ana", "a@b.fr", other["id"])
    assert (secondary["is_default"], secondary["default_address_id"]) == (True, street["id"])
    assert [address["postcode"] for address in shown["addresses"]] == [None, "34200"]

    kept = run("address", "remove", str(street["id"]))
    assert (kept.code, kept.problem) == (ExitCode.USAGE, "billing_address")
    chosen = run("address", "set-default", str(other["id"]))
    assert (chosen.code, chosen.problem) == (ExitCode.USAGE, "billing_address")
    assert run("address", "remove", str(other["id"])).out.startswith(f"Adresse n° {other['id']} supprimée")
    assert run("contact", "remove", str(first["id"])).code == ExitCode.OK
    assert len(run("company", "show", "LIE", "--json").json["contacts"]) == 1
    unknown = run("contact", "edit", "999", "Nom=X")
    assert (unknown.code, unknown.problem) == (ExitCode.USAGE, "contact_unknown")


@pytest.mark.req("CRM-20", "CRM-21", "CRM-30", "CRM-31", "CRM-34", "CRM-61")
def test_codes_links_and_orphans(crm: Store, run: Run) -> None:
    run("company", "create", "name=Libre", "company_type=client")
    number = company(crm, "Libre").id
    taken = run("company", "set-code", f"id:{number}", "lie")
    assert (taken.code, taken.problem) == (ExitCode.USAGE, "code_in_use")
    assert run("company", "set-code", f"id:{number}", "libre1").out == f"Société n° {number} : code comptable LIBRE1\n"

    (orphan,) = run("company", "orphans", "--json").json["items"]
    assert (orphan["code"], run("company", "secondary", "--json").json["items"]) == ("SEUL", [])
    made = run("company", "create-company", "SEUL", "--json").json
    assert run("company", "show", "SEUL", "--json").json["id"] == made["company_id"]
    assert run("company", "create-company").code == ExitCode.USAGE

    broken = run("company", "break-link", "LIE")
    assert (broken.code, "lien rompu" in broken.out) == (ExitCode.OK, True)
    tiers = run("company", "orphans", "--json").json["items"][0]["account_id"]
    asked = run("company", "link", "LIBRE1", "LIE")
    assert (asked.code, asked.problem) == (ExitCode.USAGE, "not_confirmed")
    run("rights", "withdraw", "claire", "reassign")
    refused = run("company", "link", "LIBRE1", "LIE", "--yes", "--as", "claire")
    assert (refused.code, refused.problem) == (ExitCode.USAGE, "right_withdrawn")
    linked = run("company", "link", "LIBRE1", f"id:{tiers}", "--yes")
    assert linked.out.startswith(f"Société n° {number} liée au tiers id:{tiers}")
    assert run("company", "show", "LIE", "--json").json["id"] == number
    run("company", "create", "name=Autre", "company_type=client")
    other = company(crm, "Autre").id
    moved = run("company", "reassign", f"id:{number}", f"id:{other}", "--yes", "--json")
    assert (moved.json["company_id"], moved.json["former_company_id"]) == (other, number)
    nobody = run("company", "link", "LIE", "PERSONNE", "--yes")
    assert (nobody.code, nobody.problem) == (ExitCode.USAGE, "account_unknown")


@pytest.mark.req("CRM-31", "CRM-32", "CRM-33")
def test_differences_are_shown_and_repaired_and_likely_duplicates_found_and_merged(crm: Store, run: Run) -> None:
    with crm.writing() as session:
        session.scalars(select(Account).where(Account.code == "LIE")).one().short_name = "ANCIEN"
    (differing,) = run("company", "differences", "--json").json["items"]
    assert (differing["code"], differing["differences"][0]["field"]) == ("LIE", "short_name")
    assert run("company", "differences", "LIE").out.split()[-2:] == ["Abrégé", "ANCIEN"]
    asked = run("company", "align-company", "LIE")
    assert (asked.code, asked.problem) == (ExitCode.USAGE, "not_confirmed")
    assert run("company", "align-company", "LIE", "--yes").code == ExitCode.OK
    assert company(crm, "Liée").short_name == "ANCIEN"
    with crm.writing() as session:
        session.scalars(select(Company).where(Company.code == "LIE")).one().short_name = None
    assert run("company", "align-account", "LIE", "--yes", "--json").json["marked"] is True
    assert run("company", "differences", "--json").json["items"] == []

    for number in (1, 2):
        run("company", "create", "name=Double SARL", "company_type=client", f"siret=7320298110001{number}")
    with crm.reading() as session:
        kept, gone = session.scalars(select(Company.id).where(Company.name == "Double SARL")).all()
    found = run("company", "duplicates", f"id:{kept}")
    assert (str(gone) in found.out, "SIREN" in found.out) == (True, True)
    assert run("company", "merge", f"id:{kept}", f"id:{gone}", "--yes").code == ExitCode.OK
    assert company(crm, "Double SARL").id == kept


@pytest.mark.parametrize(
    ("typed", "code", "problem"),
    [("n\n", ExitCode.USAGE, "not_confirmed"), ("", ExitCode.INTERRUPTED, "interrupted"), ("y\n", ExitCode.OK, None)],
)
def test_somebody_at_a_terminal_is_asked_before_what_is_not_taken_back_easily(
    crm: Store, run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, code: ExitCode, problem: str | None
) -> None:
    run("company", "create", "name=Libre", "company_type=client")
    number = company(crm, "Libre").id
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    done = run("company", "delete", f"id:{number}")
    assert (done.code, "Delete the company" in done.err) == (code, True)
    assert problem is None or f"{problem}: " in done.err
    assert (run("company", "show", f"id:{number}").code == ExitCode.OK) is (problem is not None)


@pytest.mark.req("CRM-46", "CRM-47")
def test_own_fields_are_defined_replicated_filled_and_struck_ones_removed(crm: Store, run: Run) -> None:
    assert run("fields", "define", "segment", "Segment de marché").code == ExitCode.OK
    twice = run("fields", "define", "segment", "Encore")
    assert (twice.code, twice.problem) == (ExitCode.USAGE, "custom_field_known")
    run("company", "edit", "LIE", "comp_segment=Grands comptes")
    assert run("fields", "add-pair", "comp_segment", "--json").json == {"name": "segment", "accounts": 1}
    (mapping,) = [row for row in run("fields", "--json").json if row["field"] == "segment"]
    assert mapping["replicated"] is True
    with crm.reading() as session:
        kept = session.scalars(select(Account).where(Account.code == "LIE")).one().custom
    assert kept == {"segment": "Grands comptes"}
    assert run("fields", "remove-pair", "acc_segment").code == ExitCode.OK

    with crm.writing() as session:
        (of,) = session.scalars(select(Integration.id))
        state = FreeFieldState.NO_LONGER_REPLICATED
        session.add(FreeFieldDefinition(integration_id=of, name="Origine", type="text", state=state))
        session.scalars(select(Company).where(Company.code == "LIE")).one().free_values = {"Origine": "Salon"}
    removed = run("fields", "remove-struck")
    assert removed.out == "Origine (Texte) ; valeurs retirées de 1 sociétés et 0 tiers\n"
    assert company(crm, "Liée").free_values is None


@pytest.mark.req("CRM-61")
def test_rights_are_withdrawn_and_given_back(crm: Store, run: Run) -> None:
    assert run("rights", "withdraw", "claire", "break_link").out == "claire : Rompre le lien retiré\n"
    refused = run("company", "break-link", "LIE", "--as", "claire")
    assert (refused.code, refused.problem) == (ExitCode.USAGE, "right_withdrawn")
    listed = {user["login"]: user["withdrawn"] for user in run("rights", "list", "--json").json}
    assert listed == {"claire": ["break_link"], "paul": []}
    assert run("rights", "grant", "claire", "break_link", "--json").json["granted"] is True
    assert run("company", "break-link", "LIE", "--as", "claire").code == ExitCode.OK
    assert run("rights", "withdraw", "claire", "everything").code == ExitCode.USAGE
    nobody = run("rights", "grant", "nobody", "break_link")
    assert (nobody.code, nobody.problem) == (ExitCode.USAGE, "unknown_user")


@pytest.mark.req("CRM-18", "NEW-03", "NEW-06")
def test_policies_guards_and_tolerance_are_set_while_deactivated_and_checked(crm: Store, run: Run) -> None:
    for arguments in (
        ("policy", "all", "ask"),
        ("guard", "crm.change", "--off"),
        ("modify", "--set", "clock_tolerance_s=9"),
    ):
        locked = run("integration", *arguments)
        assert (locked.code, locked.problem) == (ExitCode.USAGE, "settings_locked")
    run("integration", "deactivate")

    for given, code in (
        (("policy", "contact.phone"), "input_refused"),
        (("policy", "contact.colour", "ask"), "unknown_field"),
        (("policy", "account.payer", "ask"), "field_from_erp"),
        (("policy", "contact.phone", "maybe"), "unknown_policy"),
        (("guard", "crm.change"), "input_refused"),
        (("guard", "crm.nothing", "--off"), "unknown_guard"),
        (("guard", "crm.change", "--percent", "101"), "guard_invalid"),
        (("guard", "crm.change", "--count", "5", "--off"), "input_refused"),
        (("modify", "--set", "clock_tolerance_s=-1"), "integration_invalid"),
        (("modify", "--set", 'policies={"": "maybe"}'), "unknown_policy"),
        (("modify", "--set", 'guards={"crm.change": {"count": -1}}'), "guard_invalid"),
    ):
        refused = run("integration", *given)
        assert (refused.code, refused.problem) == (ExitCode.USAGE, code), given

    run("integration", "policy", "all", "crm_wins")
    assert run("integration", "policy", "contact.phone", "ask", "--json").json == {
        "": "crm_wins",
        "contact.phone": "ask",
    }
    assert run("integration", "policy", "all", "default", "--json").json == {"contact.phone": "ask"}
    assert "Sage 100 l'emporte" in run("integration", "policy").out
    run("integration", "guard", "erp.create", "--off")
    limits = run("integration", "guard", "crm.change", "--count", "5", "--percent", "2.5", "--json").json
    assert (limits["crm.change"], limits["erp.create"]) == ({"count": 5, "percent": 2.5}, None)
    assert run("integration", "guard", "erp.create", "--default", "--json").json["erp.create"]["count"] == 100
    run("integration", "modify", "--set", "clock_tolerance_s=9")
    shown = run("integration", "show").out.splitlines()
    assert "policies               contact.phone=ask" in shown
    assert "clock_tolerance_s      9" in shown
    assert "guards                 crm.change=5 tiers and 2.5 %" in shown


def test_there_is_a_french_word_for_everything_that_commands_show() -> None:
    assert SIDES.keys() == set(Side)
    assert KINDS.keys() == set(CycleKind)
    assert LINES.keys() == set(LineKind)
    assert CONFLICTS.keys() == set(ConflictState)
    assert ERRORS.keys() == set(SyncErrorState)
    assert RIGHTS.keys() == set(Right)
    assert REASONS.keys() == set(Reason)
