"""The CRM base as plain values, for comparing two of them table by table."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import select

from syncengine.model import Base
from syncengine.storage.store import Store

Dump: TypeAlias = dict[str, list[tuple[Any, ...]]]

HISTORY = {"cycles", "integrations", "users", "alembic_version", "alerts", "deliveries"}
"""Tables that tell when and how, not what."""
TIMES = {"created_at", "updated_at", "at", "first_at", "last_at", "created_cycle_id", "cycle_id"}
TIMES |= {"first_cycle_id", "last_cycle_id", "attempts", "cursor"}
"""Columns that tell when and how; the cursor is the gateway's, opaque."""


def dump(store: Store, *, without: frozenset[str] = frozenset()) -> Dump:
    """Every row of every table, in order of key, without what tells when and how it came about."""
    found: Dump = {}
    with store.reading() as session:
        for table in Base.metadata.sorted_tables:
            if table.name in HISTORY | without:
                continue
            columns = [column for column in table.columns if column.name not in TIMES]
            rows = session.execute(select(*columns).order_by(*table.primary_key)).all()
            found[table.name] = [_plain(row) for row in rows]
    return found


def _plain(row: Any) -> tuple[Any, ...]:
    return tuple(tuple(sorted(value.items())) if isinstance(value, dict) else value for value in row)


def differences(one: Dump, other: Dump) -> list[str]:
    """What is not the same, a line each: empty when the two bases are identical."""
    lines = []
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name, []), other.get(name, [])
        if left != right:
            first = next((pair for pair in zip(left, right, strict=False) if pair[0] != pair[1]), ("", ""))
            lines.append(f"{name}: {len(left)} and {len(right)} rows; first difference {first}")
    return lines


def trees(store: Store) -> dict[str, dict[str, Any]]:
    """Each tiers by code with all that hangs on it and without surrogate ids: for bases filled in another order."""
    with store.reading() as session:
        rows = {
            name: [dict(row._mapping) for row in session.execute(select(Base.metadata.tables[name]))]
            for name in ("companies", "accounts", "addresses", "contacts", "phones", "emails", "ca_realise")
        }
    found = {}
    for account in rows["accounts"]:
        mine = account["id"]
        contacts = {row["id"]: row["erp_key"] for row in rows["contacts"] if row["account_id"] == mine}
        places = {row["id"]: row["erp_key"] for row in rows["addresses"] if row["account_id"] == mine}
        numbers = [
            (row["kind"], row.get("number") or row.get("address"), contacts.get(row["contact_id"]))
            for row in rows["phones"] + rows["emails"]
            if row["account_id"] == mine
        ]
        found[account["code"]] = {
            "account": _bare(account),
            "companies": [_bare(row) for row in rows["companies"] if row["id"] == account["company_id"]],
            "addresses": sorted((_bare(row) for row in rows["addresses"] if row["account_id"] == mine), key=str),
            "contacts": sorted(
                (
                    (_bare(row), places.get(row["default_address_id"]))
                    for row in rows["contacts"]
                    if row["account_id"] == mine
                ),
                key=str,
            ),
            "numbers": sorted(numbers, key=str),
            "turnover": [_bare(row) for row in rows["ca_realise"] if row["account_id"] == mine],
        }
    return found


_OWN = TIMES | {"id", "company_id", "account_id", "contact_id", "default_address_id", "is_default"}


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _OWN}
