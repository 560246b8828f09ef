"""Parameters, representatives, free-field definitions and turnover: the sets without a merge, ERP → CRM only.

CRM-06, CRM-17, CRM-46, CRM-48. Each function returns how many rows came or changed, and writes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from contracts.fields import Record
from contracts.tables import FREE_FIELD, PARAMETER, REPRESENTATIVE
from syncengine.model import (
    ErpParameter,
    FreeFieldDefinition,
    FreeFieldState,
    Link,
    Representative,
    Turnover,
)
from syncengine.model.link import Entity
from syncengine.storage.bulk import Bulk, Row, table_of

_PARAMETER: Final = tuple(PARAMETER.index)
_REPRESENTATIVE: Final = tuple(REPRESENTATIVE.index)
_FREE: Final = tuple(field.attr for field in FREE_FIELD.fields)


def apply_parameters(bulk: Bulk, parameters: Sequence[Record], *, integration_id: int) -> int:
    """The ERP's lists as they are now, in their order; a value that is gone stays as inactive (CRM-06)."""
    wanted: dict[tuple[Any, ...], dict[str, Any]] = {}
    for position, parameter in enumerate(parameters):
        values = dict(zip(_PARAMETER, (value or None for value in parameter.values), strict=True))
        wanted[(values["kind"], values["code"])] = values | {"position": position, "active": True}
    return _align(bulk, ErpParameter, ("kind", "code"), wanted, integration_id=integration_id, gone={"active": False})


def apply_representatives(bulk: Bulk, records: Sequence[Record], gone: Iterable[str], *, integration_id: int) -> int:
    """Representatives that came or changed; those that are gone become inactive and keep their CRM user (CRM-17)."""
    wanted = {
        (record.text("code"),): dict(zip(_REPRESENTATIVE, (value or None for value in record.values), strict=True))
        | {"active": True}
        for record in records
    }
    for code in gone:
        wanted[(code,)] = {"active": False}
    return _align(bulk, Representative, ("code",), wanted, integration_id=integration_id)


def apply_free_fields(bulk: Bulk, records: Sequence[Record], gone: Iterable[str], *, integration_id: int) -> int:
    """Definitions that came or changed; one that is gone, or changed its type, is no longer replicated (CRM-46)."""
    wanted: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        values: dict[str, Any] = {attr: record[attr] for attr in _FREE}
        items = [item.text("value") for item in record.many("items")]
        replicated = {"items": items, "state": FreeFieldState.REPLICATED.value}
        wanted[(values["name"], values["type"])] = values | {"computed": bool(values["computed"])} | replicated
    struck = {"state": FreeFieldState.NO_LONGER_REPLICATED.value}
    names = {record.text("name") for record in records} | set(gone)
    for row in bulk.rows(FreeFieldDefinition, "name", names, integration_id=integration_id):
        wanted.setdefault((row["name"], row["type"]), struck)
    return _align(bulk, FreeFieldDefinition, ("name", "type"), wanted, integration_id=integration_id)


def _align(
    bulk: Bulk,
    entity: type[Any],
    key: tuple[str, ...],
    wanted: Mapping[tuple[Any, ...], Mapping[str, Any]],
    *,
    integration_id: int,
    gone: Mapping[str, Any] | None = None,
) -> int:
    """Insert what is missing, update what differs; with ``gone``, what is not wanted gets these values."""
    known = {tuple(row[column] for column in key): row for row in bulk.rows(entity, "integration_id", [integration_id])}
    updates: dict[int, dict[str, Any]] = {}
    arrivals = []
    for identity, values in wanted.items():
        row = known.get(identity)
        if row is not None:
            if changed := {column: value for column, value in values.items() if row[column] != value}:
                updates[row["id"]] = changed
        elif set(key) <= values.keys():
            arrivals.append({"integration_id": integration_id} | dict(values))
    if gone is not None:
        missing = (row for identity, row in known.items() if identity not in wanted)
        updates |= {row["id"]: dict(gone) for row in missing if any(row[c] != value for c, value in gone.items())}
    table = table_of(entity)
    if arrivals:
        bulk.connection.execute(table.insert(), arrivals)
    for row_id, changed in updates.items():
        bulk.connection.execute(table.update().where(table.c.id == row_id).values(changed))
    return len(arrivals) + len(updates)


TURNOVER_COLUMNS: Final = ("integration_id", "erp_key", "account_id", "current_year", "previous_year", "updated_at")


def apply_turnover(
    bulk: Bulk,
    records: Sequence[Record],
    gone: Iterable[str],
    *,
    integration_id: int,
    now: datetime,
    dated: bool = False,
) -> int:
    """Turnover N and N-1 per tiers (CRM-48); one whose tiers is not linked yet waits for it under the ERP's code.

    ``dated``: somebody asked for the figures of now, so those that are the same get the new date, too.
    """
    moment = bulk.instant(now)
    codes = [record.text("code") for record in records]
    known = {row["erp_key"]: row for row in bulk.rows(Turnover, "erp_key", codes, integration_id=integration_id)}
    accounts = linked_accounts(bulk, codes, integration_id=integration_id)
    rows: list[Row] = []
    for record in records:
        code = record.text("code")
        current, previous = record.amount("current_year"), record.amount("previous_year")
        if not dated and _says(known.get(code), accounts.get(code), current, previous):
            continue
        rows.append((integration_id, code, accounts.get(code), bulk.money(current), bulk.money(previous), moment))
    bulk.upsert(Turnover, TURNOVER_COLUMNS, ("integration_id", "erp_key"), rows)
    table = table_of(Turnover)
    for code in gone:
        bulk.connection.execute(table.delete().where(table.c.integration_id == integration_id, table.c.erp_key == code))
    return len(rows)


def _says(row: Mapping[str, Any] | None, account_id: int | None, current: Decimal, previous: Decimal) -> bool:
    """Whether the row says these figures of that Account already: a full resync writes only what differs (CRM-09)."""
    if row is None:
        return False
    return (row["account_id"], row["current_year"], row["previous_year"]) == (account_id, current, previous)


def claim_turnover(bulk: Bulk, codes: Sequence[str], *, integration_id: int) -> None:
    """Tie figures that came before their tiers to the Account that exists now."""
    waiting = [
        row["erp_key"]
        for row in bulk.rows(Turnover, "erp_key", codes, integration_id=integration_id)
        if row["account_id"] is None
    ]
    table = table_of(Turnover)
    for code, account_id in linked_accounts(bulk, waiting, integration_id=integration_id).items():
        bulk.connection.execute(
            table.update()
            .where(table.c.integration_id == integration_id, table.c.erp_key == code)
            .values(account_id=account_id)
        )


def linked_accounts(bulk: Bulk, codes: Sequence[str], *, integration_id: int) -> dict[str, int]:
    """The Account of each code that is linked."""
    rows = bulk.rows(Link, "erp_key", codes, integration_id=integration_id, entity=Entity.ACCOUNT.value)
    return {row["erp_key"]: row["local_id"] for row in rows}
