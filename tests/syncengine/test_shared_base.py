"""A cycle of one integration reads through indexes: what others hold in the same base costs it nothing (CRM-62, NEW-10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from syncengine.core.policies import Policy
from syncengine.crm import company_edits
from syncengine.model import Base
from syncengine.storage.store import Dialect, Store
from tests.syncengine.auditing import portion
from tests.syncengine.two_companies import of, two_companies
from tests.syncengine.world import World

LARGE = (
    *("accounts", "links", "companies", "contacts", "addresses", "phones", "emails", "ca_realise"),
    *("outbox", "sync_errors", "conflicts", "journal", "cycles", "differences", "audits"),
)
"""The tables that grow with each integration."""
PAST = ("journal", "outbox", "cycles", "audits", "differences", "sync_errors", "conflicts")
Statement = tuple[str, Any]


@contextmanager
def recorded(store: Store) -> Iterator[list[Statement]]:
    """The statements that look for rows, with their values, each once."""
    found: dict[str, Statement] = {}

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)\b", statement):
            found[re.sub(r"\(\s*[?%(][^)]*\)", "(…)", statement)] = (statement, values[0] if many else values)

    statements: list[Statement] = []
    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
        statements += found.values()


def busy(made: World, *, word: str) -> None:
    """Something to do for every part of a cycle: changes of both sides, a clash that is asked, new and gone, refused."""
    field, column = ("contact_person", "CT_Contact") if word == "UN" else ("web_site", "CT_Site")
    codes = [row["code"] for row in of(made, "accounts", type="client")]
    with made.store.writing() as session:
        for row in of(made, "accounts", type="client")[:3]:
            company_edits.edit_company(session, row["company_id"], {field: f"CRM {word}"}, made.act())
    with made.erp() as connection:
        changed: dict[str, Any] = {column: f"ERP {word}"}
        edit_tiers(connection, codes[0], **changed)
        edit_tiers(connection, codes[3], **changed)
        insert_tiers(connection, f"N{word}", word)
        insert_tiers(connection, f"R{word}", word, N_CatTarif=99)
        if word == "DEUX":
            delete_tiers(connection, "NUN")


def with_a_past(made: World) -> None:
    """What an integration gathers over the years: journal, writes, errors, conflicts, cycles, passes of the audit."""
    tables, at = Base.metadata.tables, made.now()
    mine = {"integration_id": made.integration_id}
    links = of(made, "links", entity="account")
    error = {
        "entity": "account",
        "side": "crm",
        "code": "name_missing",
        "message": "",
        "attempts": 1,
        "state": "resolved",
    }
    write = {"action": "update", "payload": "", "changes": "[]", "state": "done", "attempts": 1, "created_at": at}
    parked = {"field": "name", "rule": "asked", "state": "resolved", "opened_at": at}
    line = {"side": "crm", "entity": "account", "field": "name", "rule": "edited", "at": at}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in PAST}
    for number, link in enumerate(links * 5):
        own = mine | {"account_id": link["local_id"]}
        rows["journal"].append(own | line | {"cycle_id": number, "record_id": link["local_id"]})
        rows["outbox"].append(own | write | {"transaction_id": f"t{number}", "link_id": link["id"]})
        rows["cycles"].append(
            mine | {"kind": "differential", "status": "success", "started_at": at, "progress_done": 0}
        )
        rows["audits"].append(mine | {"started_at": at, "ended_at": at, "total": 0, "compared": 0, "differing": 0})
        rows["differences"].append(
            mine | {"erp_key": link["erp_key"], "drift": "values", "found_at": at, "settled_at": at}
        )
    for link in links:
        told = {"erp_key": link["erp_key"], "local_id": link["local_id"], "first_at": at, "last_at": at}
        rows["sync_errors"].append(mine | error | told)
        rows["conflicts"].append(mine | parked | {"link_id": link["id"]})
    with made.store.writing() as session:
        for name, some in rows.items():
            session.execute(tables[name].insert(), some)
        session.flush()
        session.execute(text("ANALYZE"))


def full_scans(connection: Connection, statement: Statement) -> list[str]:
    """The lines of a statement's plan that read a large table whole, or through an index that narrows it to no integration."""
    words, values = statement
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", values)
        return [detail for *_, detail in plan if _reads_all(detail)]
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {words}", values).scalar_one()
    return list(_nodes(plan["Plan"]))


def _reads_all(detail: str) -> bool:
    named = re.match(r"(SCAN|SEARCH) (\w+)", detail)
    if named is None or named[2].rstrip("_1234567890") not in LARGE:
        return False
    return named[1] == "SCAN" or detail.endswith(("(entity=?)", "(rowid>?)", "(id>?)"))


def _nodes(node: dict[str, Any]) -> Iterator[str]:
    """Of PostgreSQL's plan, where it was told to use an index wherever there is one that serves."""
    if node.get("Relation Name") in LARGE:
        whole = node["Node Type"] == "Seq Scan"
        unbounded = node["Node Type"] in {"Index Scan", "Index Only Scan"} and "Index Cond" not in node
        behind = re.fullmatch(r"\(\(?id > \S+\)?\)", node.get("Index Cond", "")) is not None
        if whole or unbounded or behind:
            yield f"{node['Node Type']} {node['Relation Name']} {node.get('Index Name', '')}"
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@pytest.mark.req("CRM-62", "NEW-10")
def test_no_statement_of_a_cycle_or_a_portion_reads_what_belongs_to_others(tmp_path: Path, database_url: str) -> None:
    with two_companies(tmp_path, database_url, tiers=(300, 12)) as (large, small):
        large.cycle()
        small.set(policies={"": Policy.ASK.value}, audit_percent=100)
        small.cycle()
        busy(small, word="UN")
        small.cycle()
        with_a_past(large)
        busy(small, word="DEUX")

        with recorded(small.store) as statements:
            report = small.cycle()
            portion(small)

        counts = report.counts
        assert min(counts.arrived, counts.changed, counts.sent, counts.vanished, counts.parked, counts.refused) > 0
        assert len(statements) > 60
        with small.store.engine.connect() as connection:
            if small.store.dialect is Dialect.POSTGRESQL:
                connection.exec_driver_sql("SET enable_seqscan = off")
            found = {one[0]: scans for one in statements if (scans := full_scans(connection, one))}
        assert found == {}, "\n\n".join(f"{scans}: {words}" for words, scans in found.items())
