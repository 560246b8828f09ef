"""What the ERP makes of a contact or address it was sent is the row it was sent from, even when that is gone by now (NEW-05)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from contracts.messages import EXECUTE_TRANSACTIONS
from gateway.sage import F_CONTACTT, F_LIVRAISON
from syncengine.crm.edits import add_address, add_contact, remove_address, remove_contact, set_contact_address
from syncengine.model import CycleStatus
from tests.syncengine.acme import client, settled
from tests.syncengine.unreliable import ATTEMPTS, Trouble, UnreliableWorld
from tests.syncengine.world import World, world

pytestmark = pytest.mark.guarantees


@pytest.fixture
def made(tmp_path: Path, database_url: str) -> Iterator[UnreliableWorld]:
    """ACME on both sides, with one contact and two delivery addresses, over a line that can be told to misbehave."""
    with world(tmp_path, database_url, tiers=2, documents=0.0) as plain:
        both = UnreliableWorld(**{part.name: getattr(plain, part.name) for part in fields(World)})
        client(both, "ACME")
        yield both


def add(made: World, name: str, values: dict[str, str]) -> int:
    """The row of a new child of ACME."""
    with made.store.writing() as session:
        adding = add_contact if name == "contacts" else add_address
        return adding(session, made.company("ACME")["id"], values, made.act()).id


def remove(made: World, name: str, row: int) -> None:
    """Somebody deletes that row."""
    with made.store.writing() as session:
        (remove_contact if name == "contacts" else remove_address)(session, row, made.act())


@pytest.mark.req("NEW-05", "CRM-38", "CRM-39")
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("contacts", {"last_name": "Nouveau", "phone": "01"}),
        ("addresses", {"title": "Entrepôt", "town": "Lyon"}),
        ("addresses", {"street": "1 quai neuf", "town": "Sète"}),
        ("addresses", {"complement": "Bâtiment C"}),
    ],
    ids=["contact", "address", "address without title", "address of a complement"],
)
@pytest.mark.parametrize("answered", [True, False], ids=["while the call is under way", "before the answer"])
def test_a_child_deleted_while_its_creation_is_on_its_way_is_deleted_in_the_erp(
    made: UnreliableWorld, name: str, values: dict[str, str], *, answered: bool
) -> None:
    column = F_CONTACTT.c.CT_No if name == "contacts" else F_LIVRAISON.c.LI_No
    before = made.column(column, "ACME"), made.children(name, "ACME")
    row = add(made, name, values)
    if answered:
        made.line.meanwhile.append(lambda _transactions: remove(made, name, row))
        assert made.cycle().counts.sent == 1
    else:
        made.line.expect(EXECUTE_TRANSACTIONS.name, *[Trouble.UNANSWERED] * ATTEMPTS)
        assert made.cycle().status is CycleStatus.FAILURE
        remove(made, name, row)
    assert len(made.column(column, "ACME")) == len(before[0]) + 1

    made.cycle()
    made.cycle()

    assert made.column(column, "ACME") == before[0]
    assert [one["id"] for one in made.children(name, "ACME")] == [one["id"] for one in before[1]]
    settled(made)


@pytest.mark.req("CRM-38", "CRM-41", "NEW-05")
@pytest.mark.parametrize(
    ("attr", "value"), [("complement", "Bâtiment C"), ("region", "Bretagne"), ("country", "France")]
)
def test_an_address_that_says_little_keeps_its_row_and_the_contact_that_has_it(
    made: UnreliableWorld, attr: str, value: str
) -> None:
    address = add(made, "addresses", {attr: value})
    contact = add(made, "contacts", {"last_name": "Durand"})
    with made.store.writing() as session:
        set_contact_address(session, contact, address, made.act())

    assert made.cycle().counts.sent == 1

    (row,) = [one for one in made.children("addresses", "ACME") if one[attr] == value and one["title"] == "Acme 2"]
    assert (row["id"], int(row["erp_key"]) in made.column(F_LIVRAISON.c.LI_No, "ACME")) == (address, True)
    (person,) = [one for one in made.children("contacts", "ACME") if one["last_name"] == "Durand"]
    assert (person["id"], person["default_address_id"]) == (contact, address)
    settled(made)
