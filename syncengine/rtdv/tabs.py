"""The live tabs of a client: each function asks Sage 100 now and keeps nothing (CRM-54, CRM-55).

All of them raise what ``asking.ask`` raises; those with a filter also what ``DocumentFilter.values`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.errors import ContractError
from contracts.fields import Record
from contracts.messages import (
    VIEW_CUMULATED_FIGURES,
    VIEW_DOCUMENT,
    VIEW_DOCUMENT_LINES,
    VIEW_DOCUMENTS,
    VIEW_ENTRIES,
    VIEW_SOLVENCY,
)
from syncengine.engine import Engine
from syncengine.model import Integration
from syncengine.rtdv.asking import ask, document_unknown
from syncengine.rtdv.whom import Whom, target_of
from syncengine.rtdv.window import ALL, ALWAYS, SIZE_MAX, DocumentFilter, Span, Window, entries_values, may_see


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of rows as the contract has them, how many there are in all pages, and when they were read."""

    rows: list[Record]
    total: int
    at: datetime


Tab = Callable[[Window], Found]


def solvency(engine: Engine, whom: Whom) -> Record:
    """Solvabilité: a record of SOLVENCY: credit, accounting balance, portfolio, outstanding, aged balance."""
    request = VIEW_SOLVENCY.request.record(code=whom.code)
    found = ask(engine, whom.target, VIEW_SOLVENCY, request).one("solvency")
    if found is None:
        raise ContractError("the reply holds no figures")
    return found


def cumulated_figures(engine: Engine, whom: Whom) -> Found:
    """Cumuls: a record of CUMULATED for each month of the open fiscal years, oldest first."""
    request = VIEW_CUMULATED_FIGURES.request.record(code=whom.code)
    rows = ask(engine, whom.target, VIEW_CUMULATED_FIGURES, request).many("figures")
    return Found(rows=rows, total=len(rows), at=engine.store.clock())


def entries(engine: Engine, whom: Whom, window: Window, span: Span = ALWAYS, *, only_unlettered: bool = False) -> Found:
    """Écritures: records of ENTRY."""
    said = entries_values(window, span, only_unlettered=only_unlettered)
    reply = ask(engine, whom.target, VIEW_ENTRIES, VIEW_ENTRIES.request.record(code=whom.code, **said))
    return _page(engine, reply, "entries")


def documents(engine: Engine, whom: Whom, window: Window, wanted: DocumentFilter = ALL) -> Found:
    """Documents commerciaux: records of DOCUMENT, of the types the user may see (CRM-55)."""
    said = {**window.values(), **wanted.values(whom.types)}
    reply = ask(engine, whom.target, VIEW_DOCUMENTS, VIEW_DOCUMENTS.request.record(code=whom.code, **said))
    return _page(engine, reply, "documents")


def sales_lines(engine: Engine, whom: Whom, window: Window, wanted: DocumentFilter = ALL) -> Found:
    """Interrogation commerciale: records of DOCUMENT_LINE, what was sold to the client, at which price, in which document."""
    said = {**window.values(), **wanted.values(whom.types, VIEW_DOCUMENT_LINES)}
    reply = ask(engine, whom.target, VIEW_DOCUMENT_LINES, VIEW_DOCUMENT_LINES.request.record(code=whom.code, **said))
    return _page(engine, reply, "lines")


def document(engine: Engine, whom: Whom, kind: str, number: str) -> Record:
    """A record of WHOLE_DOCUMENT. Raises InputRefused (document_unknown): another tiers' answers like one that is not there."""
    may_see(kind, whom.types)
    request = VIEW_DOCUMENT.request.record(type=kind, number=number)
    found = ask(engine, whom.target, VIEW_DOCUMENT, request).one("document")
    if found is None or found.text("tiers") != whom.code:
        raise document_unknown(number)
    return found


def every_row(engine: Engine, whom: Whom, tab: Tab, window: Window) -> Iterator[Record]:
    """All rows of a list, whatever its page, read as they are wanted. Raises Disconnected between two pages, too."""
    page = replace(window, size=SIZE_MAX, page=1)
    while True:
        found = tab(page)
        yield from found.rows
        if not found.rows or page.page * page.size >= found.total:
            return
        page = replace(page, page=page.page + 1)
        with engine.store.reading() as session:
            target_of(session.get_one(Integration, whom.target.integration_id))  # CRM-58: not one page more


def _page(engine: Engine, reply: Record, rows: str) -> Found:
    return Found(rows=reply.many(rows), total=reply.integer("total"), at=engine.store.clock())
