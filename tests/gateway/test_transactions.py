"""ExecuteTransactions over HTTP: once and only once for each id, stale, one bad one stops no other, seen by the change log."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from contracts.client import GatewayClient
from contracts.errors import RemoteFault
from contracts.messages import EXECUTE_TRANSACTIONS, TRANSACTION, EntitySet
from contracts.tables import CONTACT, TIERS
from gateway import app
from gateway.database import reading, writing
from gateway.demo.edits import edit_tiers, insert_contact
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON
from gateway.sweep import utc_now
from gateway.transactions import GW_TRANSACTION, KEPT
from tests.gateway.base import LONG_AGO, Clock, make_base
from tests.gateway.live import LiveGateway, live_gateway
from tests.gateway.writes import contact, create, delivery, execute, now, outcome, rows_of, tiers_of, update

pytestmark = pytest.mark.req("CRM-01")


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    engine = make_base(database_url)
    yield engine
    engine.dispose()


def test_an_update_changes_what_it_says_and_nothing_else(base: Engine, client: GatewayClient) -> None:
    before = tiers_of(client)

    (result,) = execute(client, update(before, web_site="exemple.fr", phone="01 02 03 04 05"))

    after = tiers_of(client)
    assert outcome(result) == ("done", "", "")
    assert (result.text("key"), result.text("version")) == ("T001", after.text("version"))
    assert now(result) == after
    assert after.text("version") != before.text("version")
    differing = {attr for attr, value in after.items() if value != before[attr]}
    assert differing == {"version", "modified", "web_site", "phone"}
    with reading(base) as connection:
        at = connection.scalar(select(F_COMPTET.c.cbModification).where(F_COMPTET.c.CT_Num == "T001"))
    assert at is not None
    assert at > dt.datetime(2026, 2, 1)  # noqa: DTZ001


def test_an_update_that_says_what_is_there_writes_nothing(base: Engine, client: GatewayClient) -> None:
    before, rows = tiers_of(client), rows_of(base)
    said: dict[str, Any] = {attr: value for attr, value in before.items() if attr not in {"code", "type", "name"}}

    (result,) = execute(client, update(before, **said))

    assert outcome(result) == ("done", "", "")
    assert result.text("version") == before.text("version")
    assert rows_of(base) == rows


@pytest.mark.req("NEW-05")
def test_the_same_id_again_returns_the_same_result_and_touches_nothing(base: Engine, client: GatewayClient) -> None:
    transaction = create(code="NEUF", contacts=[contact("Durand")])
    (first,) = execute(client, transaction)
    rows = rows_of(base)

    again, third = execute(client, transaction, transaction)

    assert outcome(first) == ("done", "", "")
    assert again == third == first
    assert rows_of(base) == rows


@pytest.mark.req("NEW-05")
def test_a_refusal_and_a_stale_are_the_same_again_too(base: Engine, client: GatewayClient) -> None:
    present = tiers_of(client)
    transactions = [update(present, base="0" * 32, fax="1"), create(code="T001")]
    first = execute(client, *transactions)
    with writing(base) as connection:
        edit_tiers(connection, "T001", CT_Ville="Nantes")

    assert [one.text("status") for one in first] == ["stale", "refused"]
    assert execute(client, *transactions) == first


@pytest.mark.req("NEW-05")
def test_another_payload_under_a_known_id_is_refused(base: Engine, client: GatewayClient) -> None:
    execute(client, create(identity="one", code="NEUF"))
    rows = rows_of(base)

    (result,) = execute(client, create(identity="one", code="AUTRE"))

    assert outcome(result) == ("refused", "transaction_id_reused", "Id")
    assert rows_of(base) == rows


@pytest.mark.req("NEW-05")
def test_the_same_id_from_many_threads_is_done_once(base: Engine, gateway: LiveGateway) -> None:
    transaction = create(contacts=[contact("Durand")])
    results = _at_once(gateway, [[transaction]] * 6)

    assert len({one.text("key") for (one,) in results}) == 1
    assert all(outcome(one) == ("done", "", "") for (one,) in results)
    with reading(base) as connection:
        query = select(func.count()).select_from(F_COMPTET).where(F_COMPTET.c.CT_Intitule == "Nouveau")
        assert connection.scalar(query) == 1
        assert connection.scalar(select(func.count()).select_from(F_CONTACTT)) == 1


@pytest.mark.req("CRM-23")
def test_creations_at_once_take_numbers_of_their_own(base: Engine, gateway: LiveGateway) -> None:
    batches = [[create(contacts=[contact(f"N{n}")]) for n in range(5)] for _ in range(4)]
    results = [one for batch in _at_once(gateway, batches) for one in batch]

    assert [outcome(one) for one in results] == [("done", "", "")] * 20
    assert {one.text("key") for one in results} == {f"C{number:07}" for number in range(1, 21)}
    assert len({one.text("key") for result in results for one in now(result).many("contacts")}) == 20


def _at_once(gateway: LiveGateway, batches: list[list[Any]]) -> list[list[Any]]:
    results: dict[int, list[Any]] = {}
    gate = threading.Barrier(len(batches))

    def work(position: int) -> None:
        with gateway.client() as client:
            gate.wait(20)
            results[position] = execute(client, *batches[position])

    threads = [threading.Thread(target=work, args=(position,)) for position in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == len(batches), "a thread failed"
    return [results[position] for position in range(len(batches))]


@pytest.mark.req("NEW-05")
def test_an_answer_lost_after_the_commit_is_given_again(
    base: Engine, client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("cut off")

    transaction = create(code="NEUF")
    with monkeypatch.context() as patched:
        patched.setattr(app, "_packed_answer", lost)
        with pytest.raises(RemoteFault, match="internal_error"):
            execute(client, transaction)
    rows = rows_of(base)
    assert any("NEUF" in row for row in rows["F_COMPTET"])

    (result,) = execute(client, transaction)

    assert outcome(result) == ("done", "", "")
    assert now(result) == tiers_of(client, "NEUF")
    assert rows_of(base) == rows


@pytest.mark.req("NEW-05")
def test_a_crash_before_the_commit_leaves_neither_rows_nor_record(
    base: Engine, client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: Any) -> None:
        raise RuntimeError("cut off")

    rows, transaction = rows_of(base), create(code="NEUF")
    with monkeypatch.context() as patched:
        patched.setattr("gateway.writing.keep", crash)
        with pytest.raises(RemoteFault, match="internal_error"):
            execute(client, transaction)
    assert rows_of(base) == rows

    (result,) = execute(client, transaction)

    assert outcome(result) == ("done", "", "")


def test_a_tiers_that_moved_on_is_stale_and_told_as_it_is(base: Engine, client: GatewayClient) -> None:
    before = tiers_of(client)
    with writing(base) as connection:
        edit_tiers(connection, "T001", CT_Ville="Nantes")
    rows = rows_of(base)

    (result,) = execute(client, update(before, fax="1"))

    assert outcome(result) == ("stale", "stale", "")
    assert now(result) == tiers_of(client)
    assert result.text("version") == now(result).text("version") != before.text("version")
    assert result.text("remedy")
    assert rows_of(base) == rows


def test_of_two_updates_on_one_base_the_second_is_stale(client: GatewayClient) -> None:
    before = tiers_of(client)

    first, second = execute(client, update(before, fax="1"), update(before, fax="2"))

    assert (first.text("status"), second.text("status")) == ("done", "stale")
    assert now(second).text("fax") == "1"


@pytest.mark.req("CRM-49")
def test_one_bad_transaction_stops_no_other(base: Engine, client: GatewayClient) -> None:
    before = tiers_of(client)
    batch = [
        create(code="UN"),
        create(name="x" * 200),
        create(code="AVEC BLANC"),
        update(before, email="e" * 300),
        create(code="T002"),
        TRANSACTION.record(id="act", action="delete", tiers=TIERS.record(type="client", name="x")),
        TRANSACTION.record(id="base", action="update", tiers=TIERS.record(type="client", name="x", code="T001")),
        create(contacts=[contact("x", key="pas une clé")]),
        create(code="DEUX"),
    ]

    results = execute(client, *batch)

    assert [one.text("id") for one in results] == [one.text("id") for one in batch]
    assert [outcome(one) for one in results] == [
        ("done", "", ""),
        ("refused", "too_long", "Name"),
        ("refused", "account_code_invalid", "Code"),
        ("refused", "too_long", "Email"),
        ("refused", "code_in_use", "Code"),
        ("refused", "invalid_transaction", "Action"),
        ("refused", "invalid_transaction", "BaseVersion"),
        ("refused", "invalid_record", "Key"),
        ("done", "", ""),
    ]
    assert "Contact 1, Key" in results[7].text("message")
    assert all(one.text("message") and one.text("remedy") for one in results if one.text("status") == "refused")


def test_a_transaction_without_an_id_is_refused(base: Engine, client: GatewayClient) -> None:
    rows, tiers = rows_of(base), TIERS.record(type="client", name="x", code="NEUF")

    (result,) = execute(client, TRANSACTION.record(id="", action="create", tiers=tiers))

    assert outcome(result) == ("refused", "invalid_transaction", "Id")
    assert rows_of(base) == rows


def test_a_batch_that_is_too_large_is_refused_as_a_whole(base: Engine, client: GatewayClient) -> None:
    rows = rows_of(base)

    with pytest.raises(RemoteFault, match="at most 500") as refused:
        execute(client, *(create() for _ in range(501)))

    assert (refused.value.problem_code, refused.value.field) == ("invalid_request", "Transactions")
    assert rows_of(base) == rows


@pytest.mark.req("CRM-01")
def test_the_change_log_tells_a_write_once_with_its_version(client: GatewayClient) -> None:
    cursor = {EntitySet.TIERS: ""}
    cursor[EntitySet.TIERS] = client.get_change_log(cursor).change_sets[0].next_cursor
    present = tiers_of(client)
    added = [*present.many("addresses"), delivery(title="Quai"), delivery(town="Brest")]
    results = execute(
        client,
        update(present, siret="552 100 554 00021", addresses=added, contacts=[contact("Durand")]),
        create(code="NEUF", contacts=[contact("Martin")]),
    )

    page = client.get_change_log(cursor).change_sets[0]
    told = {record.text("code"): record for record in page.records}
    cursor[EntitySet.TIERS] = page.next_cursor
    after = client.get_change_log(cursor).change_sets[0]

    assert {one.text("key"): one.text("version") for one in results} == {
        code: record.text("version") for code, record in told.items()
    }
    assert [now(one) for one in results] == [told["T001"], told["NEUF"]]
    assert not after.records


@pytest.mark.req("CRM-38", "CRM-45")
def test_the_change_log_tells_that_children_are_gone(client: GatewayClient) -> None:
    (result,) = execute(client, update(tiers_of(client), contacts=[contact("Durand"), contact("Martin")]))
    cursor = {EntitySet.TIERS: client.get_change_log({EntitySet.TIERS: ""}).change_sets[0].next_cursor}
    one = now(result).many("contacts")[:1]

    (result,) = execute(client, update(now(result), contacts=one, addresses=[]))

    page = client.get_change_log(cursor).change_sets[0]
    assert [record.text("version") for record in page.records] == [result.text("version")]
    assert now(result).many("contacts") == one
    assert [address.text("kind") for address in now(result).many("addresses")] == ["billing"]


@pytest.mark.req("CRM-45")
def test_a_deleted_contact_marks_its_tiers(base: Engine, client: GatewayClient) -> None:
    with writing(base) as connection:
        insert_contact(connection, "T001", "Durand", at=LONG_AGO)

    execute(client, update(tiers_of(client), contacts=[]))

    with reading(base) as connection:
        assert connection.scalar(select(func.count()).select_from(F_CONTACTT)) == 0
        marked = select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.cbModification > LONG_AGO)
        assert list(connection.scalars(marked)) == ["T001"]


@pytest.mark.req("CRM-12")
@pytest.mark.parametrize(
    ("option", "said", "field"),
    [
        ("contacts", {"contacts": []}, "Contacts"),
        ("addresses", {"addresses": [delivery(title="Quai")]}, "Addresses"),
        ("phones", {"fax": ""}, "Fax"),
        ("phones", {"contacts": [contact("Durand", mobile="0601020304")]}, "Mobile"),
    ],
)
def test_an_update_of_what_is_not_synchronised_is_refused_whole(
    base: Engine, option: str, said: dict[str, Any], field: str
) -> None:
    with live_gateway(base, synchronise={option: False}) as live, live.client() as client:
        before, rows = tiers_of(client), rows_of(base)
        refused, done = execute(client, update(before, web_site="non.fr", **said), update(before, web_site="oui.fr"))

        assert outcome(refused) == ("refused", "not_synchronised", field)
        assert "GetConfiguration" in refused.text("remedy")
        assert outcome(done) == ("done", "", "")
        assert tiers_of(client).text("web_site") == "oui.fr"
        unchanged = {F_CONTACTT.name, F_LIVRAISON.name}
        assert {name: rows_of(base)[name] for name in unchanged} == {name: rows[name] for name in unchanged}
    with live_gateway(base) as live, live.client() as client:
        (taken,) = execute(client, update(tiers_of(client), **said))
        assert outcome(taken) == ("done", "", "")


@pytest.mark.req("CRM-12")
def test_contacts_whose_numbers_are_not_synchronised_keep_them(base: Engine) -> None:
    with writing(base) as connection:
        insert_contact(connection, "T001", "Durand", CT_Telephone="0102030405")
    with live_gateway(base, synchronise={"phones": False}) as live, live.client() as client:
        present = tiers_of(client)
        (known,) = present.many("contacts")
        (result,) = execute(client, update(present, contacts=[CONTACT.record(key=known["key"], last_name="Durant")]))

    assert outcome(result) == ("done", "", "")
    with reading(base) as connection:
        rows = connection.execute(select(F_CONTACTT.c.CT_Nom, F_CONTACTT.c.CT_Telephone)).all()
    assert [tuple(row) for row in rows] == [("Durant", "0102030405")]


@pytest.mark.req("CRM-12")
def test_options_do_not_keep_the_crm_from_creating(base: Engine) -> None:
    options = {"contacts": False, "addresses": False, "phones": False, "dormant": False}
    with live_gateway(base, synchronise=options) as live, live.client() as client:
        said: dict[str, Any] = {"phone": "0102030405", "contacts": [contact("Durand")]}
        (result,) = execute(client, create(code="NEUF", **said, addresses=[delivery(title="Quai")]))

        assert outcome(result) == ("done", "", "")
        assert now(result).text("phone") == "0102030405"
        assert [one.text("last_name") for one in now(result).many("contacts")] == ["Durand"]
        assert now(result).text("version") == result.text("version") == tiers_of(client, "NEUF").text("version")

        (slept,) = execute(client, update(now(result), dormant=True))
        (woken,) = execute(client, update(now(slept), dormant=False))

    assert (now(slept).flag("dormant"), now(woken).flag("dormant")) == (True, False)
    assert woken.text("version") == result.text("version")


def test_results_of_long_ago_are_forgotten(base: Engine) -> None:
    clock = Clock(now=utc_now())
    with live_gateway(base, clock=clock) as live, live.client() as client:
        execute(client, create(identity="old", code="NEUF"))
        clock.advance(days=KEPT.days - 1)
        execute(client, create(identity="mid", code="AUTRE"))
        clock.advance(days=2)
        execute(client, create(identity="new", code="ENCORE"))

    with reading(base) as connection:
        kept = set(connection.scalars(select(GW_TRANSACTION.c.id)))
    assert kept == {"mid", "new"}


def test_what_the_database_refuses_is_told_and_stops_no_other(base: Engine) -> None:
    with live_gateway(base) as live, live.client() as client:
        present = tiers_of(client)
        # Altered under a gateway that has looked at it already.
        with writing(base) as connection:
            connection.exec_driver_sql('ALTER TABLE "F_COMPTETG" RENAME COLUMN "CG_Num" TO "CG_Old"')
        bad, good = execute(client, create(identity="bad", code="NEUF"), update(present, fax="1"))
        again = execute(client, create(identity="bad", code="NEUF"))

    assert outcome(bad) == ("refused", "database_refused", "")
    assert good.text("status") == "done"
    assert again == [bad]
    with reading(base) as connection:
        assert connection.scalar(select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Num == "NEUF")) is None


def test_the_operation_is_listed(client: GatewayClient) -> None:
    listed = [one.text("name") for one in client.get_configuration().many("operations")]
    assert EXECUTE_TRANSACTIONS.name in listed
