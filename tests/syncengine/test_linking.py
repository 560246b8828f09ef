"""'Rompre le lien', 'Lier à un tiers déjà existant' and 'Réaffecter une autre société au tiers'."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.tables import BILLING, DELIVERY
from syncengine.core.likeness import Reason
from syncengine.crm.adoption import CHILDREN
from syncengine.crm.creation import create_tiers
from syncengine.crm.linking import Linked, break_link, link_company, reassign_company
from syncengine.crm.rights import withdraw
from syncengine.model import (
    Account,
    Address,
    AssignmentRule,
    CodeMode,
    Company,
    Conflict,
    ConflictState,
    Contact,
    CustomField,
    Email,
    EmailKind,
    ErpState,
    Link,
    LinkState,
    Opportunity,
    OutboxState,
    Phone,
    PhoneKind,
    RecordStatus,
    Right,
    Turnover,
)
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.conftest import NOW
from tests.syncengine.test_company_code import outbox
from tests.syncengine.tied import LATER, Tied, count, get, lines, marked, refusal, tied


def prospect(session: Session, **values: Any) -> Company:
    """A Company without tiers."""
    return records.company(session, **({"name": "Bijouterie", "company_type": "prospect", "status": "active"} | values))


def children(session: Session, entity: type[Any], **owner: int | None) -> list[Any]:
    """The rows of that owner, in order."""
    return list(session.scalars(select(entity).filter_by(**owner).order_by(entity.id)))


@pytest.mark.req("CRM-30", "CRM-34")
@pytest.mark.parametrize(
    ("mode", "code"), [(CodeMode.FREE, "[ATTENTE]"), (CodeMode.ERP, "<AUTOERP>"), (CodeMode.CRM, None)]
)
def test_a_broken_link_leaves_an_orphan_and_a_company_as_before_the_tiers(
    store: Store, mode: CodeMode, code: str | None
) -> None:
    with store.writing() as session:
        made = tied(session, code_mode=mode)
        found = break_link(session, made.company, at=LATER, by="claire")
    assert (found.company_id, found.account_id, found.code) == (made.company, made.account, code)

    with store.reading() as session:
        company, account, link = (
            get(session, Company, made.company),
            get(session, Account, made.account),
            get(session, Link, made.link),
        )
        assert (company.code, company.name, company.siret) == (code, "BIJOU SA", "73282932000074")
        assert (account.company_id, account.is_main, account.code) == (None, False, "BIJOU")
        assert (link.state, link.erp_key, link.local_id, link.changed_at) == (
            LinkState.LINKED,
            "BIJOU",
            account.id,
            None,
        )
        told = set(lines(session))
        assert ("account", "company_id", str(made.company), None, "linked") in told
        assert code is None or ("company", "code", "BIJOU", code, "linked") in told


@pytest.mark.req("CRM-30")
def test_the_company_keeps_copies_of_its_children_without_the_numbers_of_the_erp(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        kept = {
            entity: {row.id for row in children(session, entity, account_id=made.account)}
            for entity in (Address, Contact, Phone, Email)
        }
        break_link(session, made.company, at=LATER)

    with store.reading() as session:
        for entity, ids in kept.items():
            assert {row.id for row in children(session, entity, account_id=made.account)} == ids
            assert {row.company_id for row in children(session, entity, account_id=made.account)} == {None}
            own = children(session, entity, company_id=made.company)
            assert len(own) == len(ids)
            assert {row.account_id for row in own} == {None}
            assert {getattr(row, "erp_key", None) for row in own} == {None}
        billing, delivery = children(session, Address, company_id=made.company)
        assert [(row.kind, row.is_default, row.town) for row in (billing, delivery)] == [
            (BILLING, True, "Paris"),
            (DELIVERY, False, "Lyon"),
        ]
        (contact,) = children(session, Contact, company_id=made.company)
        assert (contact.last_name, contact.is_default, contact.default_address_id) == ("Martin", True, billing.id)
        numbers = {(row.contact_id, row.kind, row.number) for row in children(session, Phone, company_id=made.company)}
        assert numbers == {(None, PhoneKind.STANDARD, "01"), (contact.id, PhoneKind.MOBILE, "06")}
        assert [line for line in lines(session) if line[0] == "contact" and line[3] is not None] != []


@pytest.mark.req("CRM-30")
def test_what_was_edited_before_the_link_broke_is_still_to_be_sent(store: Store) -> None:
    with store.writing() as session:
        made = tied(session, link={"changed_at": NOW})
        break_link(session, made.company, at=LATER)
        assert marked(session, made)


@pytest.mark.req("CRM-30", "CRM-61")
@pytest.mark.parametrize("case", ["right", "unknown", "free", "awaited", "pending", "sent", "conflict"])
def test_a_link_that_cannot_be_broken_now_is_refused_and_nothing_is_written(store: Store, case: str) -> None:
    with store.writing() as session:
        made = tied(session)
        company_id = made.company
        account = get(session, Account, made.account)
        if case == "right":
            withdraw(session, made.manager, Right.BREAK_LINK, at=NOW)
        elif case == "unknown":
            company_id = 999
        elif case == "free":
            company_id = prospect(session).id
        elif case == "awaited":
            account.erp_state = ErpState.AWAITED
        elif case == "pending":
            outbox(session, account, OutboxState.PENDING, action="update", link_id=made.link, account_id=None)
        elif case == "sent":
            outbox(session, account, OutboxState.SENT, action="update")
        else:
            parked = {"link_id": made.link, "field": "name", "rule": "asked", "state": ConflictState.OPEN}
            session.add(Conflict(integration_id=made.integration, **parked, opened_at=NOW))

    refused = refusal(store, lambda session: break_link(session, company_id, at=LATER, by="claire"))

    codes = {
        "right": "right_withdrawn",
        "unknown": "company_unknown",
        "free": "not_linked",
        "awaited": "creation_awaited",
        "pending": "sync_under_way",
        "sent": "sync_under_way",
        "conflict": "conflicts_open",
    }
    assert refused.problem_code == codes[case]


@pytest.mark.req("CRM-25", "CRM-30")
def test_a_company_whose_link_was_broken_can_have_a_new_tiers_but_not_under_the_old_code(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        break_link(session, made.company, at=LATER)
        get(session, Company, made.company).code = "BIJOU"
    order: dict[str, Any] = {"integration_id": made.integration, "at": LATER}
    assert refusal(store, lambda session: create_tiers(session, made.company, **order)).problem_code == "code_in_use"
    with store.writing() as session:
        get(session, Company, made.company).code = "BIJOU2"
        account_id = create_tiers(session, made.company, **order)
        kinds = {row.kind for row in children(session, Address, account_id=account_id)}
        assert kinds == {BILLING, DELIVERY}
        assert count(session, Account) == 2


def relation(session: Session, company_id: int) -> None:
    """What the CRM knows of a prospect: two contacts, two addresses, numbers, an opportunity."""
    depot = Address(
        company_id=company_id, kind=BILLING, is_default=True, title="Siège", street="1 quai neuf", town="Sète"
    )
    double = Address(company_id=company_id, kind=DELIVERY, title="dépôt", town="LYON", region="Rhône", position=1)
    session.add_all([depot, double])
    session.flush()
    roux = Contact(company_id=company_id, last_name="Roux", position=0, is_default=True, default_address_id=double.id)
    martin = Contact(company_id=company_id, last_name="MARTIN", first_name="Luc", position=1, function="Directeur")
    session.add_all([roux, martin])
    session.flush()
    session.add_all(
        [
            Phone(company_id=company_id, kind=PhoneKind.STANDARD, number="09"),
            Phone(company_id=company_id, contact_id=roux.id, kind=PhoneKind.MOBILE, number="0611111111"),
            Phone(company_id=company_id, contact_id=martin.id, kind=PhoneKind.MOBILE, number="0622222222"),
            Phone(company_id=company_id, contact_id=martin.id, kind=PhoneKind.PHONE, number="0123456789"),
            Email(company_id=company_id, contact_id=martin.id, kind=EmailKind.EMAIL, address="luc@bijou.fr"),
        ]
    )
    opportunity(session, company_id, "De la société")


def opportunity(session: Session, company_id: int, title: str) -> None:
    """A sale in preparation."""
    session.add(Opportunity(company_id=company_id, title=title, stage="open", created_at=NOW, updated_at=NOW))
    session.flush()


def linked(session: Session, **values: Any) -> tuple[Tied, Company, Linked]:
    """A Company with a relation of its own, linked to the tiers of another."""
    made = tied(session)
    opportunity(session, made.company, "De l'ancienne")
    company = prospect(session, **values)
    relation(session, company.id)
    return made, company, link_company(session, company.id, made.account, at=LATER, by="claire")


@pytest.mark.req("CRM-31")
def test_the_company_takes_the_general_data_of_the_tiers_and_the_former_one_goes(store: Store) -> None:
    with store.writing() as session:
        made, company, found = linked(session, code="[ATTENTE]", web_site="www.ancien.fr", territory_id=None)

    assert (found.company_id, found.account_id, found.former_company_id) == (company.id, made.account, made.company)
    with store.reading() as session:
        row, account = get(session, Company, company.id), get(session, Account, made.account)
        assert (row.code, row.name, row.siret, row.web_site) == ("BIJOU", "BIJOU SA", "73282932000074", None)
        assert (row.company_type, row.manager_id) == ("prospect", None)
        assert (account.company_id, account.is_main, account.name) == (company.id, True, "BIJOU SA")
        assert session.get(Company, made.company) is None
        told = set(lines(session))
        assert {
            ("company", "name", "Bijouterie", "BIJOU SA", "linked"),
            ("company", "web_site", "www.ancien.fr", None, "linked"),
            ("company", "phone", "09", "01", "linked"),
            ("account", "company_id", str(made.company), str(company.id), "linked"),
        } <= told
        (gone,) = [line for line in told if line[0] == "company" and line[1] == ""]
        assert '"name":"BIJOU SA"' in str(gone[2])
        assert '"opportunities":[' in str(gone[2])


@pytest.mark.req("CRM-31")
def test_opportunities_and_secondary_tiers_of_the_former_company_move_along(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        opportunity(session, made.company, "De l'ancienne")
        integration = get(session, Account, made.account).integration_id
        second = Account(
            integration_id=integration,
            type="client",
            code="SECOND",
            company_id=made.company,
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(second)
        session.flush()
        session.add(Contact(company_id=made.company, account_id=second.id, erp_key="77", last_name="Second"))
        company = prospect(session)
        opportunity(session, company.id, "De la société")
        found = reassign_company(session, made.company, company.id, at=LATER, by="claire")

        assert (found.opportunities, count(session, Company)) == (1, 1)
        assert session.scalars(select(Opportunity.company_id)).all() == [company.id, company.id]
        row = get(session, Account, second.id)
        assert (row.company_id, row.is_main) == (company.id, False)
        (contact,) = children(session, Contact, account_id=second.id)
        assert contact.company_id == company.id


@pytest.mark.req("CRM-31")
def test_its_own_contacts_and_addresses_are_added_and_go_to_the_erp_with_the_next_cycle(store: Store) -> None:
    with store.writing() as session:
        made, company, found = linked(session)
        assert marked(session, made)

        owners = {(row.company_id, row.account_id) for entity in CHILDREN for row in session.scalars(select(entity))}
        assert owners == {(company.id, made.account)}
        addresses = session.scalars(select(Address).order_by(Address.position)).all()
        assert [(row.kind, row.erp_key, row.is_default, row.town) for row in addresses] == [
            (BILLING, "billing", True, "Paris"),
            (DELIVERY, "3", False, "Lyon"),
            (DELIVERY, None, False, "Sète"),
        ]
        assert found.joint.addresses_added == [addresses[2].id]
        contacts = session.scalars(select(Contact).order_by(Contact.position)).all()
        assert [(row.last_name, row.erp_key, row.is_default) for row in contacts] == [
            ("Martin", "5", True),
            ("Roux", None, False),
        ]
        assert found.joint.contacts_added == [contacts[1].id]


@pytest.mark.req("CRM-31")
def test_what_both_have_is_one_and_takes_what_it_lacks(store: Store) -> None:
    with store.writing() as session:
        made, _company, found = linked(session)

        # The same place under the same title: one address, and the contact that named it names the other.
        ((gone, kept),) = found.joint.addresses_joined
        assert (kept, get(session, Address, made.delivery).region) == (made.delivery, "Rhône")
        assert session.get(Address, gone) is None
        roux = session.scalars(select(Contact).where(Contact.last_name == "Roux")).one()
        assert roux.default_address_id == made.delivery
        # The same person: the tiers' values stand, what it lacks is added.
        assert [kept for _, kept in found.joint.contacts_joined] == [made.contact]
        martin = get(session, Contact, made.contact)
        assert (martin.last_name, martin.function, martin.erp_key) == ("Martin", "Directeur", "5")
        numbers = {row.kind: row.number for row in children(session, Phone, contact_id=made.contact)}
        assert numbers == {PhoneKind.MOBILE: "06", PhoneKind.PHONE: "0123456789"}
        assert [row.address for row in children(session, Email, contact_id=made.contact)] == ["luc@bijou.fr"]
        told = lines(session)
        assert ("contact", "phone", None, "0123456789", "linked") in told
        (before,) = [line[2] for line in told if line[0] == "contact" and line[1] == "" and line[3] is None]
        assert '"mobile":"0622222222"' in str(before)
        assert [row.number for row in children(session, Phone, contact_id=None)] == ["01"]


@pytest.mark.req("CRM-31", "CRM-41")
def test_a_title_that_the_tiers_has_for_another_place_is_left_to_the_erp(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        company = prospect(session)
        session.add(Address(company_id=company.id, kind=DELIVERY, title="DEPOT", town="Sète"))
        link_company(session, company.id, made.account, at=LATER)
        row = session.scalars(select(Address).where(Address.town == "Sète")).one()
        assert (row.title, row.kind, row.account_id) == (None, DELIVERY, made.account)


@pytest.mark.req("CRM-31", "CRM-34")
def test_an_orphan_is_linked_and_no_company_goes(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        break_link(session, made.company, at=LATER)
        found = link_company(session, made.company, made.account, at=LATER)

        assert (found.former_company_id, found.opportunities, count(session, Company)) == (None, 0, 1)
        assert (found.joint.addresses_added, found.joint.contacts_added) == ([], [])
        assert get(session, Company, made.company).code == "BIJOU"
        assert not marked(session, made)
        assert {row.erp_key for row in children(session, Address, company_id=made.company)} == {"billing", "3"}
        assert count(session, Contact) == 1


@pytest.mark.req("CRM-31", "CRM-34")
def test_a_secondary_tiers_moves_without_taking_its_former_company_away(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        owner = get(session, Account, made.account)
        second = Account(
            integration_id=owner.integration_id,
            type="client",
            code="SECOND",
            name="Second",
            company_id=made.company,
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(second)
        session.flush()
        company = prospect(session)
        found = link_company(session, company.id, second.id, at=LATER)

        assert (found.former_company_id, count(session, Company)) == (None, 2)
        assert (get(session, Account, second.id).company_id, get(session, Account, second.id).is_main) == (
            company.id,
            True,
        )
        assert get(session, Account, made.account).company_id == made.company


@pytest.mark.req("CRM-31", "CRM-32", "CRM-46", "CRM-48")
def test_status_free_fields_and_turnover_are_those_of_the_tiers(store: Store) -> None:
    with store.writing() as session:
        asleep = {"status": RecordStatus.INACTIVE, "erp_state": ErpState.DORMANT, "free_values": {"Zone": "Est"}}
        made = tied(session, account=asleep)
        figures = {"current_year": Decimal(12), "previous_year": Decimal(7), "updated_at": NOW}
        session.add(Turnover(integration_id=made.integration, erp_key="BIJOU", account_id=made.account, **figures))
        company = prospect(session, free_values={"Zone": "Ouest", "Vieux": "oui"})
        link_company(session, company.id, made.account, at=LATER)

        row = get(session, Company, company.id)
        assert (row.status, row.free_values) == (RecordStatus.INACTIVE, {"Zone": "Est"})
        assert session.scalar(select(Turnover.account_id)) == made.account
        told = set(lines(session))
        assert {("company", "Zone", "Ouest", "Est", "linked"), ("company", "Vieux", "oui", None, "linked")} <= told


@pytest.mark.req("CRM-31", "CRM-47")
def test_of_the_fields_of_the_crm_itself_the_tiers_has_the_replicated_ones(store: Store) -> None:
    with store.writing() as session:
        session.add_all(
            [CustomField(name=name, label=name, replicated=name != "note") for name in ("zone", "rang", "note")]
        )
        made = tied(session, account={"custom": {"zone": "Nord"}})
        company = prospect(session, custom={"zone": "Sud", "rang": "A", "note": "à voir"})
        link_company(session, company.id, made.account, at=LATER)

        assert get(session, Company, company.id).custom == {"zone": "Nord", "rang": "A", "note": "à voir"}
        assert get(session, Account, made.account).custom == {"zone": "Nord", "rang": "A"}
        assert ("company", "custom.zone", "Sud", "Nord", "linked") in lines(session)


@pytest.mark.req("CRM-17", "CRM-31")
@pytest.mark.parametrize(
    ("rule", "own", "after"),
    [
        (AssignmentRule.AUTOMATIC, True, "claire"),
        (AssignmentRule.IF_EMPTY, True, "paul"),
        (AssignmentRule.NONE, False, None),
    ],
)
def test_the_manager_stays_unless_the_rule_says_the_representative_s(
    store: Store, rule: AssignmentRule, own: bool, after: str | None
) -> None:
    with store.writing() as session:
        made = tied(session, manager_rule=rule)
        company = prospect(session, manager_id=made.other_manager if own else None)
        link_company(session, company.id, made.account, at=LATER)
        wanted = {"claire": made.manager, "paul": made.other_manager, None: None}[after]
        assert get(session, Company, company.id).manager_id == wanted


@pytest.mark.req("CRM-31", "CRM-35", "CRM-61")
@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("right", "right_withdrawn"),
        ("company", "company_unknown"),
        ("account", "account_unknown"),
        ("linked", "already_linked"),
        ("own", "already_linked"),
        ("company_awaited", "creation_awaited"),
        ("account_awaited", "creation_awaited"),
        ("deleted", "tiers_gone"),
        ("out_of_scope", "tiers_gone"),
        ("type", "other_tiers_type"),
    ],
)
def test_what_cannot_be_linked_is_refused_and_nothing_is_written(store: Store, case: str, code: str) -> None:
    with store.writing() as session:
        made = tied(session)
        account = get(session, Account, made.account)
        company = prospect(session, company_type="supplier" if case == "type" else "prospect")
        company_id, account_id = {"company": 999, "own": made.company}.get(case, company.id), made.account
        states = {
            "account_awaited": ErpState.AWAITED,
            "deleted": ErpState.DELETED,
            "out_of_scope": ErpState.OUT_OF_SCOPE,
        }
        account.erp_state = states.get(case, ErpState.PRESENT)
        if case == "right":
            withdraw(session, made.manager, Right.REASSIGN, at=NOW)
        elif case == "account":
            account_id = 999
        elif case in {"linked", "company_awaited"}:
            awaited = ErpState.AWAITED if case == "company_awaited" else ErpState.PRESENT
            owner = {"company_id": company.id, "is_main": True, "erp_state": awaited}
            session.add(
                Account(integration_id=made.integration, type="client", **owner, created_at=NOW, updated_at=NOW)
            )

    refused = refusal(store, lambda session: link_company(session, company_id, account_id, at=LATER, by="claire"))

    assert refused.problem_code == code


@pytest.mark.req("CRM-31", "CRM-61")
def test_a_tiers_is_reassigned_from_the_company_that_has_it_only(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        company, other = prospect(session), prospect(session)
    free = refusal(store, lambda session: reassign_company(session, company.id, other.id, at=LATER))
    assert free.problem_code == "not_linked"
    with store.writing() as session:
        withdraw(session, made.manager, Right.REASSIGN, at=NOW)
    refused = refusal(store, lambda session: reassign_company(session, made.company, other.id, at=LATER, by="claire"))
    assert refused.problem_code == "right_withdrawn"


@pytest.mark.req("CRM-31")
def test_likely_duplicates_are_reported(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        twin = records.company(session, name="Bijou", siret="732829320 00074")
        records.company(session, name="Tout autre")
        company = prospect(session)
        session.add(Contact(company_id=company.id, last_name="Luc", first_name="Martin"))
        found = link_company(session, company.id, made.account, at=LATER)

        assert [(one.company_id, one.reasons) for one in found.duplicates] == [(twin.id, (Reason.SIRET, Reason.NAME))]
        (alike,) = found.joint.alike
        assert (alike.one, alike.reasons) == (made.contact, ("name",))
        assert session.scalar(select(func.count()).select_from(Contact)) == 2
