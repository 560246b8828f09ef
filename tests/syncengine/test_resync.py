"""The totality finds what the pointers missed, on both sides, and writes only what differs (CRM-09, CRM-19)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from contracts.messages import EntitySet
from contracts.tables import BILLING
from gateway.demo.edits import delete_tiers, edit_tiers, insert_contact, insert_delivery, insert_tiers
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON
from syncengine.core.paths import LISTS, STRUCTS
from syncengine.core.policies import FROM_ERP as FROM_ERP_ONLY
from syncengine.core.snapshot import Snapshot, snapshot
from syncengine.cycle.crm_rows import load_rows
from syncengine.cycle.run import Order
from syncengine.errors import NotActive, SettingsLocked
from syncengine.model import Base, CycleKind, CycleStatus, IntegrationState, Side
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk
from tests.crm import dump
from tests.end_to_end.disturbance import backup
from tests.syncengine.evening import Evening, differences, lived, state
from tests.syncengine.mortal import Fate, Killed, MortalStore, gateways
from tests.syncengine.world import Clock, World, world

FULL = Order(full=True)
FROM_ERP, FROM_CRM = Order(full=True, preferred=Side.ERP), Order(full=True, preferred=Side.CRM)
LATER = timedelta(minutes=31)
pytestmark = pytest.mark.guarantees


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A synchronised base with clients ACME and BETA, each with a contact and a delivery address."""
    with world(tmp_path, sqlite_url, tiers=3, documents=0.5) as one:
        with one.erp() as connection:
            for code in ("ACME", "BETA"):
                insert_tiers(connection, code, code.title(), CT_Site="www.exemple.fr", CO_No=2)
                insert_contact(connection, code, "Martin", CT_Telephone="0102030405")
                insert_delivery(connection, code, "Dépôt", LI_Ville="Lyon")
        one.cycle()
        yield one


def contents(made: World) -> tuple[Any, ...]:
    """Everything on both sides, instants of change included."""
    tables = ("companies", "accounts", "addresses", "contacts", "phones", "emails", "links", "journal", "outbox")
    with made.erp() as connection:
        erp = [list(connection.execute(select(table))) for table in (F_COMPTET, F_LIVRAISON, F_CONTACTT)]
    return [made.rows(table) for table in tables], dump(made.store), erp


@pytest.mark.req("CRM-09", "CRM-19")
def test_a_full_run_of_a_base_that_agrees_writes_nothing(made: World) -> None:
    before = contents(made)

    report = made.cycle(FULL)

    assert (report.kind, report.status) == (CycleKind.RESYNC, CycleStatus.SUCCESS)
    assert contents(made) == before


@pytest.mark.req("CRM-09")
def test_what_was_changed_behind_the_pointers_of_the_erp_is_found(made: World) -> None:
    """A script, a restore or an import may write without setting cbModification."""
    with gateways() as server:
        # The change log looks back two minutes; what is written without a mark from now on stays unseen.
        made.gateway = server.serve(made.sage, clock=Clock(ahead=timedelta(hours=1)))
        made.cycle()
        client = F_COMPTET.c.CT_Num == "ACME"
        with made.erp() as connection:
            connection.execute(update(F_COMPTET).where(client).values(CT_Contact="Script"))
            connection.execute(update(F_CONTACTT).where(F_CONTACTT.c.CT_Num == "ACME").values(CT_Telephone="09"))
            connection.execute(update(F_LIVRAISON).where(F_LIVRAISON.c.LI_Intitule == "Dépôt").values(LI_Ville="Nice"))
        assert made.cycle().counts.changed == 0

        report = made.cycle(FULL)

        assert (report.status, report.counts.changed, report.counts.sent) == (CycleStatus.SUCCESS, 2, 0)
        assert made.company("ACME")["contact_person"] == "Script"
        assert {row["number"] for row in made.children("phones", "ACME")} == {"09"}
        for code in ("ACME", "BETA"):
            assert "Nice" in {row["town"] for row in made.children("addresses", code)}
        lines = {(line.entity, line.field, line.before, line.after) for line in made.journal(report)}
        assert ("account", "contact_person", None, "Script") in lines
        again = contents(made)
        made.cycle(FULL)
        assert contents(made) == again


@pytest.mark.req("CRM-09", "CRM-28")
def test_what_was_changed_by_sql_in_the_crm_is_found_and_sent(made: World) -> None:
    tables = Base.metadata.tables
    account = made.account("ACME")["id"]
    with made.store.writing() as session:
        for table, values in (
            ("contacts", {"function": "Script"}),
            ("phones", {"number": "0900000000"}),
            ("addresses", {"region": "Script"}),
        ):
            of = tables[table]
            session.execute(update(of).where(of.c.account_id == account).values(**values))
        of = tables["accounts"]
        session.execute(update(of).where(of.c.code == "BETA").values(web_site="www.script.fr"))
    assert made.cycle().counts.sent == 0

    report = made.cycle(FULL)

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 2)
    assert made.column(F_CONTACTT.c.CT_Fonction, "ACME") == {"Script"}
    assert made.column(F_CONTACTT.c.CT_Telephone, "ACME") == {"0900000000"}
    assert made.column(F_LIVRAISON.c.LI_CodeRegion, "ACME") == {"Script"}
    assert made.erp_row("BETA")["CT_Site"] == "www.script.fr"
    again = contents(made)
    made.cycle(FULL)
    assert contents(made) == again


@pytest.mark.req("CRM-09", "CRM-46", "CRM-48")
def test_small_sets_are_read_again_whole(made: World) -> None:
    tables = Base.metadata.tables
    turnover, representatives = made.rows("ca_realise"), made.rows("representatives")
    assert turnover
    with made.store.writing() as session:
        session.execute(update(tables["ca_realise"]).values(current_year=Decimal(1)))
        session.execute(update(tables["representatives"]).values(last_name="SQL"))
        session.execute(delete(tables["free_field_definitions"]))

    assert made.cycle(FULL).problem is None

    assert [row["current_year"] for row in made.rows("ca_realise")] == [row["current_year"] for row in turnover]
    assert made.rows("representatives") == representatives
    assert len(made.rows("free_field_definitions")) == 7


@pytest.mark.req("CRM-09", "CRM-32")
def test_after_a_backup_of_the_erp_was_restored_both_sides_agree_again(made: World, tmp_path: Path) -> None:
    with gateways() as server:
        made.gateway = server.serve(made.sage)
        backup(made.sage, tmp_path / "backup.db")
        with made.erp() as connection:
            insert_tiers(connection, "APRES", "Créé après la sauvegarde")
            edit_tiers(connection, "ACME", CT_Contact="Après")
            delete_tiers(connection, "BETA")
        made.cycle()
        assert (made.account("APRES")["status"], made.account("BETA")["status"]) == ("active", "inactive")
        server.close()
        made.sage.dispose()
        for leftover in tmp_path.glob("sage.db*"):
            leftover.unlink()
        (tmp_path / "backup.db").rename(tmp_path / "sage.db")
        server.serve(made.sage)

        report = made.cycle(FULL)

        assert report.status is CycleStatus.SUCCESS
        states = {code: made.account(code)["erp_state"] for code in ("APRES", "ACME", "BETA")}
        assert states == {"APRES": "deleted", "ACME": "present", "BETA": "present"}
        assert made.company("APRES")["status"] == "inactive"
        assert made.company("BETA")["status"] == "active"
        assert made.company("ACME")["contact_person"] is None
        again = contents(made)
        assert made.cycle(FULL).problem is None
        assert contents(made) == again
        assert made.cycle().problem is None
        assert contents(made)[0] == again[0]


@pytest.mark.req("CRM-09")
def test_a_tiers_that_was_removed_from_the_crm_by_sql_arrives_again(made: World) -> None:
    account, tables = made.account("BETA"), Base.metadata.tables
    with made.store.writing() as session:
        for name in ("phones", "emails", "contacts", "addresses"):
            session.execute(delete(tables[name]).where(tables[name].c.account_id == account["id"]))
        session.execute(delete(tables["links"]).where(tables["links"].c.erp_key == "BETA"))
        session.execute(delete(tables["accounts"]).where(tables["accounts"].c.id == account["id"]))
        session.execute(delete(tables["companies"]).where(tables["companies"].c.id == account["company_id"]))
    assert made.cycle().counts.arrived == 0

    report = made.cycle(FULL)

    assert (report.counts.arrived, made.company("BETA")["name"]) == (1, "Beta")
    assert len(made.children("contacts", "BETA")) == 1


@pytest.mark.req("CRM-11", "CRM-18", "CRM-19")
def test_a_run_in_one_direction_needs_the_integration_deactivated_and_any_other_active(made: World) -> None:
    for order in (FROM_ERP, FROM_CRM):
        with pytest.raises(SettingsLocked):
            made.cycle(order)
        with pytest.raises(SettingsLocked):
            made.preview(order)
    made.set(state=IntegrationState.INACTIVE)
    for order in (FULL, Order()):
        with pytest.raises(NotActive):
            made.cycle(order)
    assert [row["kind"] for row in made.rows("cycles")] == ["first"]
    for order, kind in ((FROM_ERP, CycleKind.RESYNC), (FROM_CRM, CycleKind.FULL_SEND)):
        report = made.cycle(order)
        assert (report.kind, report.status) == (kind, CycleStatus.SUCCESS)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """The busy day, lived once."""
    with lived(tmp_path_factory.mktemp("resync")) as one:
        yield one


def sides(made: World) -> dict[str, tuple[Snapshot, Snapshot]]:
    """The tiers as the CRM has them and as the ERP tells them, of those that are linked and there."""
    links = {row["erp_key"]: row["local_id"] for row in made.rows("links") if row["state"] == "linked"}
    with made.gateway.client() as client:
        told = {one.text("code"): snapshot(one) for one in client.get_records(EntitySet.TIERS, links).records}
    with made.store.reading() as session:
        rows = load_rows(Bulk(session.connection()), links.values(), lock=False)
        return {code: (rows[links[code]].snapshot(), told[code]) for code in told}


def values(one: Snapshot) -> dict[str, Any]:
    """What of a tiers travels both ways: its leaves, and its children without what they are counted by."""
    leaves = {attr: one[attr] for attr in _TRAVELLING[Entity.ACCOUNT] if one.get(attr)}
    return leaves | {name: [_child(name, child) for child in one[name]] for name in LISTS}


def _child(name: str, child: Snapshot) -> dict[str, Any]:
    attrs = _TRAVELLING[LISTS[name]] - ({"title"} if child.get("kind") == BILLING else set())
    return {attr: child[attr] for attr in sorted(attrs) if child.get(attr)}


_TRAVELLING = {
    entity: {part.attr for part in struct.fields} - FROM_ERP_ONLY[entity] for entity, struct in STRUCTS.items()
}


def still(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether one side kept all that it said; more may have come."""
    leaves = {attr: value for attr, value in before.items() if attr not in LISTS}
    children = all(any(one.items() <= now.items() for now in after[name]) for name in LISTS for one in before[name])
    return children and leaves == {attr: value for attr, value in after.items() if attr not in LISTS}


@pytest.mark.req("CRM-19", "NEW-01")
@pytest.mark.parametrize("order", [FROM_ERP, FROM_CRM], ids=["ERP", "CRM"])
def test_a_run_in_one_direction_makes_every_differing_value_that_sides(evening: Evening, order: Order) -> None:
    right = 1 if order.preferred is Side.ERP else 0
    with evening.again() as made:
        made.ahead = LATER
        made.set(state=IntegrationState.INACTIVE)
        before = sides(made)
        assert sum(values(crm) != values(erp) for crm, erp in before.values()) > 8

        report = made.cycle(order)

        assert report.problem is None
        after = sides(made)
        refused = {row["erp_key"] for row in made.rows("sync_errors") if row["state"] == "open"}
        for code in after.keys() & before.keys():
            crm, erp = map(values, after[code])
            assert still(values(before[code][right]), (crm, erp)[right]), code
            assert crm == erp or code in refused, code
        assert [row for row in made.rows("conflicts") if row["state"] == "open"] == []
        made.set(state=IntegrationState.ACTIVE)
        again = state(made)
        assert made.cycle().counts.sent == 0
        assert differences(again, state(made)) == {}


@pytest.mark.req("CRM-09", "CRM-19", "NEW-05")
@pytest.mark.parametrize("order", [FULL, FROM_ERP, FROM_CRM], ids=["resync", "from the ERP", "from the CRM"])
def test_a_full_run_that_dies_at_any_transaction_ends_in_the_same_state(evening: Evening, order: Order) -> None:
    with evening.again() as made:
        fate = full_run(made, order, Fate())
        expected, transactions = state(made), fate.transactions
    assert transactions > 10
    for number in range(transactions):
        with evening.again() as made:
            with pytest.raises(Killed):
                full_run(made, order, Fate(transaction=number))
            made.ahead = LATER + timedelta(minutes=3)

            assert made.cycle(order).problem is None

            assert differences(expected, state(made)) == {}, number


def full_run(made: World, order: Order, fate: Fate) -> Fate:
    """A full run of a process with that fate."""
    made.ahead = LATER
    made.set(state=IntegrationState.INACTIVE if order.needs_inactive else IntegrationState.ACTIVE)
    replace(made, store=MortalStore.of(made.store, fate)).cycle(order)
    return fate
