"""The floor: fetch the same pages from the same gateway, parse them with lxml, write the same rows through the driver.

Nothing else: no validation, no decoding, no merge, no error handling. The rows are those the engine wrote, read beforehand with
the clock stopped, so both write exactly the same bytes into the same schema.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import psycopg
import requests
from lxml import etree
from sqlalchemy import Connection, Select, Table, select

from benchmarks.crm import PASSWORD, USER
from contracts.client import change_log_request
from contracts.envelope import message
from contracts.messages import NAMESPACE, EntitySet
from syncengine.model import Account, Address, Company, Contact, Email, Link, Phone, Turnover
from syncengine.storage.bulk import table_of
from syncengine.storage.store import Dialect, Store

TABLES = tuple(table_of(entity) for entity in (Company, Account, Address, Contact, Phone, Email, Link))
_OWNER = {"companies": "id", "accounts": "id", "links": "local_id"}


@dataclass(frozen=True, kw_only=True)
class FloorResult:
    """Seconds, tiers seen in the pages, and rows written."""

    seconds: float
    tiers: int
    rows: int


def run_floor(url: str, source: Store, target: Store) -> FloorResult:
    """Fetch, parse, write. ``source`` is the CRM base the engine filled, ``target`` an empty one."""
    spent, written = 0.0, 0
    seen = dict.fromkeys(("Tiers", "Turnover"), 0)
    with requests.Session() as http, target.engine.connect() as connection, source.engine.connect() as reader:
        http.auth = (USER, PASSWORD)
        http.trust_env = False
        http.headers.update({"Accept-Encoding": "identity", "Content-Type": "text/xml; charset=utf-8"})
        cursors = dict.fromkeys(EntitySet, "")
        at_end = False
        while not at_end:
            start = time.perf_counter()
            root = etree.fromstring(http.post(url, data=message(change_log_request(cursors)), timeout=600).content)
            spent += time.perf_counter() - start
            sets = root.findall(f".//{{{NAMESPACE}}}ChangeSet")
            for found in sets:
                cursors[EntitySet(_said(found, "Name"))] = _said(found, "NextCursor")
            at_end = len(sets) == len(cursors) and all(_said(found, "AtEnd") == "true" for found in sets)
            counts = {name: len(root.findall(f".//{{{NAMESPACE}}}{name}")) for name in seen}
            page = list(_page(reader, seen, counts))
            reader.rollback()
            start = time.perf_counter()
            with connection.begin():
                for table, rows in page:
                    _upsert(connection, target.dialect, table, rows)
            spent += time.perf_counter() - start
            seen = {name: seen[name] + counts[name] for name in seen}
            written += sum(len(rows) for _, rows in page)
    return FloorResult(seconds=spent, tiers=seen["Tiers"], rows=written)


def _said(element: etree._Element, name: str) -> str:
    return element.findtext(f"{{{NAMESPACE}}}{name}") or ""


def _page(
    reader: Connection, seen: dict[str, int], counts: dict[str, int]
) -> Iterator[tuple[Table, list[tuple[Any, ...]]]]:
    """The rows that the engine wrote for this page, as the driver of its base gives them."""
    for table in TABLES:
        owner = table.c[_OWNER.get(table.name, "account_id")]
        first = seen["Tiers"] + 1
        yield table, _rows(reader, select(table).where(owner >= first, owner < first + counts["Tiers"]))
    figures = table_of(Turnover)
    query = select(figures).order_by(figures.c.erp_key).offset(seen["Turnover"]).limit(counts["Turnover"])
    yield figures, _rows(reader, query)


def _rows(reader: Connection, query: Select[Any]) -> list[tuple[Any, ...]]:
    text = str(query.compile(reader.engine, compile_kwargs={"literal_binds": True}))
    return [tuple(map(_driver_value, row)) for row in reader.exec_driver_sql(text)]


def _driver_value(value: Any) -> Any:
    # PostgreSQL's driver reads JSON as objects and writes it from text.
    return json.dumps(value) if isinstance(value, dict | list) else value


def _upsert(connection: Connection, dialect: Dialect, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    key = ", ".join(column.name for column in table.primary_key)
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    kept = ", ".join(f'"{c.name}" = excluded."{c.name}"' for c in table.columns if not c.primary_key)
    if dialect is Dialect.SQLITE:
        marks = ", ".join("?" for _ in table.columns)
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {kept}", list(rows)
        )
        return
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS floor_{table.name} (LIKE {table.name})".encode())
        cursor.execute(f"TRUNCATE floor_{table.name}".encode())
        with cursor.copy(f"COPY floor_{table.name} ({names}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {table.name} ({names}) SELECT {names} FROM floor_{table.name} "
            f"ON CONFLICT ({key}) DO UPDATE SET {kept}".encode()
        )
