"""What integrations cost that have nothing to do: the look for what is due, and the periodic looks, over very many of them."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select, text

from benchmarks.crm import engine_settings, open_crm
from benchmarks.stand import databases, new_database
from syncengine import integrations
from syncengine.engine import Engine
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import Integration, IntegrationState
from syncengine.secrets import Secrets
from syncengine.service.base_figures import BaseFigures
from syncengine.service.dispatcher import Dispatcher, first_due
from syncengine.service.jobs import JOBS
from syncengine.service.queue import open_queue
from syncengine.service.staleness import find_stale
from syncengine.service.ticket import JobKind
from syncengine.storage.store import Dialect, Store

TICKS: Final = 200
SMALL: Final = 100
_WORK: Final = ("xact_commit", "blks_hit", "blks_read", "tup_returned", "tup_fetched")


def idle(*, count: int, store: str, options: tuple[str, ...]) -> dict[str, Any]:
    """So many of them beside the same figures with a hundred: seconds, rows and buffers of a tick must not depend on it."""
    with tempfile.TemporaryDirectory(prefix="idle-") as name, databases(store, Path(name), options=options) as where:
        folder = Path(name)
        settings = engine_settings(folder, new_database(where, "crm"))
        engine = Engine(settings=settings, store=open_crm(settings.database), secrets=Secrets(settings))
        small = _measured(engine, SMALL)
        large = _measured(engine, count)
        engine.store.close()
    return {
        "idle_integrations": count,
        "tick_ms": large["tick_ms"],
        "tick_ratio": round(large["tick_ms"] / small["tick_ms"], 2),
        **large,
        f"of_{SMALL}": small,
    }


def _measured(engine: Engine, count: int) -> dict[str, Any]:
    _fill(engine, count)
    store = engine.store
    dispatcher = Dispatcher(store, open_queue(store), room=100)
    before = _load(store)
    ticks = [_seconds(lambda: asyncio.run(dispatcher.tick())) for _ in range(TICKS)]
    after = _load(store)
    figures: dict[str, Any] = {"tick_ms": round(statistics.median(ticks) * 1000, 2)}
    figures |= {f"{name}_per_tick": round((after[name] - before[name]) / TICKS, 1) for name in before}
    figures |= _explained(store)
    figures["clocks_s"] = round(_seconds(lambda: asyncio.run(dispatcher.bring_forward())), 3)
    figures["staleness_s"] = round(_seconds(lambda: find_stale(engine)), 3)
    figures["metrics_s"] = round(_seconds(lambda: BaseFigures().families(engine)), 3)
    figures["claim_of_100_ms"] = round(_claim(store, dispatcher) * 1000, 1)
    return figures


def _fill(engine: Engine, count: int) -> None:
    """Integrations that were just synchronised, next due within the hour."""
    store, at = engine.store, engine.store.clock()
    with store.writing() as session:
        if session.get(Integration, 1) is None:
            draft = IntegrationDraft(name="Idle", url="http://127.0.0.1:9/", company="Idle", erp_user="x")
            integrations.create(session, draft, secrets=engine.secrets, multi=True, at=at)
        columns = ", ".join(
            column.name for column in Integration.__table__.columns if column.name not in ("id", "name")
        )
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        session.execute(text("DELETE FROM integrations WHERE id > 1"))
        session.execute(
            text(
                f"INSERT INTO integrations (id, name, {columns}) {numbers}"
                f" SELECT i, 'Idle ' || i, {columns} FROM integrations, n WHERE id = 1"
            )
        )
    table: Any = Integration.__table__
    with store.writing() as session:
        for start in range(0, count, 10_000):
            part = (table.c.id > start) & (table.c.id <= start + 10_000)
            due = at + timedelta(minutes=10) + timedelta(minutes=50) * (start / count)
            session.execute(
                table.update()
                .where(part)
                .values(state=IntegrationState.ACTIVE, due_at=due, audit_due_at=due, updated_at=at)
            )
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM" if store.dialect is Dialect.SQLITE else "VACUUM ANALYZE")
        connection.exec_driver_sql("ANALYZE")


def _claim(store: Store, dispatcher: Dispatcher) -> float:
    table: Any = Integration.__table__
    with store.writing() as session:
        session.execute(table.update().where(table.c.id <= 100).values(due_at=store.clock()))
    began = time.perf_counter()
    taken = len(dispatcher.claim([JobKind.CYCLE], 100))
    if taken != 100:
        raise RuntimeError(f"100 were due, {taken} were claimed")
    return time.perf_counter() - began


def _seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _load(store: Store) -> Mapping[str, int]:
    """What PostgreSQL has counted so far of the work of its connections."""
    if store.dialect is Dialect.SQLITE:
        return {}
    # A connection tells what it did at most once a second, and at once when it ends.
    store.engine.dispose()
    time.sleep(1.2)
    with store.reading() as session:
        row = session.execute(
            text(f"SELECT {', '.join(_WORK)} FROM pg_stat_database WHERE datname = current_database()")
        ).one()
    return dict(row._mapping)


def _explained(store: Store) -> dict[str, Any]:
    """The plan of the question that each tick asks, as PostgreSQL runs what it is asked again and again: without its instants."""
    if store.dialect is Dialect.SQLITE:
        return {}
    at: datetime = store.clock()
    query = select(*(first_due(job, at) for job in JOBS.values()))
    with store.reading() as session:
        connection = session.connection()
        statement = query.compile(connection, compile_kwargs={"render_postcompile": True})
        given = statement.construct_params()
        words = str(statement)
        for number, name in enumerate(given, 1):
            words = words.replace(f"%({name})s", f"${number}")
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql(f"PREPARE question AS {words}".replace("%", "%%"))
        values = ", ".join(str(value) if isinstance(value, int) else f"'{value}'" for value in given.values())
        told = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE question({values})"
        ).scalar()
    (plan,) = json.loads(told) if isinstance(told, str) else told or [{}]
    nodes = _nodes(plan["Plan"])
    return {
        "question_ms": round(plan["Execution Time"], 3),
        "question_buffers": plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"],
        "question_rows_read": sum(
            int(node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            for node in nodes
            if "Relation Name" in node
        ),
        "question_plan": sorted(
            {f"{node['Node Type']} {node['Relation Name']}" for node in nodes if "Relation Name" in node}
        ),
    }


def _nodes(plan: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in _nodes(part))]
