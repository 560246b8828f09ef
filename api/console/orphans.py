"""Tiers secondaires / orphelins: tiers without a company of their own, and 'Créer la société' (CRM-34)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.console import tables
from api.console.screen import EditScreen, ReadScreen
from api.csv_files import WantsCsv
from api.forms import RecordId
from api.pages import ThePlace
from syncengine.core.refusals import refused
from syncengine.crm import orphans
from syncengine.crm.orphans import TiersLine
from syncengine.model import Account

router = APIRouter()
_KINDS: Final = {"orphans": orphans.list_orphans, "secondary": orphans.list_secondary}
_PAGE: Final = 1_000


@router.get("/integrations/{integration_id}/orphans")
def show_orphans(
    integration_id: RecordId, screen: ReadScreen, place: ThePlace, wants: WantsCsv, kind: str = "orphans"
) -> Response:
    """One of the two lists."""
    kind = kind if kind in _KINDS else "orphans"
    if wants:
        headings = ("code", "name", "type", "status", "erp_state", "company_id", "company_name")
        return tables.csv_answer(f"tiers-{kind}", headings, map(_row, _all(screen, integration_id, kind)))
    after = place.after(int)
    with screen.engine.store.reading() as session:
        page = _KINDS[kind](session, integration_id=integration_id, limit=place.limit, after=after or 0)
    following = place.cursor(page.after) if page.after else None
    return screen.show("orphans.html", of=integration_id, page=page, next=following, kind=kind, first=after is None)


def _all(screen: ReadScreen, integration_id: int, kind: str) -> Iterator[TiersLine]:
    after: int | None = 0
    while after is not None:
        with screen.engine.store.reading() as session:
            page = _KINDS[kind](session, integration_id=integration_id, limit=_PAGE, after=after)
        yield from page.items
        after = page.after


def _row(line: TiersLine) -> tuple[object, ...]:
    state = (line.status.value, line.erp_state.value)
    return line.code, line.name, line.type, *state, line.company_id, line.company_name


@router.post("/integrations/{integration_id}/orphans/{account_id}/companies")
def create_company(integration_id: RecordId, account_id: RecordId, screen: EditScreen) -> Response:
    """'Créer la société' for one tiers."""
    act = screen.caller.act()
    with screen.writing() as session:
        account = session.get(Account, account_id)
        if account is None or account.integration_id != integration_id:
            raise refused("account_unknown", "there is no such tiers", remedy="Take one from the list.")
        made = orphans.create_company_for(session, account_id, at=act.at, by=act.by)
        screen.audit(session, "company.created", f"company/{made}", {"tiers": [None, account.code]})
        words = screen._("The company of tiers %(code)s is made.", code=account.code or "")
        return screen.done(session, screen.posted.back or f"/integrations/{integration_id}/orphans", words)


@router.post("/integrations/{integration_id}/orphans/companies")
def create_companies(integration_id: RecordId, screen: EditScreen) -> Response:
    """'Créer automatiquement les sociétés' for all of them, orphans and secondary ones."""
    act = screen.caller.act()
    with screen.writing() as session:
        count = orphans.create_companies(session, integration_id, at=act.at, by=act.by)
        screen.audit(session, "companies.created", f"integration/{integration_id}", {"count": count})
        words = screen._("%(n)s companies are made.", n=count)
        return screen.done(session, f"/integrations/{integration_id}/orphans", words)
