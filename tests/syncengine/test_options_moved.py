"""Options of the gateway switched while the engine believes the old ones (CRM-12): nothing is deleted that it was not told of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Connection, select
from sqlalchemy.schema import DropTable

from contracts.client import GatewayClient
from contracts.fields import Record
from contracts.messages import EXECUTE_TRANSACTIONS, GET_CONFIGURATION, EntitySet, Operation
from gateway.demo.edits import edit_tiers, insert_contact, insert_delivery
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON
from syncengine.crm import edits
from syncengine.cycle.gateway_options import UNREAD
from syncengine.cycle.lease import LEASE_TIME
from syncengine.cycle.run import Order
from syncengine.model import CycleStatus
from tests.gateway.live import PASSWORD, USER
from tests.syncengine.acme import client, edit, settled
from tests.syncengine.mortal import Fate, Gateways, Killed, MortalStore, gateways
from tests.syncengine.world import World, world


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind: what somebody adds in the ERP and edits in the CRM, and what either side then holds."""

    option: str
    add: Callable[[Connection], Any]
    edit: Callable[[World], None]
    erp: Callable[[World], object]
    crm: Callable[[World], object]
    before: object
    edited: object
    added: object
    both: object


def edit_martin(made: World) -> None:
    """Another function of the contact."""
    martin = next(row for row in made.children("contacts", "ACME") if row["last_name"] == "Martin")
    with made.store.writing() as session:
        edits.edit_contact(session, martin["id"], {"function": "Gérante"}, made.act())


def edit_depot(made: World) -> None:
    """Another region of the delivery address."""
    depot = next(row for row in made.children("addresses", "ACME") if row["title"] == "Dépôt")
    with made.store.writing() as session:
        edits.edit_address(session, depot["id"], {"region": "Rhône"}, made.act())


def in_crm(made: World, table: str, *columns: str, **wanted: str) -> set[tuple[str, ...]]:
    """Columns of the children in the CRM."""
    rows = made.rows(table, account_id=made.account("ACME")["id"], **wanted)
    return {tuple(row[name] or "" for name in columns) for row in rows}


def in_base(made: World, *columns: Column[Any]) -> set[tuple[str, ...]]:
    """The same in the ERP."""
    with made.erp() as connection:
        rows = connection.execute(select(*columns).where(columns[0].table.c.CT_Num == "ACME")).all()
    return {tuple(value or "" for value in row) for row in rows}


KINDS = [
    Kind(
        option="contacts",
        add=lambda connection: insert_contact(connection, "ACME", "Petit"),
        edit=edit_martin,
        erp=lambda made: in_base(made, F_CONTACTT.c.CT_Nom, F_CONTACTT.c.CT_Fonction),
        crm=lambda made: in_crm(made, "contacts", "last_name", "function"),
        before={("Martin", "")},
        edited={("Martin", "Gérante")},
        added={("Martin", ""), ("Petit", "")},
        both={("Martin", "Gérante"), ("Petit", "")},
    ),
    Kind(
        option="addresses",
        add=lambda connection: insert_delivery(connection, "ACME", "Quai"),
        edit=edit_depot,
        erp=lambda made: in_base(made, F_LIVRAISON.c.LI_Intitule, F_LIVRAISON.c.LI_CodeRegion),
        crm=lambda made: in_crm(made, "addresses", "title", "region", kind="delivery"),
        before={("Acme", ""), ("Dépôt", "")},
        edited={("Acme", ""), ("Dépôt", "Rhône")},
        added={("Acme", ""), ("Dépôt", ""), ("Quai", "")},
        both={("Acme", ""), ("Dépôt", "Rhône"), ("Quai", "")},
    ),
    Kind(
        option="phones",
        add=lambda connection: edit_tiers(connection, "ACME", CT_Telecopie="0199999999"),
        edit=lambda made: edit(made, phone="0111111111"),
        erp=lambda made: in_base(made, F_COMPTET.c.CT_Telephone, F_COMPTET.c.CT_Telecopie),
        crm=lambda made: {(made.account("ACME")["phone"] or "", made.account("ACME")["fax"] or "")},
        before={("", "")},
        edited={("0111111111", "")},
        added={("", "0199999999")},
        both={("0111111111", "0199999999")},
    ),
]


class Watched(GatewayClient):
    """A client; ``meanwhile`` happens once, when something is about to be sent. It counts the configurations asked for."""

    def __init__(self, url: str, asked: list[str], meanwhile: Callable[[], object] | None = None) -> None:
        super().__init__(url, USER, PASSWORD)
        self._asked, self._meanwhile = asked, meanwhile

    def reply(self, operation: Operation, request: Record | None = None) -> bytes:
        """One call."""
        if operation is EXECUTE_TRANSACTIONS and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        self._asked.append(operation.name)
        return super().reply(operation, request)


@pytest.fixture
def made(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A synchronised base with a client ACME that has a contact and a delivery address."""
    with world(tmp_path, database_url, tiers=2, documents=0) as one:
        client(one, "ACME")
        yield one


@pytest.fixture
def server(made: World) -> Iterator[Gateways]:
    """The gateway of that base, one that can be started anew."""
    with gateways() as one:
        made.gateway = one.serve(made.sage)
        yield one


def switch(made: World, server: Gateways, kind: Kind, *, on: bool) -> None:
    """Restart the gateway with the option on or off; nobody tells the engine."""
    server.serve(made.sage, synchronise={kind.option: on})


def switched_off(made: World, server: Gateways, kind: Kind) -> None:
    """The option is off, and the engine knows."""
    switch(made, server, kind, on=False)
    made.later(minutes=31)
    made.cycle()


def known(made: World, kind: Kind) -> bool:
    """What the engine believes."""
    (row,) = made.rows("integrations")
    return bool(row["gateway_options"][kind.option])


every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.option)


@pytest.mark.req("CRM-12")
@pytest.mark.guarantees
@every_kind
def test_a_kind_switched_on_unnoticed_is_taken_with_the_page_that_tells_it(
    made: World, server: Gateways, kind: Kind
) -> None:
    switched_off(made, server, kind)
    with made.erp() as connection:
        kind.add(connection)
    made.later(minutes=1)
    made.cycle()
    assert kind.crm(made) == kind.before
    switch(made, server, kind, on=True)
    made.later(minutes=5)

    report = made.cycle()

    assert (report.status, known(made, kind)) == (CycleStatus.SUCCESS, True)
    assert kind.crm(made) == kind.erp(made) == kind.added
    assert not made.rows("links", erp_version=UNREAD)
    kind.edit(made)
    made.cycle()
    assert kind.crm(made) == kind.erp(made) == kind.both
    settled(made)


@pytest.mark.req("CRM-12")
@pytest.mark.guarantees
@every_kind
def test_a_tiers_taken_without_a_kind_under_its_present_version_is_read_again(
    made: World, server: Gateways, kind: Kind
) -> None:
    switched_off(made, server, kind)
    with made.erp() as connection:
        kind.add(connection)
    edit(made, web_site="www.crm.fr")
    asked: list[str] = []
    # The write finds the tiers under another version, and its answer brings that version.
    made.connect = lambda: Watched(made.gateway.url, asked, lambda: switch(made, server, kind, on=True))
    made.cycle()
    made.connect = None
    present = made.gateway.client().get_records(EntitySet.TIERS, ["ACME"]).records[0].text("version")
    assert made.rows("links", erp_key="ACME")[0]["erp_version"] == present
    assert kind.crm(made) == kind.before
    made.later(minutes=31)

    made.cycle()

    assert kind.crm(made) == kind.erp(made) == kind.added
    assert made.erp_row("ACME")["CT_Site"] == "www.crm.fr"
    settled(made)


@pytest.mark.req("CRM-12")
@pytest.mark.guarantees
@every_kind
def test_a_kind_switched_off_unnoticed_is_not_sent_until_it_is_told_again(
    made: World, server: Gateways, kind: Kind
) -> None:
    switch(made, server, kind, on=False)
    with made.erp() as connection:
        kind.add(connection)
    kind.edit(made)
    edit(made, web_site="www.crm.fr")
    made.later(minutes=5)

    report = made.cycle()

    assert (report.status, report.counts.sent, known(made, kind)) == (CycleStatus.SUCCESS, 1, False)
    assert (kind.crm(made), kind.erp(made)) == (kind.edited, kind.added)
    assert made.erp_row("ACME")["CT_Site"] == "www.crm.fr"
    settled(made)
    switch(made, server, kind, on=True)
    made.later(minutes=31)
    made.cycle()
    assert kind.crm(made) == kind.erp(made) == kind.both
    settled(made)


@pytest.mark.req("CRM-12", "CRM-49")
@pytest.mark.guarantees
@every_kind
def test_a_kind_switched_off_before_it_is_sent_is_refused_and_waits_without_an_error(
    made: World, server: Gateways, kind: Kind
) -> None:
    kind.edit(made)
    edit(made, web_site="www.crm.fr")

    def meanwhile() -> None:
        switch(made, server, kind, on=False)
        with made.erp() as connection:
            kind.add(connection)

    asked: list[str] = []
    made.connect = lambda: Watched(made.gateway.url, asked, meanwhile)
    first = made.cycle()
    made.connect = None

    assert (first.status, first.counts.refused_by_erp, known(made, kind)) == (CycleStatus.SUCCESS, 0, False)
    assert [row["error_code"] for row in made.rows("outbox")][:1] == ["not_synchronised"]
    made.later(minutes=1)
    made.cycle()
    assert (kind.crm(made), kind.erp(made)) == (kind.edited, kind.added)
    assert made.erp_row("ACME")["CT_Site"] == "www.crm.fr"
    assert made.rows("sync_errors") == []
    settled(made)
    switch(made, server, kind, on=True)
    made.later(minutes=31)
    made.cycle()
    assert kind.crm(made) == kind.erp(made) == kind.both
    settled(made)


@pytest.mark.req("CRM-12")
@pytest.mark.guarantees
def test_what_is_to_be_read_again_is_so_after_the_process_died(made: World, server: Gateways) -> None:
    kind = KINDS[0]
    switched_off(made, server, kind)
    with made.erp() as connection:
        kind.add(connection)
    switch(made, server, kind, on=True)
    store, died = made.store, 0
    while not made.rows("links", erp_version=UNREAD):
        made.store = MortalStore.of(store, Fate(transaction=died, after=True))
        with pytest.raises(Killed):
            made.cycle()
        made.store, died = store, died + 1
        made.later(seconds=LEASE_TIME.total_seconds() + 1)
    assert (known(made, kind), kind.crm(made)) == (True, kind.before)

    made.cycle()

    assert not made.rows("links", erp_version=UNREAD)
    assert kind.crm(made) == kind.added
    settled(made)


@pytest.mark.req("CRM-12")
def test_a_resync_meets_a_switched_option_too(made: World, server: Gateways) -> None:
    kind = KINDS[0]
    switched_off(made, server, kind)
    with made.erp() as connection:
        kind.add(connection)
    switch(made, server, kind, on=True)

    made.cycle(Order(full=True))

    assert kind.crm(made) == kind.added
    assert not made.rows("links", erp_version=UNREAD)


@pytest.mark.req("CRM-12")
def test_a_base_that_lacks_a_kind_costs_one_question_a_cycle(made: World, server: Gateways) -> None:
    with made.erp() as connection:
        connection.execute(DropTable(F_CONTACTT))
    server.serve(made.sage)
    edit(made, web_site="www.crm.fr")
    asked: list[str] = []
    made.connect = lambda: Watched(made.gateway.url, asked)

    report = made.cycle()

    assert (report.status, report.counts.sent) == (CycleStatus.SUCCESS, 1)
    assert asked.count(GET_CONFIGURATION.name) == 1
    assert in_crm(made, "contacts", "last_name") == {("Martin",)}
