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
    GET_TURNOVER,
    GET_VERSIONS,
    OPERATIONS,
    RUN_DIAGNOSTICS,
    VIEW_SOLVENCY,
    EntitySet,
)
from gateway.database import writing
from gateway.demo.edits import edit_tiers, insert_tiers
from gateway.sage import P_CATTARIF, P_DEVISE, P_SERVICECPTA, P_STATISTIQUE
from gateway.sage.defaults import TiersType
from gateway.service import SERVED
from tests.gateway.base import LONG_AGO, add_invoice, make_base
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
    assert found.text("contract_version") == "1.0"
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


def test_versions_of_every_record_are_those_the_change_log_told(client: GatewayClient) -> None:
    told = {
        record.text("code"): record.text("version")
        for record in client.get_change_log({EntitySet.TIERS: ""}).change_sets[0].records
    }
    versions: dict[str, str] = {}
    after, at_end = "", False
    while not at_end:
        request = GET_VERSIONS.request.record(name="tiers", after_key=after, page_size=2)
        page = client.ask(GET_VERSIONS, request)
        versions |= {one.text("key"): one.text("version") for one in page.many("versions")}
        after, at_end = next(reversed(versions)), page.flag("at_end")

    assert versions == told
    for entity in (EntitySet.REPRESENTATIVES, EntitySet.FREE_FIELDS, EntitySet.TURNOVER):
        page = client.ask(GET_VERSIONS, GET_VERSIONS.request.record(name=entity.value))
        assert page.flag("at_end")
        assert len(page.many("versions")) == (2 if entity is EntitySet.REPRESENTATIVES else 0)


@pytest.mark.req("CRM-48")
def test_turnover_computed_at_the_moment_of_the_call(client: GatewayClient, base: Engine) -> None:
    year = client.get_configuration().many("fiscal_years")[-1]["start"]
    assert isinstance(year, dt.date)
    with writing(base) as connection:
        add_invoice(connection, "T001", "FA2", year, 99.90, LONG_AGO)
    key = GET_TURNOVER.request.parts[0].of  # type: ignore[union-attr]

    named = client.ask(
        GET_TURNOVER, GET_TURNOVER.request.record(keys=[key.record(key="T001"), key.record(key="SAL001")])
    )
    every = client.ask(GET_TURNOVER)

    assert [(one.text("code"), one["current_year"]) for one in named.many("turnovers")] == [("T001", Decimal("99.90"))]
    assert [one.text("code") for one in every.many("turnovers")] == ["T001", "T002", "T003", "T004", "T005"]


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
