"""A client that both sides know, and how people change it there and here."""

from __future__ import annotations

from typing import Any

from gateway.demo.edits import edit_tiers, insert_contact, insert_delivery, insert_tiers
from syncengine.crm.edits import edit_company
from tests.syncengine.world import World


def client(made: World, code: str) -> None:
    """One more client, on both sides."""
    with made.erp() as connection:
        insert_tiers(connection, code, "Acme", CT_Site="www.acme.fr", CO_No=3)
        insert_contact(connection, code, "Martin", CT_Prenom="Léa", CT_Telephone="0102030405")
        insert_delivery(connection, code, "Dépôt", LI_Ville="Lyon")
    assert made.cycle().problem is None


def edit(made: World, code: str = "ACME", **values: Any) -> None:
    """Edit the Company of a tiers."""
    with made.store.writing() as session:
        edit_company(session, made.company(code)["id"], values, made.act())


def in_erp(made: World, code: str = "ACME", **columns: Any) -> None:
    """Edit the tiers in the ERP."""
    with made.erp() as connection:
        edit_tiers(connection, code, **columns)


def settled(made: World) -> None:
    """Assert that the next cycle, even with everything looked at again, has nothing to write on either side."""
    before = made.erp_dump()
    made.later(minutes=31)
    counts = made.cycle().counts
    assert (counts.sent, counts.changed, counts.arrived, counts.vanished, counts.parked) == (0, 0, 0, 0, 0)
    assert made.erp_dump() == before
