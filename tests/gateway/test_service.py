"""Every operation the gateway serves, asked by the engine's own client over HTTP; what it does not serve says so."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from importlib.metadata import version

import pytest
from sqlalchemy import Engine, insert, inspect

from contracts.client import GatewayClient
from contracts.errors import RemoteFault
from contracts.fields import Record
from contracts.messages import (
    GET_CHANGE_LOG,
    GET_CONFIGURATION,
    GET_RECORDS,
    GET_VERSIONS,
    OPERATIONS,
    RUN_DIAGNOSTICS,
    VIEW_SOLVENCY,
    EntitySet,
)
from gateway.clock import wall_clock
from gateway.database import writing
from gateway.demo.edits import edit_tiers, insert_contact, insert_tiers
from gateway.sage import F_COMPTET, F_CONTACTT, P_CATTARIF, P_DEVISE, P_SERVICECPTA, P_STATISTIQUE
from gateway.sage.defaults import TiersType
from gateway.service import SERVED
from tests.gateway.base import LONG_AGO, START, ZONE, Clock, add_invoice, make_base
from tests.gateway.live import COMPANY, LiveGateway, live_gateway


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """The small company with its lists."""
    engine = make_base(database_url)
    with writing(engine) as connection:
        for table, column, labels in (
            (P_CATTARIF, "CT_Intitule", ("Grossistes", "", "Détaillants")),
            (P_SERVICECPTA, "S_Intitule", ("Direction", "Achats")),
            (P_STATISTIQUE, "S_Intitule", ("Secteur",)),
        ):
            rows = [{"cbIndice": slot, column: label} for slot, label in enumerate(labels, 1)]
            connection.execute(insert(table), rows)
        currencies = (("Euro", "EUR"), ("Dollar US", "USD"))
        rows = [{"cbIndice": n, "D_Intitule": label, "D_CodeISO": iso} for n, (label, iso) in enumerate(currencies, 1)]
        connection.execute(insert(P_DEVISE), rows)
        add_invoice(connection, "T002", "FA1", dt.date(2020, 1, 1), 10, LONG_AGO)
    yield engine
    engine.dispose()


def _parameters(configuration: Record, kind: str) -> dict[str, str]:
    found = configuration.many("parameters")
    return {one.text("code"): one.text("label") for one in found if one.text("kind") == kind}


@pytest.mark.req("CRM-06", "CRM-12", "CRM-15")
def test_configuration(client: GatewayClient) -> None:
    found = client.get_configuration()

    assert found.text("product") == "Sage 100 Gestion Commerciale"
    assert found.text("company") == COMPANY
    assert found.text("gateway_version") == version("crm-sage100-sync")
    assert found.text("contract_version") == "1.1"
    assert found.text("base_currency") == "EUR"
    options = ("synchronise_contacts", "synchronise_addresses", "synchronise_phones", "synchronise_dormant")
    assert all(found.flag(option) for option in options)
    assert found.text("codification") == "automatic"
    assert (found.integer("codification_length"), found.text("codification_root")) == (8, "C")
    assert [(year["start"], year["end"]) for year in found.many("fiscal_years")] == [
        (dt.date(2025, 1, 1), dt.date(2025, 12, 31)),
        (dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
    ]


@pytest.mark.req("CRM-06", "CRM-26", "CRM-45")
def test_parameters_have_the_codes_the_records_carry(client: GatewayClient) -> None:
    found = client.get_configuration()

    assert _parameters(found, "accounting_category") == {"1": "Ventes France", "3": "Export"}
    assert _parameters(found, "price_category") == {"1": "Grossistes", "3": "Détaillants"}
    assert _parameters(found, "contact_service") == {"1": "Direction", "2": "Achats"}
    assert _parameters(found, "currency") == {"0": "Euro", "1": "Euro", "2": "Dollar US"}
    assert _parameters(found, "language")["0"] == "Langue courante"
    assert _parameters(found, "payment_method") == {"1": "Virement", "2": "Chèque"}
    assert _parameters(found, "statistic") == {"1": "Secteur"}
    risks = {one.text("label"): one.text("action") for one in found.many("parameters") if one.text("kind") == "risk"}
    assert risks == {"Bon client": "deliver", "Contentieux": "block"}


@pytest.mark.req("CRM-12")
def test_configuration_tells_which_options_are_off(base: Engine) -> None:
    with live_gateway(base, synchronise={"contacts": False, "dormant": False}) as live, live.client() as client:
        found = client.get_configuration()

    assert not found.flag("synchronise_contacts")
    assert not found.flag("synchronise_dormant")
    assert found.flag("synchronise_phones")


def test_operations_served_are_listed_and_no_others(client: GatewayClient) -> None:
    listed = [one.text("name") for one in client.get_configuration().many("operations")]

    assert listed == list(SERVED)
    assert {GET_CONFIGURATION.name, GET_CHANGE_LOG.name, RUN_DIAGNOSTICS.name} <= set(listed)


def test_every_operation_of_the_contract_is_served() -> None:
    assert {operation.name for operation in OPERATIONS} == set(SERVED)


def test_an_operation_that_is_not_served_says_so_and_is_not_listed(
    client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(SERVED, VIEW_SOLVENCY.name)

    with pytest.raises(RemoteFault) as refused:
        client.ask(VIEW_SOLVENCY, VIEW_SOLVENCY.request.record(code="T001"))

    assert refused.value.problem_code == "not_supported"
    assert not refused.value.may_retry
    listed = [one.text("name") for one in client.get_configuration().many("operations")]
    assert VIEW_SOLVENCY.name not in listed


@pytest.mark.req("CRM-01", "CRM-13")
def test_change_log_in_pages_and_then_one_empty_call(client: GatewayClient) -> None:
    cursors = dict.fromkeys(EntitySet, "")
    codes: list[str] = []
    for _ in range(20):
        page = client.get_change_log(cursors, page_size=3)
        assert page.company == COMPANY
        for change_set in page.change_sets:
            cursors[change_set.entity_set] = change_set.next_cursor
            codes += [record.text("code") for record in change_set.records if change_set.entity_set == EntitySet.TIERS]
            assert not change_set.rejected
        if len(page.change_sets) == len(cursors) and all(change_set.at_end for change_set in page.change_sets):
            break
    calls = client.calls

    empty = client.get_change_log(cursors)

    assert codes == ["T001", "T002", "T003", "T004", "T005"]
    assert client.calls == calls + 1
    assert [(one.records, one.tombstones, one.at_end, one.remaining) for one in empty.change_sets] == [
        ([], [], True, 0)
    ] * 4


def test_named_records_whatever_the_cursor(client: GatewayClient, base: Engine) -> None:
    with writing(base) as connection:
        insert_tiers(connection, "SALARIE", "Un autre", kind=TiersType.EMPLOYEE, at=LONG_AGO)

    found = client.get_records(EntitySet.TIERS, ["T002", "T001", "NIX", "SALARIE"])
    representative = client.get_records(EntitySet.REPRESENTATIVES, ["1"])

    assert [record.text("code") for record in found.records] == ["T002", "T001"]
    assert [(one.text("key"), one.text("reason")) for one in found.tombstones] == [
        ("NIX", "deleted"),
        ("SALARIE", "out_of_scope"),
    ]
    assert representative.records[0].text("last_name") == "Moreau"


@pytest.mark.req("NEW-03")
def test_the_clock_of_the_base_comes_with_the_records(base: Engine) -> None:
    clock = Clock()
    with live_gateway(base, clock=clock) as live, live.client() as client:
        page = client.get_change_log({EntitySet.TIERS: ""})
        clock.advance(hours=1)
        empty = client.get_change_log({one.entity_set: one.next_cursor for one in page.change_sets})
        named = client.get_records(EntitySet.TIERS, ["T001"])

    assert page.now == START
    assert empty.now == named.now == START + dt.timedelta(hours=1)
    assert page.change_sets[0].records[0].instant("modified") == LONG_AGO.replace(tzinfo=ZONE)


@pytest.mark.req("CRM-01", "NEW-03")
def test_a_row_written_again_as_it_was_is_no_change(client: GatewayClient, base: Engine) -> None:
    first = client.get_change_log({EntitySet.TIERS: ""}).change_sets[0]
    with writing(base) as connection:
        edit_tiers(connection, "T001", at=wall_clock())

    page = client.get_change_log({EntitySet.TIERS: first.next_cursor})
    touched = client.get_records(EntitySet.TIERS, ["T001"]).records[0]

    assert (page.change_sets[0].records, page.change_sets[0].at_end) == ([], True)
    before = next(record for record in first.records if record.text("code") == "T001")
    assert touched.text("version") == before.text("version")
    assert touched["modified"] != before["modified"]


def test_versions_of_every_record_are_those_the_change_log_told(client: GatewayClient) -> None:
    told = {
        record.text("code"): record.text("version")
        for record in client.get_change_log({EntitySet.TIERS: ""}).change_sets[0].records
    }

    assert _versions(client, page_size=2) == told
    for entity in (EntitySet.REPRESENTATIVES, EntitySet.FREE_FIELDS, EntitySet.TURNOVER):
        versions, at_end = client.get_versions(entity_set=entity)
        assert at_end
        assert len(versions) == (2 if entity is EntitySet.REPRESENTATIVES else 0)


@pytest.mark.req("CRM-09")
def test_versions_show_what_was_changed_without_a_mark(client: GatewayClient, base: Engine) -> None:
    first = client.get_change_log({EntitySet.TIERS: ""}).change_sets[0]
    before = _versions(client)
    contact = F_CONTACTT.c
    with writing(base) as connection:
        insert_contact(connection, "T003", "Ancien", at=LONG_AGO)
    second = client.get_change_log({EntitySet.TIERS: first.next_cursor}).change_sets[0]
    with writing(base) as connection:
        connection.execute(F_COMPTET.update().where(F_COMPTET.c.CT_Num == "T002").values(CT_Intitule="En cachette"))
        connection.execute(F_CONTACTT.update().where(contact.CT_Num == "T003").values(CT_Nom="Nouveau"))

    unseen = client.get_change_log({EntitySet.TIERS: second.next_cursor}).change_sets[0]
    after = _versions(client)
    told = {record.text("code"): record for record in client.get_records(EntitySet.TIERS, list(after)).records}

    assert unseen.records == []
    assert {code for code in after if after[code] != before[code]} == {"T002", "T003"}
    assert {code: record.text("version") for code, record in told.items()} == after
    assert told["T002"].text("name") == "En cachette"


@pytest.mark.req("CRM-09", "CRM-12")
def test_versions_leave_out_who_does_not_take_part(base: Engine) -> None:
    with writing(base) as connection:
        for code, dormant in (("T001", 1), ("T002", 2), ("T003", None)):
            edit_tiers(connection, code, at=LONG_AGO, CT_Sommeil=dormant)

    with live_gateway(base, synchronise={"dormant": False}) as live, live.client() as client:
        told = client.get_change_log({EntitySet.TIERS: ""}).change_sets[0].records
        versions = _versions(client, page_size=1)

    assert list(versions) == ["T003", "T004", "T005"]
    assert versions == {record.text("code"): record.text("version") for record in told}


def _versions(client: GatewayClient, *, page_size: int = 2_000) -> dict[str, str]:
    versions: dict[str, str] = {}
    after, at_end = "", False
    while not at_end:
        page, at_end = client.get_versions(after, page_size=page_size)
        versions |= page
        after = page[-1][0] if page else after
    return versions


@pytest.mark.req("CRM-48")
def test_turnover_computed_at_the_moment_of_the_call(client: GatewayClient, base: Engine) -> None:
    year = client.get_configuration().many("fiscal_years")[-1]["start"]
    assert isinstance(year, dt.date)
    with writing(base) as connection:
        add_invoice(connection, "T001", "FA2", year, 99.90, LONG_AGO)

    named = client.get_turnover(["T001", "SAL001"])
    every = client.get_turnover([])

    assert [(one.text("code"), one["current_year"]) for one in named] == [("T001", Decimal("99.90"))]
    assert [one.text("code") for one in every] == ["T001", "T002", "T003", "T004", "T005"]


@pytest.mark.req("CRM-53")
def test_diagnostics_say_what_is_wrong_and_how_to_fix_it(client: GatewayClient, base: Engine) -> None:
    with writing(base) as connection:
        edit_tiers(connection, "T003", at=LONG_AGO, CT_Intitule="")

    findings = {one.text("check"): one for one in client.ask(RUN_DIAGNOSTICS).many("findings")}

    missing = findings["title_missing"]
    assert (missing.text("severity"), missing.integer("count")) == ("blocking", 1)
    assert [example.text("key") for example in missing.many("examples")] == ["T003"]
    assert missing.text("remedy")
    assert findings["code_too_long"].text("severity") == "ok"


@pytest.mark.parametrize(
    ("request_record", "field"),
    [
        (GET_VERSIONS.request.record(name="tiers", page_size=2001), "PageSize"),
        (GET_VERSIONS.request.record(name="tiers", page_size=0), "PageSize"),
        (GET_VERSIONS.request.record(name="customers"), "Name"),
        (GET_CHANGE_LOG.request.record(entity_sets=[]), "EntitySets"),
        (GET_CHANGE_LOG.request.record(wait_seconds=56), "WaitSeconds"),
    ],
)
def test_values_out_of_range_name_the_field(client: GatewayClient, request_record: Record, field: str) -> None:
    operation = next(one for one in OPERATIONS if one.request == request_record.of)

    with pytest.raises(RemoteFault) as refused:
        client.ask(operation, request_record)

    assert (refused.value.problem_code, refused.value.field) == ("invalid_request", field)


def test_more_keys_than_a_call_may_name_are_refused(client: GatewayClient) -> None:
    with pytest.raises(RemoteFault) as refused:
        client.get_records(EntitySet.TIERS, [f"T{number}" for number in range(501)])

    assert refused.value.field == "Keys"
    assert GET_RECORDS.name in SERVED


@pytest.mark.req("CRM-02", "CRM-15")
def test_another_major_version_is_refused(client: GatewayClient) -> None:
    with pytest.raises(RemoteFault) as refused:
        client.ask(GET_CHANGE_LOG, GET_CHANGE_LOG.request.record(contract_version="2.0"))

    assert refused.value.problem_code == "contract_version_unsupported"
    assert refused.value.remedy


def test_a_caller_who_waits_is_answered_as_soon_as_something_changes(gateway: LiveGateway, base: Engine) -> None:
    set_request = GET_CHANGE_LOG.request.parts[GET_CHANGE_LOG.request.index["entity_sets"]].of  # type: ignore[union-attr]

    def edit() -> None:
        time.sleep(0.7)
        with writing(base) as connection:
            insert_tiers(connection, "NEUF", "Nouveau")

    with gateway.client() as client:
        cursor = client.get_change_log({EntitySet.TIERS: ""}).change_sets[0].next_cursor
        wanted = [set_request.record(name="tiers", cursor=cursor)]
        editor = threading.Thread(target=edit)
        editor.start()
        began = time.monotonic()
        page = client.ask(GET_CHANGE_LOG, GET_CHANGE_LOG.request.record(wait_seconds=20, entity_sets=wanted))
        took = time.monotonic() - began
        editor.join()

    assert [one.text("code") for one in page.many("change_sets")[0].many("tiers_list")] == ["NEUF"]
    assert 0.5 < took < 10


def test_a_caller_who_waits_in_vain_is_answered_in_time(gateway: LiveGateway) -> None:
    set_request = GET_CHANGE_LOG.request.parts[GET_CHANGE_LOG.request.index["entity_sets"]].of  # type: ignore[union-attr]
    with gateway.client() as client:
        cursor = client.get_change_log({EntitySet.TIERS: ""}).change_sets[0].next_cursor
        wanted = [set_request.record(name="tiers", cursor=cursor)]
        began = time.monotonic()
        page = client.ask(GET_CHANGE_LOG, GET_CHANGE_LOG.request.record(wait_seconds=1, entity_sets=wanted))

    assert 0.4 < time.monotonic() - began < 5
    assert not page.many("change_sets")[0].many("tiers_list")


@pytest.mark.parametrize("allowed", [True, False])
def test_an_index_on_the_time_of_change_is_made_where_allowed(base: Engine, allowed: bool) -> None:
    with live_gateway(base, index_modifications=allowed) as live, live.client() as client:
        client.get_configuration()
        client.get_configuration()

    indexed = {index["column_names"][0] for index in inspect(base).get_indexes("F_CONTACTT")}
    assert ("cbModification" in indexed) is allowed
