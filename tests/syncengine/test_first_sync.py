"""The first synchronisation of a real base over real HTTP: everything arrives, in its place, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.demo.edits import edit_tiers
from gateway.sage import (
    F_COLLABORATEUR,
    F_COMPTET,
    F_CONTACTT,
    F_DOCENTETE,
    F_DOCLIGNE,
    F_LIVRAISON,
    P_CATCOMPTA,
    P_DOSSIER,
)
from syncengine.model import CycleKind, CycleStatus
from tests.crm import differences, dump
from tests.syncengine.world import World, world


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A base of 40 tiers after its first synchronisation."""
    with world(tmp_path, database_url, tiers=40, documents=6.0) as made:
        report = made.cycle()
        assert report.problem is None
        assert (report.kind, report.status) == (CycleKind.FIRST, CycleStatus.SUCCESS)
        yield made


def erp_rows(made: World, table: Any, *where: Any) -> list[dict[str, Any]]:
    with made.erp() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table).where(*where))]


@pytest.mark.req("CRM-05", "CRM-13", "CRM-27")
def test_every_client_and_supplier_and_nobody_else_becomes_an_account_and_a_company(synchronised: World) -> None:
    wanted = {row["CT_Num"]: row for row in erp_rows(synchronised, F_COMPTET, F_COMPTET.c.CT_Type.in_((0, 1)))}
    others = erp_rows(synchronised, F_COMPTET, F_COMPTET.c.CT_Type.not_in((0, 1)))
    accounts = {row["code"]: row for row in synchronised.rows("accounts")}

    assert others
    assert accounts.keys() == wanted.keys()
    assert len(synchronised.rows("companies")) == len(wanted) == 40
    assert len({row["company_id"] for row in accounts.values()}) == 40
    for code, row in accounts.items():
        assert row["type"] == ("client" if wanted[code]["CT_Type"] == 0 else "supplier")
        assert synchronised.company(code)["company_type"] == row["type"]


@pytest.mark.req("CRM-29", "CRM-37", "CRM-40")
def test_each_field_of_a_tiers_is_on_its_account_and_by_replication_on_its_company(synchronised: World) -> None:
    columns = {
        "CT_Intitule": "name",
        "CT_Raccourci": "short_name",
        "CT_Contact": "contact_person",
        "CT_Site": "web_site",
        "CT_Ape": "naf_code",
        "CT_Siret": "siret",
        "N_CatTarif": "price_category",
        "N_CatCompta": "accounting_category",
        "CG_NumPrinc": "collective_account",
        "CT_NumPayeur": "payer",
        "CT_Statistique01": "statistic01",
    }
    seen = set()
    for row in erp_rows(synchronised, F_COMPTET, F_COMPTET.c.CT_Type.in_((0, 1))):
        account, company = synchronised.account(row["CT_Num"]), synchronised.company(row["CT_Num"])
        for column, attr in columns.items():
            expected = str(row[column]) if row[column] not in (None, "") else None
            assert account[attr] == company[attr] == expected, (row["CT_Num"], attr)
            seen.add((attr, expected is not None))
        assert company["status"] == account["status"] == ("inactive" if row["CT_Sommeil"] else "active")
    assert {attr for attr, filled in seen if filled} == set(columns.values())


@pytest.mark.req("CRM-38", "CRM-41")
def test_the_billing_address_and_each_delivery_address_arrive(synchronised: World) -> None:
    for row in erp_rows(synchronised, F_COMPTET, F_COMPTET.c.CT_Type.in_((0, 1))):
        addresses = synchronised.children("addresses", row["CT_Num"])
        deliveries = erp_rows(synchronised, F_LIVRAISON, F_LIVRAISON.c.CT_Num == row["CT_Num"])
        (billing,) = [address for address in addresses if address["kind"] == "billing"]

        assert billing["is_default"]
        assert (billing["street"] or "", billing["town"] or "") == (row["CT_Adresse"], row["CT_Ville"])
        found = {
            (address["erp_key"], address["title"], address["postcode"])
            for address in addresses
            if address["kind"] == "delivery"
        }
        assert found == {(str(d["LI_No"]), d["LI_Intitule"], d["LI_CodePostal"] or None) for d in deliveries}


@pytest.mark.req("CRM-39", "CRM-44", "CRM-45")
def test_contacts_arrive_with_numbers_service_default_and_the_billing_address(synchronised: World) -> None:
    with_contacts = 0
    for row in erp_rows(synchronised, F_COMPTET, F_COMPTET.c.CT_Type.in_((0, 1))):
        code = row["CT_Num"]
        wanted = erp_rows(synchronised, F_CONTACTT, F_CONTACTT.c.CT_Num == code)
        contacts = synchronised.children("contacts", code)
        (billing,) = [address for address in synchronised.children("addresses", code) if address["is_default"]]
        phones = {(p["contact_id"], p["kind"]): p["number"] for p in synchronised.children("phones", code)}

        assert {c["erp_key"]: (c["last_name"], c["function"]) for c in contacts} == {
            str(w["CT_No"]): (w["CT_Nom"], w["CT_Fonction"] or None) for w in wanted
        }
        assert [c["is_default"] for c in sorted(contacts, key=lambda c: int(c["erp_key"]))] == [
            place == 0 for place in range(len(wanted))
        ]
        assert {c["default_address_id"] for c in contacts} <= {billing["id"]}
        assert phones.get((None, "standard"), "") == row["CT_Telephone"]
        by_number = {c["erp_key"]: c["id"] for c in contacts}
        for contact in wanted:
            assert phones.get((by_number[str(contact["CT_No"])], "mobile"), "") == contact["CT_TelPortable"]
        with_contacts += bool(wanted)
    assert with_contacts > 20


@pytest.mark.req("CRM-04", "CRM-06", "CRM-13")
def test_parameters_and_representatives_come_before_the_tiers(synchronised: World) -> None:
    parameters = synchronised.rows("erp_parameters", kind="accounting_category")
    (wide,) = erp_rows(synchronised, P_CATCOMPTA)
    wanted = [wide[f"CA_ComptaVen{n:02d}"] for n in range(1, 51) if wide[f"CA_ComptaVen{n:02d}"]]
    phases = [progress.phase for progress in synchronised.watched]

    assert [row["label"] for row in parameters] == wanted
    assert len(synchronised.rows("representatives")) == len(erp_rows(synchronised, F_COLLABORATEUR))
    assert synchronised.rows("erp_parameters", kind="contact_service")
    assert phases == sorted(phases, key=["free_fields", "representatives", "tiers", "turnover"].index)


@pytest.mark.req("CRM-40", "CRM-46")
def test_free_fields_appear_in_the_metadata_with_their_values(synchronised: World) -> None:
    definitions = {row["name"]: row["type"] for row in synchronised.rows("free_field_definitions")}
    valued = [row["free_values"] for row in synchronised.rows("companies") if row["free_values"]]

    assert set(definitions.values()) >= {"text", "date", "datetime", "value", "amount", "list"}
    assert valued
    assert {name for values in valued for name in values} <= definitions.keys()


@pytest.mark.req("CRM-48")
def test_turnover_is_the_sum_of_the_invoices_of_each_year(synchronised: World) -> None:
    (dossier,) = erp_rows(synchronised, P_DOSSIER)
    ends = [dossier[f"D_FinExo{n:02d}"] for n in range(1, 6) if dossier[f"D_FinExo{n:02d}"]]
    starts = [dossier[f"D_DebutExo{n:02d}"] for n in range(1, 6) if dossier[f"D_DebutExo{n:02d}"]]
    today = synchronised.now().date()
    current = next(n for n, (start, end) in enumerate(zip(starts, ends, strict=True)) if start <= today <= end)
    lines = erp_rows(
        synchronised,
        F_DOCLIGNE,
        F_DOCLIGNE.c.DO_Domaine == 0,
        F_DOCLIGNE.c.DO_Type.in_((6, 7)),
    )
    heads = {(h["DO_Type"], h["DO_Piece"]): h for h in erp_rows(synchronised, F_DOCENTETE)}
    expected: dict[str, Decimal] = {}
    for line in lines:
        head = heads[line["DO_Type"], line["DO_Piece"]]
        if starts[current] <= head["DO_Date"] <= ends[current]:
            sign = -1 if head["DO_Provenance"] in (1, 2) else 1
            amount = sign * abs(line["DL_MontantHT"])
            expected[head["DO_Tiers"]] = expected.get(head["DO_Tiers"], Decimal(0)) + amount

    found = {row["erp_key"]: row["current_year"] for row in synchronised.rows("ca_realise")}

    assert sum(1 for amount in expected.values() if amount) > 3
    for code, amount in expected.items():
        assert abs(found.get(code, Decimal(0)) - amount) < Decimal("0.01"), code
    assert all(row["account_id"] for row in synchronised.rows("ca_realise"))


@pytest.mark.req("CRM-10")
def test_progress_is_told_while_it_runs_and_the_status_when_it_ended(tmp_path: Path, sqlite_url: str) -> None:
    with world(tmp_path, sqlite_url, tiers=40) as made:
        made.page_size = 10
        report = made.cycle()
        (cycle,) = made.rows("cycles")

    done = [progress.done for progress in made.watched]
    assert len(done) > 5
    assert done == sorted(done)
    assert all(progress.total >= progress.done for progress in made.watched)
    assert made.watched[-1].done == made.watched[-1].total == cycle["progress_done"]
    assert cycle["status"] is CycleStatus.SUCCESS
    assert report.status.label == "Succès"


@pytest.mark.guarantees
@pytest.mark.req("CRM-01")
def test_a_second_cycle_is_one_call_and_writes_nothing(synchronised: World) -> None:
    before, journal = dump(synchronised.store), synchronised.rows("journal")

    report = synchronised.cycle()

    assert (report.kind, report.calls) == (CycleKind.DIFFERENTIAL, 1)
    assert set(report.counts.as_dict().values()) == {0}
    assert differences(before, dump(synchronised.store)) == []
    assert synchronised.rows("journal") == journal == []


@pytest.mark.guarantees
@pytest.mark.parametrize("page_size", [1, 7, 2000])
def test_the_size_of_the_pages_changes_nothing(tmp_path: Path, sqlite_url: str, page_size: int) -> None:
    with world(tmp_path, sqlite_url, tiers=15) as made:
        made.page_size = page_size
        made.cycle()
        paged = dump(made.store)
    (tmp_path / "again").mkdir()
    with world(tmp_path / "again", f"sqlite:///{tmp_path}/other.db", tiers=15) as made:
        made.cycle()
        assert differences(paged, dump(made.store)) == []


@pytest.mark.req("CRM-06")
def test_parameters_are_asked_for_again_only_after_thirty_minutes(synchronised: World) -> None:
    assert synchronised.cycle().calls == 1
    synchronised.ahead = timedelta(minutes=29)
    assert synchronised.cycle().calls == 1
    synchronised.ahead = timedelta(minutes=31)
    assert synchronised.cycle().calls == 2


@pytest.mark.req("CRM-26")
def test_a_tiers_without_categories_gets_the_first_of_each_list(tmp_path: Path, sqlite_url: str) -> None:
    with world(tmp_path, sqlite_url, tiers=5) as made:
        (code, *_) = [row["CT_Num"] for row in erp_rows(made, F_COMPTET, F_COMPTET.c.CT_Type == 0)]
        with made.erp() as connection:
            edit_tiers(connection, code, N_CatTarif=0, N_CatCompta=0)
        made.cycle()

        company = made.company(code)
        assert (company["price_category"], company["accounting_category"]) == ("1", "1")
        assert (company["currency"], company["language"]) == ("0", "0")


@pytest.mark.req("CRM-12")
@pytest.mark.parametrize(
    ("option", "table"), [("contacts", "contacts"), ("addresses", "addresses"), ("phones", "phones")]
)
def test_what_the_gateway_is_told_not_to_synchronise_does_not_arrive(
    tmp_path: Path, sqlite_url: str, option: str, table: str
) -> None:
    with world(tmp_path, sqlite_url, tiers=5, synchronise={option: False}) as made:
        made.cycle()

        assert made.rows(table) == []
        assert len(made.rows("accounts")) == 5


@pytest.mark.req("CRM-12")
@pytest.mark.parametrize("wanted", [True, False])
def test_dormant_tiers_arrive_as_inactive_or_not_at_all(tmp_path: Path, sqlite_url: str, *, wanted: bool) -> None:
    with world(tmp_path, sqlite_url, tiers=40, synchronise={"dormant": wanted}) as made:
        made.cycle()
        dormant = {row["CT_Num"] for row in erp_rows(made, F_COMPTET, F_COMPTET.c.CT_Sommeil == 1)}

        inactive = {row["code"] for row in made.rows("companies", status="inactive")}
        assert dormant
        assert inactive == (dormant if wanted else set())
        assert len(made.rows("companies")) == (40 if wanted else 40 - len(dormant))
