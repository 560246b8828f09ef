"""Companies as people create and change them: checked, replicated to the Account at once, marked, journalled."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select

from contracts.fields import Flow
from contracts.tables import TIERS
from syncengine.core.marker import MARKER
from syncengine.crm.edits import Act, create_company, delete_company, edit_company, merge_companies
from syncengine.model import (
    Account,
    Address,
    AssignmentRule,
    CodeMode,
    Company,
    Contact,
    Email,
    ErpState,
    JournalEntry,
    Link,
    LinkState,
    Opportunity,
    Phone,
    RecordStatus,
    Side,
    SyncError,
    SyncErrorState,
    Territory,
)
from syncengine.model.journal import Rule
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.conftest import NOW
from tests.syncengine.tied import ACT, LATER, Tied, count, get, lines, marked, offers, pair, refusal, tied

CHILDREN: tuple[type[Any], ...] = (Contact, Address, Phone, Email)


@pytest.fixture
def made(store: Store) -> Tied:
    """A linked Company."""
    with store.writing() as session:
        return tied(session)


def numbers(session: Any, made: Tied) -> dict[str, str]:
    rows = [*session.scalars(select(Phone).where(Phone.contact_id.is_(None)))]
    emails = [*session.scalars(select(Email).where(Email.contact_id.is_(None)))]
    return {row.kind.value: row.number for row in rows} | {row.kind.value: row.address for row in emails}


@pytest.mark.req("CRM-28")
def test_an_edit_is_on_the_account_at_once_marks_the_link_and_is_in_the_journal(store: Store, made: Tied) -> None:
    with store.writing() as session:
        done = edit_company(
            session, made.company, {"name": "  BIJOU\tSAS ", "web_site": "bijou.fr", "siret": None}, ACT
        )

        company, account = pair(session, made)
        assert (company.name, account.name) == ("BIJOU SAS", "BIJOU SAS")
        assert (company.web_site, account.web_site) == ("bijou.fr", "bijou.fr")
        assert (company.siret, account.siret) == (None, None)
        assert company.updated_at == account.updated_at == LATER
        assert get(session, Link, made.link).changed_at == LATER
        assert (done.id, set(done.changed), done.warnings, done.marked) == (
            *(made.company, {"name", "web_site", "siret"}, (), True),
        )
        assert sorted(lines(session), key=str) == sorted(
            (
                (entity, field, before, after, rule)
                for field, before, after in (
                    ("name", "BIJOU SA", "BIJOU SAS"),
                    ("web_site", None, "bijou.fr"),
                    ("siret", "73282932000074", None),
                )
                for entity, rule in (("company", "edited"), ("account", "replicated"))
            ),
            key=str,
        )
        entry = session.scalars(select(JournalEntry)).first()
        assert entry is not None
        assert (entry.by, entry.cycle_id, entry.at, entry.side, entry.erp_key) == (
            *("claire", None, LATER, Side.CRM, "BIJOU"),
        )


@pytest.mark.req("CRM-28")
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"name": "BIJOU SA", "siret": "732 829 320 00074", "phone": f" {MARKER}01 ", "status": "active"},
        {"short_name": "", "fax": MARKER, "contact_person": " "},
        {"payer": None, "code": "BIJOU"},
    ],
)
def test_an_edit_that_changes_nothing_writes_nothing_and_marks_nothing(
    store: Store, made: Tied, values: dict[str, Any]
) -> None:
    with store.writing() as session:
        done = edit_company(session, made.company, values, ACT)

        assert (done.changed, done.marked) == ((), False)
        assert not marked(session, made)
        assert lines(session) == []
        assert [row.updated_at for row in pair(session, made)] == [NOW, NOW]


@pytest.mark.req("CRM-39", "CRM-43")
def test_numbers_are_rows_and_columns_of_the_account_and_the_marker_never_gets_in(store: Store, made: Tied) -> None:
    values = {"phone": f"{MARKER}01 44 55 66 77", "fax": "02", "email": MARKER}
    with store.writing() as session:
        done = edit_company(session, made.company, values, ACT)

        account = get(session, Account, made.account)
        assert (account.phone, account.fax, account.email) == ("01 44 55 66 77", "02", None)
        assert numbers(session, made) == {"standard": "01 44 55 66 77", "fax": "02"}
        assert set(done.changed) == {"phone", "fax", "email"}
        assert done.marked
        owners = {(row.company_id, row.account_id) for row in session.scalars(select(Phone))}
        assert owners == {(made.company, made.account)}
        assert ("company", "email", "a@bijou.fr", None, "edited") in lines(session)
        assert ("account", "phone", "01", "01 44 55 66 77", "replicated") in lines(session)


REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"name": "x" * 200}, "too_long", "name"),
    ({"email": "x" * 300}, "too_long", "email"),
    ({"name": "x" * 70}, "too_long", "name"),
    ({"name": " "}, "field_required", "name"),
    ({"name": "BIJOU\x07"}, "control_character", "name"),
    ({"name": "BIJOU\x00"}, "control_character", "name"),
    ({"web_site": "\ud800"}, "control_character", "web_site"),
    ({"name": 7}, "not_a_text", "name"),
    ({"nom": "x"}, "unknown_field", "nom"),
    ({"type": "supplier"}, "unknown_field", "type"),
    ({"dormant": True}, "unknown_field", "dormant"),
    ({"custom.budget": "1"}, "unknown_field", "custom.budget"),
    ({"currency": "9"}, "unknown_value", "currency"),
    ({"price_category": "x"}, "unknown_value", "price_category"),
    ({"accounting_category": "7"}, "unknown_value", "accounting_category"),
    ({"language": "7"}, "unknown_value", "language"),
    ({"representative": "9"}, "unknown_representative", "representative"),
    ({"representative": "77"}, "unknown_representative", "representative"),
    ({"status": "asleep"}, "unknown_value", "status"),
    ({"company_type": ""}, "field_required", "company_type"),
    ({"company_type": "friend"}, "unknown_value", "company_type"),
    ({"manager_id": 2**70}, "unknown_user", "manager_id"),
    ({"manager_id": "claire"}, "unknown_user", "manager_id"),
    ({"territory_id": 99}, "unknown_value", "territory_id"),
)


@pytest.mark.req("CRM-28", "CRM-37")
def test_what_breaks_a_rule_is_refused_with_record_field_and_remedy_and_the_rest_of_the_edit_with_it(
    store: Store, made: Tied
) -> None:
    for values, code, field in REFUSED:
        problem = refusal(
            store, partial(edit_company, company_id=made.company, values={"short_name": "B"} | values, act=ACT)
        )

        assert (problem.problem_code, problem.field, problem.record) == (code, field, "BIJOU")


@pytest.mark.req("CRM-28")
def test_a_company_that_does_not_exist_is_refused(store: Store, made: Tied) -> None:
    for company_id in (99, 0, -1, 2**70):
        problem = refusal(store, partial(edit_company, company_id=company_id, values={"name": "x"}, act=ACT))

        assert problem.problem_code == "company_unknown"


@pytest.mark.req("CRM-40")
def test_what_only_the_erp_changes_is_refused(store: Store, made: Tied) -> None:
    down = {known.attr for known in TIERS.fields if known.flow is Flow.FROM_ERP} - {"version", "modified"}
    assert {"payer", "collective_account", "payment_terms", "risk_label", "risk_action", "statistic10"} <= down
    for attr in down:
        problem = refusal(store, partial(edit_company, company_id=made.company, values={attr: "X"}, act=ACT))

        assert (problem.problem_code, problem.field) == ("read_only_field", attr)
        assert "Sage 100" in problem.remedy


@pytest.mark.req("CRM-20")
def test_the_code_of_a_linked_company_stays(store: Store, made: Tied) -> None:
    problem = refusal(store, lambda session: edit_company(session, made.company, {"code": "AUTRE"}, ACT))

    assert problem.problem_code == "code_locked"


@pytest.mark.req("CRM-35")
def test_a_linked_company_keeps_to_types_of_its_kind_of_tiers(store: Store, made: Tied) -> None:
    problem = refusal(store, lambda session: edit_company(session, made.company, {"company_type": "supplier"}, ACT))
    assert (problem.problem_code, problem.field) == ("other_tiers_type", "company_type")

    for company_type in ("prospect", "partner", "client"):
        with store.writing() as session:
            done = edit_company(session, made.company, {"company_type": company_type}, ACT)
            assert get(session, Company, made.company).company_type == company_type
            # The type of a tiers is the ERP's: nothing travels.
            assert not done.marked


@pytest.mark.req("CRM-37")
@pytest.mark.parametrize(
    ("siret", "kept", "warned"),
    [
        ("732 829 320 00074", "73282932000074", False),
        ("732 829 320 00075", "73282932000075", True),
        ("35600000000048", "35600000000048", False),
        ("FR-12", "FR12", True),
    ],
)
def test_a_siret_is_kept_without_blanks_and_a_wrong_check_digit_is_a_warning(
    store: Store, made: Tied, siret: str, kept: str, *, warned: bool
) -> None:
    with store.writing() as session:
        edit_company(session, made.company, {"siret": None}, ACT)
        done = edit_company(session, made.company, {"siret": siret}, ACT)

        assert [row.siret for row in pair(session, made)] == [kept, kept]
        assert bool(done.warnings) is warned


@pytest.mark.req("CRM-37")
def test_characters_sage_100_cannot_hold_are_kept_here_and_told(store: Store, made: Tied) -> None:
    with store.writing() as session:
        done = edit_company(session, made.company, {"name": "Łódź ☃", "contact_person": "Éloïse Œuvré"}, ACT)

        assert [row.name for row in pair(session, made)] == ["Łódź ☃"] * 2
        (warning,) = done.warnings
        assert "Lódz ?" in warning


@pytest.mark.req("CRM-32")
def test_making_a_company_inactive_makes_its_account_inactive_and_the_tiers_dormant(store: Store, made: Tied) -> None:
    with store.writing() as session:
        done = edit_company(session, made.company, {"status": "inactive"}, ACT)

        company, account = pair(session, made)
        assert (company.status, account.status, account.dormant) == (RecordStatus.INACTIVE, RecordStatus.INACTIVE, True)
        assert done.marked
    with store.writing() as session:
        edit_company(session, made.company, {"status": RecordStatus.ACTIVE}, ACT)
        account = get(session, Account, made.account)
        assert (account.status, account.dormant) == (RecordStatus.ACTIVE, False)


@pytest.mark.req("CRM-28")
@pytest.mark.parametrize("state", [*LinkState, None])
def test_a_link_that_may_come_back_keeps_the_mark_and_without_one_there_is_none(
    store: Store, state: LinkState | None
) -> None:
    with store.writing() as session:
        made = tied(session, link={"state": state or LinkState.LINKED})
        if state is None:
            session.delete(get(session, Link, made.link))
            session.flush()
        done = edit_company(session, made.company, {"name": "Autre"}, ACT)

        assert done.marked is (state is not None)
        assert state is None or marked(session, made)
        assert [row.name for row in pair(session, made)] == ["Autre", "Autre"]


@pytest.mark.req("CRM-28", "CRM-49")
def test_an_edit_of_a_tiers_that_waits_to_be_created_sends_again_what_the_erp_refused(store: Store) -> None:
    with store.writing() as session:
        made = tied(session, account={"erp_state": ErpState.AWAITED})
        session.delete(get(session, Link, made.link))
        error = {
            "integration_id": made.integration,
            "entity": "account",
            "erp_key": "BIJOU",
            "code": "x",
            "message": "x",
        }
        session.add(SyncError(**error, side=Side.ERP, local_id=made.account, first_at=NOW, last_at=NOW))
        session.flush()
        assert not edit_company(session, made.company, {"manager_id": made.other_manager}, ACT).marked
        assert session.scalars(select(SyncError.state)).all() == [SyncErrorState.OPEN]

        done = edit_company(session, made.company, {"name": "Autre"}, ACT)

        assert not done.marked
        assert session.scalars(select(SyncError.state)).all() == [SyncErrorState.RETRY]
        assert get(session, Account, made.account).name == "Autre"


@pytest.mark.req("NEW-04")
def test_undo_writes_under_its_own_rule_and_cycle_and_nothing_follows(store: Store) -> None:
    with store.writing() as session:
        made = tied(session, representative_rule=AssignmentRule.AUTOMATIC)
        edit_company(
            session,
            made.company,
            {"manager_id": made.other_manager},
            Act(at=LATER, by="paul", rule=Rule.UNDONE, cycle_id=4),
        )

        (entry,) = session.scalars(select(JournalEntry))
        assert (entry.rule, entry.cycle_id, entry.by, entry.field) == ("undone", 4, "paul", "manager_id")


@pytest.mark.req("CRM-17")
@pytest.mark.parametrize(
    ("rule", "present", "expected"),
    [
        (AssignmentRule.AUTOMATIC, "7", "8"),
        (AssignmentRule.AUTOMATIC, None, "8"),
        (AssignmentRule.IF_EMPTY, "7", "7"),
        (AssignmentRule.IF_EMPTY, None, "8"),
        (AssignmentRule.NONE, None, None),
    ],
)
def test_the_representative_follows_the_manager_as_the_rule_says(
    store: Store, rule: AssignmentRule, present: str | None, expected: str | None
) -> None:
    with store.writing() as session:
        made = tied(session, representative_rule=rule)
        edit_company(session, made.company, {"representative": present}, ACT)
        done = edit_company(session, made.company, {"manager_id": made.other_manager}, ACT)

        company, account = pair(session, made)
        assert (company.manager_id, company.representative, account.representative) == (
            *(made.other_manager, expected, expected),
        )
        assert done.marked is (present != expected)
        told = [line for line in lines(session) if line[4] == "representative_from_manager"]
        assert told == (
            [("company", "representative", present, "8", "representative_from_manager")] if done.marked else []
        )


@pytest.mark.req("CRM-17")
@pytest.mark.parametrize(
    ("rule", "moves"),
    [(AssignmentRule.AUTOMATIC, True), (AssignmentRule.IF_EMPTY, False), (AssignmentRule.NONE, False)],
)
def test_the_manager_follows_the_representative_as_the_rule_says(
    store: Store, rule: AssignmentRule, *, moves: bool
) -> None:
    with store.writing() as session:
        made = tied(session, manager_rule=rule)
        edit_company(session, made.company, {"representative": "8"}, ACT)

        assert get(session, Company, made.company).manager_id == (made.other_manager if moves else made.manager)


@pytest.mark.req("CRM-17")
def test_who_names_both_gets_both(store: Store) -> None:
    with store.writing() as session:
        made = tied(session, representative_rule=AssignmentRule.AUTOMATIC, manager_rule=AssignmentRule.AUTOMATIC)
        edit_company(session, made.company, {"representative": None, "manager_id": made.other_manager}, ACT)

        company = get(session, Company, made.company)
        assert (company.representative, company.manager_id) == (None, made.other_manager)


@pytest.mark.req("CRM-21", "CRM-23")
@pytest.mark.parametrize(
    ("mode", "shown"), [(CodeMode.FREE, "[ATTENTE]"), (CodeMode.ERP, "<AUTOERP>"), (CodeMode.CRM, None)]
)
def test_a_new_company_shows_what_its_code_waits_for(store: Store, mode: CodeMode, shown: str | None) -> None:
    with store.writing() as session:
        _, user, _ = offers(session, code_mode=mode, representative_rule=AssignmentRule.AUTOMATIC)
        values = {"name": "NEUVE", "company_type": "prospect", "phone": "01", "email": MARKER, "manager_id": user.id}
        done = create_company(session, values, ACT)

        company = get(session, Company, done.id)
        assert (company.code, company.name, company.status, company.representative) == (
            *(shown, "NEUVE", RecordStatus.ACTIVE, "7"),
        )
        assert session.get_one(Territory, company.territory_id).name == "Monde"
        assert company.created_at == LATER
        (phone,) = session.scalars(select(Phone))
        assert (phone.company_id, phone.account_id, phone.number) == (done.id, None, "01")
        assert count(session, Email) == count(session, Account) == 0
        ((entity, field, before, after, rule),) = lines(session)
        assert (entity, field, before, rule) == ("company", "", None, "edited")
        assert '"name":"NEUVE"' in str(after)
        assert not done.marked


@pytest.mark.req("CRM-21")
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"company_type": "client"}, "field_required"),
        ({"name": "NEUVE"}, "field_required"),
        ({"name": "NEUVE", "company_type": "client", "code": "bijou"}, "code_in_use"),
        ({"name": "NEUVE", "company_type": "client", "code": "A B"}, "code_invalid"),
        ({"name": "NEUVE", "company_type": "client", "payer": "BIJOU"}, "read_only_field"),
    ],
)
def test_a_new_company_that_breaks_a_rule_is_refused(
    store: Store, made: Tied, values: dict[str, Any], code: str
) -> None:
    assert refusal(store, lambda session: create_company(session, values, ACT)).problem_code == code


@pytest.mark.req("CRM-32")
@pytest.mark.parametrize("state", [LinkState.LINKED, LinkState.TAKEN_OUT, LinkState.VANISHED])
def test_a_linked_company_is_neither_deleted_nor_merged(store: Store, state: LinkState) -> None:
    with store.writing() as session:
        made = tied(session, link={"state": state})
        other = records.company(session, name="AUTRE").id
    for act in (
        lambda session: delete_company(session, made.company, ACT),
        lambda session: merge_companies(session, made.company, other, ACT),
        lambda session: merge_companies(session, other, made.company, ACT),
    ):
        problem = refusal(store, act)
        assert (problem.problem_code, problem.record) == ("company_linked", "BIJOU")


@pytest.mark.req("CRM-25", "CRM-32")
def test_a_company_whose_tiers_is_being_created_is_not_deleted(store: Store) -> None:
    with store.writing() as session:
        made = tied(session, account={"erp_state": ErpState.AWAITED})
        session.delete(get(session, Link, made.link))

    assert refusal(store, lambda session: delete_company(session, made.company, ACT)).problem_code == "company_linked"


@pytest.mark.req("CRM-32")
def test_a_company_without_tiers_goes_with_all_that_is_its_own(store: Store) -> None:
    with store.writing() as session:
        one, _ = two_companies(session)
        delete_company(session, one, ACT)

        assert session.get(Company, one) is None
        assert [count(session, entity) for entity in (Company, Contact, Address, Phone, Email)] == [1, 1, 1, 3, 0]
        gone = [(entity, field, after) for entity, field, _, after, _ in lines(session)]
        assert gone == [("contact", "", None), ("address", "", None), ("company", "", None)]
        before = [line[2] or "" for line in lines(session)]
        assert '"mobile":"06"' in before[0]
        assert '"town":"Paris"' in before[1]
        assert '"phone":"01"' in before[2]


@pytest.mark.req("CRM-32")
def test_a_company_with_opportunities_is_not_deleted(store: Store) -> None:
    with store.writing() as session:
        one, _ = two_companies(session)
        session.add(Opportunity(company_id=one, title="x", stage="x", created_at=NOW, updated_at=NOW))

    assert refusal(store, lambda session: delete_company(session, one, ACT)).problem_code == "company_in_use"


@pytest.mark.req("CRM-34")
def test_an_account_whose_link_was_broken_outlives_its_company_with_what_is_its_own(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        session.delete(get(session, Link, made.link))
        session.flush()
        delete_company(session, made.company, ACT)

        account = get(session, Account, made.account)
        assert (account.company_id, account.is_main) == (None, False)
        owners = {(row.company_id, row.account_id) for entity in CHILDREN for row in session.scalars(select(entity))}
        assert owners == {(None, made.account)}


@pytest.mark.req("CRM-32")
def test_a_merge_moves_what_hangs_on_the_company_that_goes(store: Store) -> None:
    with store.writing() as session:
        one, other = two_companies(session)
        session.add(Opportunity(company_id=other, title="x", stage="x", created_at=NOW, updated_at=NOW))
        done = merge_companies(session, one, other, replace(ACT, by="paul"))

        assert done.id == one
        assert [row.id for row in session.scalars(select(Company))] == [one]
        assert {row.company_id for row in session.scalars(select(Opportunity))} == {one}
        contacts = session.scalars(select(Contact).order_by(Contact.position)).all()
        assert [(row.last_name, row.company_id, row.is_default) for row in contacts] == [
            *(("un", one, True), ("deux", one, False)),
        ]
        addresses = session.scalars(select(Address).order_by(Address.position)).all()
        assert [(row.town, row.kind, row.is_default, row.title) for row in addresses] == [
            *(("Paris", "billing", True, "Siège"), ("Lyon", "delivery", False, None)),
        ]
        kinds = sorted((row.contact_id is None, row.kind.value, row.number) for row in session.scalars(select(Phone)))
        # The standard of the Company that goes stays in the journal only: the other has one.
        assert kinds == [
            (False, "mobile", "06"),
            (False, "mobile", "07"),
            (True, "fax", "02"),
            (True, "standard", "01"),
        ]
        assert {row.company_id for row in session.scalars(select(Phone))} == {one}
        told = {(entity, field) for entity, field, *_ in lines(session)}
        assert {("contact", "company_id"), ("address", "title"), ("company", "fax"), ("company", "")} <= told


def test_a_company_is_not_merged_with_itself(store: Store, made: Tied) -> None:
    problem = refusal(store, lambda session: merge_companies(session, made.company, made.company, ACT))

    assert problem.problem_code == "same_company"


def two_companies(session: Any) -> tuple[int, int]:
    """Two Companies without tiers; both have a standard, a contact and an address titled alike, the second a fax too."""
    ids = []
    for name, town, standard, fax in (("un", "Paris", "01", None), ("deux", "Lyon", "09", "02")):
        company = records.company(session, name=name)
        ids.append(company.id)
        address = Address(company_id=company.id, kind="billing", is_default=True, town=town, title="Siège")
        contact = Contact(company_id=company.id, is_default=True, last_name=name)
        session.add_all((address, contact))
        session.flush()
        contact.default_address_id = address.id
        mobile = "06" if name == "un" else "07"
        session.add(Phone(company_id=company.id, contact_id=contact.id, kind="mobile", number=mobile))
        session.add(Phone(company_id=company.id, kind="standard", number=standard))
        if fax:
            session.add(Phone(company_id=company.id, kind="fax", number=fax))
        session.flush()
    return ids[0], ids[1]


@pytest.mark.req("CRM-28", "NEW-04")
def test_of_two_people_at_once_the_second_waits_and_replaces_what_the_first_wrote(store: Store, made: Tied) -> None:
    def second() -> None:
        with store.writing() as session:
            edit_company(session, made.company, {"name": "DEUX"}, replace(ACT, by="paul"))

    other = Thread(target=second)
    with store.writing() as session:
        edit_company(session, made.company, {"name": "UN"}, ACT)
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive()
    other.join(timeout=30)

    with store.reading() as session:
        rows = session.scalars(select(JournalEntry).where(JournalEntry.entity == "company").order_by(JournalEntry.id))
        assert [(row.before, row.after, row.by) for row in rows] == [
            ("BIJOU SA", "UN", "claire"),
            ("UN", "DEUX", "paul"),
        ]
        assert [row.name for row in pair(session, made)] == ["DEUX", "DEUX"]
