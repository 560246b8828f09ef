"""'Créer le tiers': its conditions, each with its own refusal, its defaults, and its withdrawal."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.crm.adoption import CHILDREN
from syncengine.crm.creation import cancel_creation, create_tiers
from syncengine.crm.rights import withdraw
from syncengine.errors import InputRefused, IntegrationUnknown, SecondIntegration
from syncengine.model import (
    Account,
    Address,
    AssignmentRule,
    CodeMode,
    Company,
    Contact,
    CustomField,
    Email,
    EmailKind,
    ErpParameter,
    ErpState,
    Integration,
    IntegrationState,
    Outbox,
    OutboxState,
    Phone,
    PhoneKind,
    Right,
    SyncError,
    SyncErrorState,
    TransferMode,
)
from syncengine.model.link import Entity, Link
from syncengine.storage.store import Store
from tests.crm import differences, dump
from tests.syncengine import records
from tests.syncengine.conftest import NOW
from tests.syncengine.test_company_code import outbox, sync_error
from tests.syncengine.tied import LATER, count, get, lines, offers, refusal

Values = dict[str, Any]


def prospect(session: Session, **values: Any) -> Company:
    """A Company that may become a tiers, with two addresses, two contacts, numbers and e-mails."""
    made = records.company(
        session, **({"name": "Neuve SA", "company_type": "prospect", "code": "neuve", "status": "active"} | values)
    )
    depot = Address(company_id=made.id, kind="delivery", title="Dépôt", town="Brest", position=0)
    seat = Address(company_id=made.id, kind="delivery", title="Siège", town="Paris", position=1, is_default=True)
    session.add_all([depot, seat])
    first, second = (
        Contact(company_id=made.id, last_name=name, position=place) for place, name in enumerate(("Roux", "Blanc"))
    )
    session.add_all([first, second])
    session.flush()
    second.default_address_id = depot.id
    session.add_all(
        [
            Phone(company_id=made.id, kind=PhoneKind.STANDARD, number="0102030405"),
            Phone(company_id=made.id, kind=PhoneKind.FAX, number="0102030406"),
            Phone(company_id=made.id, contact_id=first.id, kind=PhoneKind.MOBILE, number="0600000000"),
            Email(company_id=made.id, kind=EmailKind.INFORMATION, address="info@neuve.fr"),
        ]
    )
    session.flush()
    return made


def create(company: Company, integration: Integration, **options: Any) -> Callable[[Session], int]:
    """The order for that Company."""
    return lambda session: create_tiers(session, company.id, integration_id=integration.id, at=LATER, **options)


def cancel(company: Company) -> Callable[[Session], None]:
    """The withdrawal of that Company's."""
    return lambda session: cancel_creation(session, company.id, at=LATER)


@pytest.mark.req("CRM-24")
@pytest.mark.parametrize(
    ("company", "settings", "code", "field"),
    [
        ({}, {"transfer_mode": TransferMode.NEVER}, "transfer_never", "transfer_mode"),
        ({"status": "inactive"}, {}, "company_inactive", "status"),
        ({"name": None}, {}, "name_missing", "name"),
        ({"name": "   "}, {}, "name_missing", "name"),
        ({"company_type": "partner"}, {}, "type_not_mapped", "company_type"),
        ({"company_type": "unheard_of"}, {}, "type_not_mapped", "company_type"),
        ({"code": None}, {}, "code_missing", "code"),
        ({"code": "[ATTENTE]"}, {}, "code_missing", "code"),
        ({"code": "<AUTOERP>"}, {}, "code_missing", "code"),
        ({"code": "NEU VE"}, {}, "code_invalid", "code"),
        ({"code": "A" * 16}, {"code_suffix": "FR"}, "code_too_long", "code"),
        ({"code": "pris"}, {}, "code_in_use", "code"),
    ],
)
def test_a_condition_that_is_not_met_is_refused_precisely_and_nothing_is_written(
    store: Store, company: Values, settings: Values, code: str, field: str
) -> None:
    with store.writing() as session:
        integration, *_ = offers(session, **settings)
        records.account(session, integration, code="PRIS", name="Celui qui a le code")
        made = prospect(session, **company)

    refused = refusal(store, create(made, integration))

    assert (refused.problem_code, refused.field) == (code, field)
    with store.reading() as session:
        assert session.get_one(Integration, integration.id).requested_number == 0


@pytest.mark.req("CRM-24", "CRM-61")
def test_only_who_has_the_right_creates_a_tiers(store: Store) -> None:
    with store.writing() as session:
        integration, claire, paul = offers(session)
        made = prospect(session)
        withdraw(session, claire.id, Right.CREATE_TIERS, at=NOW)
    for login in ("claire", "personne"):
        assert refusal(store, create(made, integration, by=login)).problem_code == "right_withdrawn"
    with store.writing() as session:
        create(made, integration, by="paul")(session)
        withdraw(session, paul.id, Right.CREATE_TIERS, at=NOW)
    refused = refusal(store, lambda session: cancel_creation(session, made.id, at=LATER, by="paul"))
    assert refused.problem_code == "right_withdrawn"


@pytest.mark.req("CRM-24", "CRM-62")
def test_the_integration_is_there_and_the_only_one_unless_several_are_allowed(store: Store) -> None:
    with store.writing() as session:
        first, *_ = offers(session)
        second = records.integration(session, name="Filiale", company_types=first.company_types)
        made = prospect(session)
    before = dump(store)
    for wrong, error in ((second.id, SecondIntegration), (999, IntegrationUnknown)):
        with store.writing() as session, pytest.raises(error) as refused:
            create_tiers(session, made.id, integration_id=wrong, at=LATER)
        assert refused.value.remedy
    assert differences(before, dump(store)) == []
    with store.writing() as session:
        account_id = create(made, second, multi=True)(session)
        assert get(session, Account, account_id).integration_id == second.id
    # CRM-62: each tiers of each ERP company has a Company of its own.
    assert refusal(store, create(made, first)).problem_code == "creation_awaited"


@pytest.mark.req("CRM-24")
def test_a_company_that_has_a_tiers_or_waits_for_one_gets_no_second(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = prospect(session)
        account_id = create(made, integration)(session)
    assert refusal(store, create(made, integration)).problem_code == "creation_awaited"
    with store.writing() as session:
        get(session, Account, account_id).erp_state = ErpState.PRESENT
    assert refusal(store, create(made, integration)).problem_code == "already_linked"
    unknown = refusal(store, lambda session: create_tiers(session, 999, integration_id=integration.id, at=LATER))
    assert unknown.problem_code == "company_unknown"


@pytest.mark.req("CRM-25", "CRM-26", "CRM-35", "CRM-39")
def test_the_company_is_replicated_to_an_account_that_waits_for_the_erp(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session, base_currency="EUR")
        for code, iso in (("0", "USD"), ("1", "EUR")):
            query = select(ErpParameter).where(ErpParameter.kind == "currency", ErpParameter.code == code)
            session.scalars(query).one().iso_code = iso
        session.add_all([CustomField(name=name, label=name, replicated=name == "zone") for name in ("zone", "note")])
        made = prospect(session, language="1", siret="73282932000074", custom={"zone": "Nord", "note": "à voir"})
        account_id = create(made, integration, by="claire")(session)

    with store.writing() as session:
        account, company = get(session, Account, account_id), get(session, Company, made.id)
        assert (account.erp_state, account.is_main, account.company_id) == (ErpState.AWAITED, True, company.id)
        assert (account.type, account.status, account.dormant) == ("client", "active", False)
        assert (account.code, company.code, account.name, account.siret) == (
            "NEUVE",
            "NEUVE",
            "Neuve SA",
            company.siret,
        )
        assert (account.phone, account.fax, account.email) == ("0102030405", "0102030406", "info@neuve.fr")
        assert account.custom == {"zone": "Nord"}
        defaults = {"currency": "1", "accounting_category": "1", "price_category": "1"}
        for row in (account, company):
            assert {attr: getattr(row, attr) for attr in defaults} == defaults
            assert row.language == "1"
        assert (count(session, Account), count(session, Link)) == (1, 0)
        told = lines(session)
        assert {("company", attr, None, code, "defaulted") for attr, code in defaults.items()} <= set(told)
        assert ("company", "code", "neuve", "NEUVE", "created") in told
        assert [(line[0], line[1], line[2], line[4]) for line in told[:1]] == [("account", "", None, "created")]
        assert company.company_type == "prospect"


@pytest.mark.req("CRM-26", "CRM-41", "CRM-44")
def test_the_default_address_becomes_the_billing_one_and_every_other_a_delivery_one(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = prospect(session)
        session.add(Address(company_id=made.id, kind="delivery", title="DÉPÔT", town="Sète", position=2))
        account_id = create(made, integration)(session)

    with store.reading() as session:
        addresses = session.scalars(select(Address).order_by(Address.position)).all()
        assert [(row.kind, row.is_default, row.town, row.title) for row in addresses] == [
            ("delivery", False, "Brest", "Dépôt"),
            ("billing", True, "Paris", None),
            ("delivery", False, "Sète", None),
        ]
        contacts = session.scalars(select(Contact).order_by(Contact.position)).all()
        assert [row.is_default for row in contacts] == [True, False]
        assert [row.default_address_id for row in contacts] == [addresses[1].id, addresses[0].id]
        for entity in CHILDREN:
            assert {row.account_id for row in session.scalars(select(entity))} == {account_id}
        told = set(lines(session))
        assert ("address", "kind", "delivery", "billing", "defaulted") in told
        assert ("address", "title", "Siège", None, "defaulted") in told
        assert ("address", "title", "DÉPÔT", None, "defaulted") in told


@pytest.mark.req("CRM-26")
@pytest.mark.parametrize("defaults", [(False, False, False), (True, True, False)])
def test_there_is_one_billing_address_whatever_was_marked_as_default(store: Store, defaults: tuple[bool, ...]) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = records.company(session, name="Neuve", code="NEUVE")
        session.add_all(
            Address(company_id=made.id, kind="billing", is_default=default, position=place)
            for place, default in enumerate(defaults)
        )
        create(made, integration)(session)
        rows = session.scalars(select(Address).order_by(Address.position)).all()
        assert [(row.kind, row.is_default) for row in rows] == [
            ("billing", True),
            ("delivery", False),
            ("delivery", False),
        ]


@pytest.mark.req("CRM-25")
def test_a_company_without_any_address_or_contact_becomes_a_tiers_too(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = records.company(session, name="Seule", code="SEULE", company_type="supplier")
        account_id = create(made, integration)(session)
        assert get(session, Account, account_id).type == "supplier"


@pytest.mark.req("CRM-25")
def test_the_order_asks_for_a_synchronisation_once_the_integration_is_active(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session, state=IntegrationState.INACTIVE)
        create(records.company(session, name="Une", code="UNE"), integration)(session)
        row = get(session, Integration, integration.id)
        assert (row.requested_number, row.due_at) == (1, None)
        row.state = IntegrationState.ACTIVE
        create(records.company(session, name="Deux", code="DEUX"), integration)(session)
        row = get(session, Integration, integration.id)
        assert (row.requested_number, row.due_at) == (2, LATER)


@pytest.mark.req("CRM-22")
def test_in_crm_numbering_the_code_is_the_number_of_the_account_with_the_suffix(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session, code_mode=CodeMode.CRM, code_suffix="C")
        made = prospect(session, code=None)
        account_id = create(made, integration)(session)
        assert {get(session, Account, account_id).code, get(session, Company, made.id).code} == {f"{account_id}C"}
    with store.writing() as session:
        cancel_creation(session, made.id, at=LATER)
        assert get(session, Company, made.id).code is None


@pytest.mark.req("CRM-20", "CRM-22")
def test_a_number_that_is_taken_already_is_refused(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session, code_mode=CodeMode.CRM)
        for number in range(1, 30):
            records.account(session, integration, code=str(number + 1), name="Numéroté")
        made = prospect(session, code=None)
    refused = refusal(store, create(made, integration))
    assert refused.problem_code == "code_in_use"
    assert "suffix" in refused.remedy


@pytest.mark.req("CRM-23")
def test_in_erp_numbering_two_companies_may_wait_for_the_code_of_the_erp(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session, code_mode=CodeMode.ERP)
        companies = [prospect(session, name=name, code="SAISI") for name in ("Une", "Deux")]
        accounts = [create(made, integration)(session) for made in companies]
        assert {get(session, Account, one).code for one in accounts} == {"<AUTOERP>"}
        assert {get(session, Company, one.id).code for one in companies} == {"<AUTOERP>"}


@pytest.mark.req("CRM-17", "CRM-25")
@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (AssignmentRule.AUTOMATIC, "8", "7"),
        (AssignmentRule.IF_EMPTY, "8", "8"),
        (AssignmentRule.IF_EMPTY, None, "7"),
        (AssignmentRule.NONE, None, None),
    ],
)
def test_the_representative_of_a_new_tiers_follows_the_manager(
    store: Store, rule: AssignmentRule, before: str | None, after: str | None
) -> None:
    with store.writing() as session:
        integration, claire, _ = offers(session, representative_rule=rule)
        made = prospect(session, manager_id=claire.id, representative=before)
        account_id = create(made, integration)(session)
        assert get(session, Account, account_id).representative == after
        assert get(session, Company, made.id).representative == after


@pytest.mark.req("CRM-25", "CRM-40")
def test_what_a_former_tiers_left_is_not_that_of_the_new_one(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = prospect(session, payer="AUTRE", statistic01="Or", free_values={"Zone": "Est"})
        account_id = create(made, integration)(session)
        for row in (get(session, Account, account_id), get(session, Company, made.id)):
            assert (row.payer, row.statistic01, row.free_values) == (None, None, None)
        told = set(lines(session))
        assert {("company", "payer", "AUTRE", None, "created"), ("company", "Zone", "Est", None, "created")} <= told


@pytest.mark.req("CRM-25", "CRM-34")
def test_the_children_of_a_secondary_account_stay_its_own(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = prospect(session)
        second = records.account(session, integration, company_id=made.id, code="SECOND")
        session.add(Contact(company_id=made.id, account_id=second.id, erp_key="9", last_name="Vert", position=0))
        session.add(Phone(company_id=made.id, account_id=second.id, kind=PhoneKind.STANDARD, number="0999999999"))
        account_id = create(made, integration)(session)
        assert get(session, Account, account_id).phone == "0102030405"
        names = session.scalars(select(Contact.last_name).where(Contact.account_id == second.id)).all()
        assert list(names) == ["Vert"]


@pytest.mark.req("CRM-25")
def test_a_creation_that_was_not_sent_is_withdrawn_and_can_be_ordered_again(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = prospect(session)
        account_id = create(made, integration)(session)
        account = get(session, Account, account_id)
        write, error = outbox(session, account, OutboxState.REFUSED), sync_error(session, account)

    with store.writing() as session:
        cancel_creation(session, made.id, at=LATER, by="claire")

    with store.writing() as session:
        assert count(session, Account) == 0
        for entity in CHILDREN:
            owners = {(row.company_id, row.account_id) for row in session.scalars(select(entity))}
            assert owners == {(made.id, None)}
        assert (get(session, Company, made.id).code, get(session, Outbox, write.id).account_id) == ("NEUVE", None)
        closed = get(session, SyncError, error.id)
        assert (closed.state, closed.local_id) == (SyncErrorState.RESOLVED, None)
        gone = [line for line in lines(session) if line[:2] == (Entity.ACCOUNT.value, "") and line[3] is None]
        assert len(gone) == 1
        again = create(made, integration)(session)
        assert get(session, Account, again).code == "NEUVE"


@pytest.mark.req("CRM-25")
@pytest.mark.parametrize("state", [OutboxState.PENDING, OutboxState.SENT])
def test_a_creation_that_is_on_its_way_is_not_withdrawn(store: Store, state: OutboxState) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = prospect(session)
        outbox(session, get(session, Account, create(made, integration)(session)), state)
    refused = refusal(store, cancel(made))
    assert refused.problem_code == "sync_under_way"


@pytest.mark.req("CRM-25")
def test_only_a_creation_that_waits_is_withdrawn(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        free, linked = prospect(session), records.company(session, name="Liée")
        records.account(session, integration, company_id=linked.id, is_main=True)
    for made in (free, linked):
        refused = refusal(store, cancel(made))
        assert refused.problem_code == "not_awaited"


@pytest.mark.req("CRM-24")
@pytest.mark.guarantees
def test_of_two_orders_for_one_company_at_once_one_is_carried_out(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = prospect(session)

    def attempt(_place: int) -> str:
        try:
            with store.writing() as session:
                create(made, integration)(session)
        except InputRefused as refused:
            return refused.problem_code
        return "created"

    with ThreadPoolExecutor(max_workers=2) as pool:
        assert sorted(pool.map(attempt, range(2))) == ["created", "creation_awaited"]
    with store.reading() as session:
        assert count(session, Account) == 1
