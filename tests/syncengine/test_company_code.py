"""The code comptable of a Company: entered, unique in its integration, locked once the ERP has the tiers."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from syncengine.crm.company_code import checked_code, set_code
from syncengine.crm.creation import create_tiers
from syncengine.errors import IntegrationUnknown
from syncengine.model import (
    Account,
    CodeMode,
    Company,
    ErpState,
    Link,
    LinkState,
    Outbox,
    OutboxState,
    Side,
    SyncError,
    SyncErrorState,
)
from syncengine.model.link import Entity
from syncengine.storage.store import Store
from tests.crm import differences, dump
from tests.syncengine import records
from tests.syncengine.conftest import NOW
from tests.syncengine.tied import LATER, get, lines, offers, refusal, tied


def outbox(session: Session, account: Account, state: OutboxState, **values: Any) -> Outbox:
    """A write about a tiers."""
    row: dict[str, Any] = {
        "transaction_id": f"t{account.id}-{state}",
        "integration_id": account.integration_id,
        "account_id": account.id,
        "action": "create",
        "payload": "<Tiers/>",
        "changes": "[]",
        "state": state,
        "created_at": NOW,
    }
    made = Outbox(**(row | values))
    session.add(made)
    session.flush()
    return made


def sync_error(session: Session, account: Account, state: SyncErrorState = SyncErrorState.OPEN) -> SyncError:
    """The error of a creation that the ERP refused."""
    made = SyncError(
        integration_id=account.integration_id,
        entity=Entity.ACCOUNT.value,
        side=Side.ERP,
        erp_key=account.code or f"#{account.id}",
        local_id=account.id,
        code="code_in_use",
        message="refused",
        state=state,
        first_at=NOW,
        last_at=NOW,
    )
    session.add(made)
    session.flush()
    return made


@pytest.mark.req("CRM-20", "CRM-21", "CRM-22")
def test_a_code_is_entered_in_capitals_with_the_suffix_and_journalled(store: Store) -> None:
    with store.writing() as session:
        offers(session, code_suffix="FR")
        made = records.company(session, name="Neuve", code="[ATTENTE]")
        assert set_code(session, made.id, " neuve1 ", at=LATER, by="claire") == "NEUVE1FR"
        assert set_code(session, made.id, "NEUVE1FR", at=LATER) == "NEUVE1FR"
        row = get(session, Company, made.id)
        assert (row.code, row.updated_at) == ("NEUVE1FR", LATER)
        assert lines(session) == [("company", "code", "[ATTENTE]", "NEUVE1FR", "edited")]
        assert set_code(session, made.id, "", at=LATER) == "[ATTENTE]"


@pytest.mark.req("CRM-20", "CRM-21")
@pytest.mark.parametrize("holder", ["account", "small_letters", "link", "vanished", "company", "awaited"])
def test_a_code_that_exists_already_is_refused_whatever_the_case(store: Store, holder: str) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        made = records.company(session, name="Neuve", code="[ATTENTE]")
        if holder == "company":
            records.company(session, name="Autre", code="Dupont")
        elif holder in {"link", "vanished"}:
            state = LinkState.VANISHED if holder == "vanished" else LinkState.LINKED
            tiers = records.account(session, integration, code="RENUMEROTE")
            link = {"integration_id": integration.id, "entity": "account", "local_id": tiers.id, "erp_key": "DUPONT"}
            session.add(Link(**link, state=state))
        else:
            other = records.company(session, name="Autre", code="DUPONT")
            awaited = ErpState.AWAITED if holder == "awaited" else ErpState.PRESENT
            code = "dupont" if holder == "small_letters" else "DUPONT"
            records.account(session, integration, company_id=other.id, is_main=True, code=code, erp_state=awaited)

    refused = refusal(store, lambda session: set_code(session, made.id, "dupont", at=LATER))

    assert (refused.problem_code, refused.field, refused.record) == ("code_in_use", "code", "DUPONT")


@pytest.mark.req("CRM-20", "CRM-62")
def test_a_code_is_unique_in_its_integration_and_free_in_another(store: Store) -> None:
    with store.writing() as session:
        first, *_ = offers(session)
        second = records.integration(session, name="Filiale", company_types=first.company_types)
        other = records.company(session, name="Autre", code="DUPONT")
        records.account(session, first, company_id=other.id, is_main=True, code="DUPONT")
        made = records.company(session, name="Neuve")
        assert checked_code(session, made, "dupont", integration_id=second.id) == "DUPONT"
        with pytest.raises(IntegrationUnknown):
            set_code(session, made.id, "LIBRE", at=LATER)
        with pytest.raises(IntegrationUnknown):
            set_code(session, made.id, "LIBRE", at=LATER, integration_id=999)
    refused = refusal(store, lambda session: set_code(session, made.id, "dupont", at=LATER, integration_id=first.id))
    assert refused.problem_code == "code_in_use"


@pytest.mark.req("CRM-20", "CRM-21", "CRM-22")
@pytest.mark.parametrize(
    ("typed", "reason"), [("TROP LONG", "code_invalid"), ("A" * 16, "code_too_long"), ("\u00c9T\u00c9", "code_invalid")]
)
def test_an_entry_that_is_no_code_is_refused_and_nothing_is_written(store: Store, typed: str, reason: str) -> None:
    with store.writing() as session:
        offers(session, code_suffix="FR")
        made = records.company(session, name="Neuve", code="[ATTENTE]")
    refused = refusal(store, lambda session: set_code(session, made.id, typed, at=LATER))
    assert (refused.problem_code, refused.field) == (reason, "code")


@pytest.mark.req("CRM-22", "CRM-23")
@pytest.mark.parametrize("mode", [CodeMode.CRM, CodeMode.ERP])
def test_a_code_that_is_numbered_is_not_entered(store: Store, mode: CodeMode) -> None:
    with store.writing() as session:
        offers(session, code_mode=mode)
        made = records.company(session, name="Neuve")
    refused = refusal(store, lambda session: set_code(session, made.id, "NEUVE", at=LATER))
    assert refused.problem_code == "code_automatic"


@pytest.mark.req("CRM-20")
def test_the_code_of_a_linked_tiers_is_locked(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
    refused = refusal(store, lambda session: set_code(session, made.company, "AUTRE", at=LATER))
    assert (refused.problem_code, refused.record) == ("code_locked", "BIJOU")
    unknown = refusal(store, lambda session: set_code(session, 2**70, "AUTRE", at=LATER))
    assert unknown.problem_code == "company_unknown"


@pytest.mark.req("CRM-21", "CRM-49")
def test_the_code_of_a_tiers_that_the_erp_refused_is_corrected_and_it_is_sent_again(store: Store) -> None:
    with store.writing() as session:
        integration, *_ = offers(session)
        company = records.company(session, name="Neuve", code="NEUVE")
        account_id = create_tiers(session, company.id, integration_id=integration.id, at=NOW)
        error = sync_error(session, get(session, Account, account_id))
        write = outbox(session, get(session, Account, account_id), OutboxState.SENT)

    busy = refusal(store, lambda session: set_code(session, company.id, "AUTRE", at=LATER))
    assert busy.problem_code == "sync_under_way"

    with store.writing() as session:
        get(session, Outbox, write.id).state = OutboxState.REFUSED
        session.flush()
        assert set_code(session, company.id, "neuve", at=LATER) == "NEUVE"
        assert get(session, SyncError, error.id).state is SyncErrorState.OPEN
        assert set_code(session, company.id, "autre", at=LATER) == "AUTRE"
        account = get(session, Account, account_id)
        assert (account.code, account.updated_at) == ("AUTRE", LATER)
        assert get(session, SyncError, error.id).state is SyncErrorState.RETRY
        assert ("account", "code", "NEUVE", "AUTRE", "replicated") in lines(session)
    empty = refusal(store, lambda session: set_code(session, company.id, " ", at=LATER))
    assert empty.problem_code == "code_missing"


@pytest.mark.req("CRM-20")
def test_a_check_writes_nothing(store: Store) -> None:
    with store.writing() as session:
        offers(session)
        made = records.company(session, name="Neuve", code="[ATTENTE]")
    before = dump(store)
    with store.writing() as session:
        row = session.get_one(Company, made.id)
        assert checked_code(session, row, "neuve") == "NEUVE"
        assert checked_code(session, row, "") == "[ATTENTE]"
    assert differences(before, dump(store)) == []
