"""Records in error: shown, asked for again, corrected, taken out of the flow and put back (CRM-49, CRM-50)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import InvalidRecord
from contracts.messages import EntitySet
from contracts.page import Changes, Rejected
from syncengine.core.snapshot import load
from syncengine.cycle.corrections import corrected, keep_corrections, with_corrections
from syncengine.desk.error_choice import Which
from syncengine.desk.error_desk import edit_and_retry, put_back, retry, take_out
from syncengine.desk.error_sheet import Action, error_sheet, sync_errors
from syncengine.desk.result import Result
from syncengine.errors import InputRefused
from syncengine.model import Account, Company, ErpState, JournalEntry, Link, LinkState, Outbox, Side, SyncError
from syncengine.model import SyncErrorState as State
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from syncengine.storage.store import Store
from syncengine.storage.sync_errors import asked_again, resolve, taken_out
from tests.syncengine.conftest import NOW
from tests.syncengine.inbox import agreed, error, link_of, xml
from tests.syncengine.records import integration
from tests.syncengine.tied import LATER, get

LONG = "x" * 80


def states(session: Session) -> dict[tuple[str, str], str]:
    session.flush()
    rows = session.execute(select(SyncError.erp_key, SyncError.side, SyncError.state))
    return {(row.erp_key, row.side.value): row.state.value for row in rows}


def codes(result: Result) -> list[str]:
    return [one.code for one in result.refused]


def asked(session: Session, integration_id: int) -> dict[Entity, list[str]]:
    session.flush()
    return asked_again(Bulk(session.connection()), integration_id=integration_id)


@pytest.mark.req("CRM-49")
def test_errors_are_listed_page_by_page_the_latest_first_by_state_side_and_code(store: Store) -> None:
    with store.writing() as session:
        made = integration(session).id
        ids = [error(session, made, f"C{n}", last_at=NOW + timedelta(minutes=n % 3)) for n in range(5)]
        sent = error(session, made, "C9", side=Side.ERP, code="unknown_value", state=State.RETRY)
        error(session, made, "C8", state=State.RESOLVED)

    with store.reading() as session:
        everything = [one.id for one in sync_errors(session, made)]
        pages, after = [], None
        while page := sync_errors(session, made, limit=2, after=after):
            pages.append([one.id for one in page])
            after = page[-1].id
        of_erp = sync_errors(session, made, side=Side.ERP)
        of_code = sync_errors(session, made, code="unknown_value")
        resolved = [one.erp_key for one in sync_errors(session, made, state=State.RESOLVED)]
        with pytest.raises(InputRefused) as unknown:
            sync_errors(session, made, after=999)

    assert everything == [ids[2], ids[4], ids[1], sent, ids[3], ids[0]]
    assert [number for page in pages for number in page] == everything
    assert [one.id for one in of_erp] == [one.id for one in of_code] == [sent]
    assert resolved == ["C8"]
    assert unknown.value.problem_code == "error_unknown"


@pytest.mark.req("CRM-49")
def test_an_error_shows_the_fields_of_its_record_and_which_was_refused(store: Store) -> None:
    payload = xml(
        name=LONG,
        phone="01",
        collective_account="411000",
        contacts=[{"key": "4", "last_name": "Un", "phone": "1"}, {"key": "7", "last_name": "Deux", "phone": "2" * 30}],
    )
    with store.writing() as session:
        made = integration(session).id
        message = "Name: 80 characters, at most 69 are allowed; Phone: 30 characters (Contact 2)"
        number = error(session, made, "C1", field="Phone", message=message, payload=payload)
        other = error(session, made, "1", entity="representative", field="LastName", payload="<Representative/>")
        keyless = error(session, made, "?abcdef", payload=payload)

    with store.reading() as session:
        sheet = error_sheet(session, number)
        flat = error_sheet(session, other)
        without_key = error_sheet(session, keyless)

    shown = {line.path: line for line in sheet.lines}
    assert [path for path, line in shown.items() if line.refused] == ["name", "contacts/7/phone"]
    assert shown["contacts/7/phone"].label == "Contact n° 7 – Téléphone"
    assert shown["name"].reason == "80 characters, at most 69"
    assert (shown["name"].value, shown["phone"].value, shown["contacts/4/phone"].value) == (LONG, "01", "1")
    correctable = {path for path, line in shown.items() if line.correctable}
    assert {"name", "phone", "contacts/7/phone"} <= correctable
    assert not correctable & {"code", "type", "collective_account", "version"}
    assert "siret" not in shown
    assert sheet.actions == (Action.RETRY, Action.EDIT_AND_RETRY, Action.TAKE_OUT)
    assert [(line.path, line.refused) for line in flat.lines] == [("last_name", True)]
    assert flat.actions == (Action.RETRY, Action.TAKE_OUT)
    assert without_key.actions == (Action.TAKE_OUT,)


@pytest.mark.req("CRM-49")
def test_a_retry_is_a_mark_that_the_next_cycle_reads(store: Store) -> None:
    with store.writing() as session:
        made = integration(session).id
        first, second = error(session, made, "C1"), error(session, made, "C2", code="unknown_currency")
        error(session, made, "7", entity="representative")
        solved, out = (
            error(session, made, "C3", state=State.RESOLVED),
            error(session, made, "C4", state=State.TAKEN_OUT),
        )
        keyless = error(session, made, "?0123")

        one = retry(session, made, Which(ids=(first, solved, out, keyless, 999)), at=LATER)
        by_code = retry(session, made, Which(everything=True, code="unknown_currency"), at=LATER)
        by_key = retry(session, made, Which(keys=("C2", "NOBODY")), at=LATER)
        asked_for = asked(session, made)
        retry(session, made, Which(everything=True), at=LATER)
        everything = asked(session, made)
        resolve(Bulk(session.connection()), Entity.ACCOUNT, ["C1"], integration_id=made)
        after = asked(session, made)

    assert (one.done, codes(one)) == (1, ["error_unknown", "cannot_retry", "cannot_retry", "cannot_retry"])
    assert (by_code.done, codes(by_code)) == (1, [])
    assert (by_key.done, codes(by_key)) == (1, ["error_unknown"])
    assert asked_for == {Entity.ACCOUNT: ["C1", "C2"]}
    assert everything == {Entity.ACCOUNT: ["C1", "C2"], Entity.REPRESENTATIVE: ["7"]}
    assert after == {Entity.ACCOUNT: ["C2"], Entity.REPRESENTATIVE: ["7"]}
    assert second


@pytest.mark.req("CRM-49")
def test_what_the_erp_refused_is_marked_again_as_old_as_its_edit(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = error(session, made.integration, "BIJOU", side=Side.ERP, local_id=made.account)
        write: dict[str, Any] = {
            "integration_id": made.integration,
            "account_id": made.account,
            "payload": "",
            "changes": "[]",
        }
        session.add(
            Outbox(**write, link_id=made.link, transaction_id="t", action="update", created_at=NOW, edited_at=NOW)
        )
        done = retry(session, made.integration, Which(ids=(number,)), at=LATER)
        link = link_of(session, made)

        assert (done.done, link.changed_at) == (1, NOW)
        assert states(session) == {("BIJOU", "erp"): "retry"}
        assert asked(session, made.integration) == {}


@pytest.mark.req("CRM-49")
def test_an_edit_of_what_the_erp_refused_is_an_edit_of_the_company(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        place = {"side": Side.ERP, "local_id": made.account, "payload": xml(code="BIJOU")}
        number = error(session, made.integration, "BIJOU", **place)
        edit_and_retry(session, number, {"name": "Corrigée", "contacts/5/mobile": "0607"}, at=LATER, by="claire")

    with store.writing() as session:
        assert get(session, Company, made.company).name == get(session, Account, made.account).name == "Corrigée"
        assert (link_of(session, made).changed_at, states(session)) == (LATER, {("BIJOU", "erp"): "retry"})
    with store.writing() as session, pytest.raises(InputRefused) as refused:
        edit_and_retry(session, number, {"web_site": "ok", "name": ""}, at=LATER, by="claire")
    with store.reading() as session:
        assert refused.value.problem_code == "field_required"
        company = get(session, Company, made.company)
        assert (company.name, company.web_site) == ("Corrigée", None)


@pytest.mark.req("CRM-49")
def test_corrections_of_a_pulled_tiers_hold_while_the_erp_says_what_was_refused(store: Store) -> None:
    payload = xml(name=LONG, contacts=[{"key": "7", "last_name": "Deux", "phone": "2" * 30}])
    with store.writing() as session:
        made = integration(session).id
        number = error(session, made, "C1", payload=payload)
        edit_and_retry(session, number, {"name": "Court"}, at=LATER, by="claire")
        edit_and_retry(session, number, {"contacts/7/phone": "02"}, at=LATER, by="claire")
        kept = get(session, SyncError, number).corrections
        shown = {line.path: line.correction for line in error_sheet(session, number).lines if line.correction}

    assert kept == {"name": [LONG, "Court"], "contacts/7/phone": ["2" * 30, "02"]}
    assert shown == {"name": "Court", "contacts/7/phone": "02"}
    with store.reading() as session:
        assert asked(session, made) == {Entity.ACCOUNT: ["C1"]}
    found = corrected(payload, kept)
    assert (found.record.text("name"), found.record.many("contacts")[0].text("phone")) == ("Court", "02")
    assert found.held == {"name": (LONG, "Court"), "contacts/7/phone": ("2" * 30, "02")}
    newer = corrected(xml(name="Corrigé dans Sage"), kept)
    assert (newer.record.text("name"), newer.held) == ("Corrigé dans Sage", {})
    with pytest.raises(InvalidRecord):
        corrected(payload, {"name": (LONG, "Court")})


@pytest.mark.req("CRM-49")
@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("nobody", "x", "correction_unknown_field"),
        ("contacts/99/phone", "x", "correction_unknown_field"),
        ("code", "C2", "correction_read_only"),
        ("collective_account", "411", "correction_read_only"),
        ("name", " ", "correction_empty"),
        ("name", LONG, "correction_too_long"),
        ("dormant", "peut-être", "correction_invalid"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(store: Store, path: str, value: str, code: str) -> None:
    with store.writing() as session:
        number = error(session, integration(session).id, "C1", payload=xml(name=LONG))
    with store.writing() as session, pytest.raises(InputRefused) as refused:
        edit_and_retry(session, number, {"siret": "1", path: value}, at=LATER, by="claire")

    assert (refused.value.problem_code, refused.value.field) == (code, path)
    with store.reading() as session:
        row = get(session, SyncError, number)
        assert (row.corrections, row.state) == (None, State.OPEN)


def page(*xmls: str, good: tuple[str, ...] = ()) -> Changes:
    refused = InvalidRecord("Name: too long", record="BIJOU", field="Name")
    return Changes(
        entity_set=EntitySet.TIERS,
        next_cursor="",
        at_end=True,
        remaining=0,
        records=[corrected(text, {}).record for text in good],
        tombstones=[],
        rejected=[Rejected(key="BIJOU", error=refused, xml=text) for text in xmls],
    )


@pytest.mark.req("CRM-49")
def test_a_page_is_taken_with_its_corrections_and_what_the_erp_holds_stays_the_base(store: Store) -> None:
    bad = xml(code="BIJOU", name=LONG, siret="1")
    with store.writing() as session:
        made = agreed(session)
        number = error(session, made.integration, "BIJOU", payload=bad)
        bulk = Bulk(session.connection())
        ids = {"integration_id": made.integration}
        solved = partial(resolve, bulk, Entity.ACCOUNT, ["BIJOU"], integration_id=made.integration)
        before = with_corrections(bulk, page(bad), **ids)
        edit_and_retry(session, number, {"name": "Court"}, at=LATER, by="claire")
        changes, held = with_corrections(bulk, page(bad, good=(xml(code="C2"),)), **ids)
        # Still refused by the CRM's own rules: nothing is agreed.
        keep_corrections(bulk, held, **ids, now=LATER)
        untouched = load(link_of(session, made).base)["name"]
        solved()
        keep_corrections(bulk, held, **ids, now=LATER)
        link, row = link_of(session, made), get(session, SyncError, number)

    assert (len(before[0].records), len(before[0].rejected), before[1]) == (0, 1, {})
    assert [record.text("name") for record in changes.records] == ["Un", "Court"]
    assert (changes.rejected, held) == ([], {"BIJOU": {"name": (LONG, "Court")}})
    assert untouched == "BIJOU SA"
    assert (load(link.base)["name"], link.changed_at) == (LONG, LATER)
    assert (row.state, row.corrections) == (State.RESOLVED, None)


@pytest.mark.req("CRM-50")
def test_a_linked_tiers_leaves_the_flow_and_comes_back_asked_for_by_its_key(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        number = error(session, made.integration, "BIJOU", side=Side.ERP, local_id=made.account)
        out = take_out(session, made.integration, Which(ids=(number,)), at=LATER, by="claire")
        assert (out.done, link_of(session, made).state) == (1, LinkState.TAKEN_OUT)
        assert states(session) == {("BIJOU", "erp"): "taken_out", ("BIJOU", "crm"): "taken_out"}
        assert taken_out(Bulk(session.connection()), Entity.ACCOUNT, ["BIJOU"], integration_id=made.integration)

        again = take_out(session, made.integration, Which(ids=(number,)), at=LATER, by="claire")
        assert (again.done, codes(again)) == (0, ["cannot_take_out"])
        back = put_back(session, made.integration, Which(ids=(number,)), at=LATER, by="paul")
        link = link_of(session, made)
        assert (back.done, link.state, link.changed_at) == (1, LinkState.LINKED, LATER)
        assert states(session) == {("BIJOU", "erp"): "retry", ("BIJOU", "crm"): "retry"}
        assert asked(session, made.integration) == {Entity.ACCOUNT: ["BIJOU"]}
        lines = session.scalars(select(JournalEntry).order_by(JournalEntry.id)).all()
        assert [(line.field, line.before, line.after, line.by) for line in lines] == [
            ("link", "linked", "taken_out", "claire"),
            ("link", "taken_out", "linked", "paul"),
        ]


@pytest.mark.req("CRM-50")
def test_a_tiers_without_error_can_be_taken_out_by_its_code_and_keeps_its_mark(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session, changed_at=NOW)
        error(session, made.integration, "NEW1", payload=xml(code="NEW1"))
        out = take_out(session, made.integration, Which(keys=("BIJOU", "NEW1", "NOBODY")), at=LATER, by=None)
        assert (out.done, codes(out), out.refused[0].record) == (2, ["tiers_unknown"], "NOBODY")
        assert states(session) == {("BIJOU", "crm"): "taken_out", ("NEW1", "crm"): "taken_out"}
        listed = sync_errors(session, made.integration, state=State.TAKEN_OUT)
        assert {(one.erp_key, one.code) for one in listed} == {("BIJOU", "taken_out"), ("NEW1", "invalid_record")}

        back = put_back(session, made.integration, Which(everything=True), at=LATER, by=None)
        assert (back.done, link_of(session, made).changed_at) == (2, NOW)
        assert asked(session, made.integration) == {Entity.ACCOUNT: ["BIJOU", "NEW1"]}
        refused = put_back(session, made.integration, Which(keys=("BIJOU", "NOBODY")), at=LATER, by=None)
        assert (refused.done, codes(refused)) == (0, ["cannot_put_back", "tiers_unknown"])


@pytest.mark.req("CRM-50")
def test_a_tiers_that_is_gone_comes_back_as_gone_and_a_record_without_key_by_itself(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session, state=LinkState.VANISHED)
        get(session, Account, made.account).erp_state = ErpState.DELETED
        keyless = error(session, made.integration, "?0123")
        take_out(session, made.integration, Which(ids=(keyless,), keys=("BIJOU",)), at=LATER, by=None)
        assert (link_of(session, made).state, states(session)["?0123", "crm"]) == (LinkState.TAKEN_OUT, "taken_out")

        put_back(session, made.integration, Which(everything=True), at=LATER, by=None)
        assert (link_of(session, made).state, states(session)["?0123", "crm"]) == (LinkState.VANISHED, "open")


@pytest.mark.req("CRM-50")
def test_a_creation_that_was_refused_is_taken_out_and_put_back(store: Store) -> None:
    with store.writing() as session:
        made = agreed(session)
        session.delete(session.get_one(Link, made.link))
        get(session, Account, made.account).erp_state = ErpState.AWAITED
        place = {"side": Side.ERP, "local_id": made.account, "payload": xml(code=None)}
        number = error(session, made.integration, f"#{made.account}", **place)
        take_out(session, made.integration, Which(ids=(number,)), at=LATER, by=None)
        assert states(session) == {(f"#{made.account}", "erp"): "taken_out"}
        back = put_back(session, made.integration, Which(ids=(number,)), at=LATER, by=None)
        assert (back.done, states(session)) == (1, {(f"#{made.account}", "erp"): "retry"})
