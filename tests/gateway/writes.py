"""Asking a gateway to write, and seeing what is in the base afterwards."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, select

from contracts.client import GatewayClient
from contracts.fields import Record
from contracts.messages import TRANSACTION, EntitySet
from contracts.tables import ADDRESS, CONTACT, TIERS
from gateway.database import reading
from gateway.sage import SAGE

Rows = dict[str, list[tuple[Any, ...]]]


def execute(client: GatewayClient, *transactions: Record) -> list[Record]:
    """The results of these transactions."""
    return client.execute(transactions)


def tiers_of(client: GatewayClient, code: str = "T001") -> Record:
    """A tiers as the gateway tells it now."""
    (record,) = client.get_records(EntitySet.TIERS, [code]).records
    return record


def update(present: Record, *, identity: str = "", base: str | None = None, **values: Any) -> Record:
    """An update of that tiers that says only what is given, and what an update must say."""
    said = {"code": present.text("code"), "type": present.text("type"), "name": present.text("name"), **values}
    return TRANSACTION.record(
        id=identity or str(uuid4()),
        action="update",
        base_version=present.text("version") if base is None else base,
        tiers=TIERS.record(**said),
    )


def create(*, identity: str = "", **values: Any) -> Record:
    """A creation, of the client 'Nouveau' unless said otherwise."""
    tiers = TIERS.record(**{"type": "client", "name": "Nouveau", **values})
    return TRANSACTION.record(id=identity or str(uuid4()), action="create", tiers=tiers)


def changed(record: Record, **values: Any) -> Record:
    """The same record with some values changed."""
    return record.of.record(**{**dict(record.items()), **values})


def contact(last_name: str, **values: Any) -> Record:
    """A contact without a key."""
    return CONTACT.record(last_name=last_name, **values)


def delivery(**values: Any) -> Record:
    """A delivery address without a key."""
    return ADDRESS.record(kind="delivery", **values)


def billing(**values: Any) -> Record:
    """The billing address."""
    return ADDRESS.record(kind="billing", **values)


def deliveries(tiers: Record) -> list[Record]:
    """The delivery addresses of a tiers."""
    return [one for one in tiers.many("addresses") if one.text("kind") == "delivery"]


def now(result: Record) -> Record:
    """The tiers a result holds."""
    found = result.one("tiers")
    assert found is not None
    return found


def outcome(result: Record) -> tuple[str, str, str]:
    """Status, error code and field of a result."""
    return result.text("status"), result.text("error_code"), result.text("field")


def rows_of(engine: Engine) -> Rows:
    """Every row of every table of the ERP."""
    with reading(engine) as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(*table.columns))), key=repr)
            for table in SAGE.sorted_tables
        }
