"""/infos_flash: figures of many Companies at once, read in the ERP database in SQL and mixed with what the CRM knows (CRM-59)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.csv_files import CSV_200, WantsCsv, csv_answer
from api.forms import ID_MAX, Instant, Line, View
from api.identity import Caller, TheEngine, reading
from api.openapi import refuses
from api.pages import ThePlace
from syncengine import integrations
from syncengine.access.scopes import Record
from syncengine.engine import Engine
from syncengine.rtdv import direct
from syncengine.rtdv.direct import CompanyFilter, Figure, GroupBy, Report, ReportLine

router = APIRouter(prefix="/infos_flash", tags=["live figures"])

TheReader = Annotated[Caller, Depends(reading(Record.COMPANY))]
REFUSED: Final = refuses(
    *("integration_unknown", "direct_read_off", "integration_disconnected", "direct_read_refused", "erp_unreachable"),
    *("key_missing", "key_wrong"),
)


class FiguresSheet(View):
    """Figures in the currency of the ERP company; ``credit_limit`` null where the ERP keeps none."""

    turnover_current: Decimal
    turnover_previous: Decimal
    invoices: int
    last_invoice_on: dt.date | None
    order_book: Decimal
    orders: int
    balance: Decimal
    overdue: Decimal
    credit_limit: Decimal | None


class ReportSheet(View):
    """A Company as the CRM knows it, and the figures of its tiers as they are in the ERP now."""

    company_id: int
    code: str
    name: str | None
    company_type: str
    manager: str | None
    territory: str | None
    figures: FiguresSheet


class ReportPage(View):
    """A page of the report; ``currency`` is that of its amounts."""

    items: list[ReportSheet]
    next: str | None
    currency: str | None
    read_at: Instant


class GroupSheet(View):
    """The figures of all Companies of a manager, territory or type; ``name`` null: of those that have none."""

    name: str | None
    companies: int
    figures: FiguresSheet


class GroupPage(View):
    """All groups, the largest turnover first."""

    items: list[GroupSheet]
    next: str | None = None


class _Wanted:
    """The dependency that declares which integration, and which of its Companies."""

    def __init__(
        self,
        engine: TheEngine,
        integration_id: Annotated[
            int | None, Query(ge=1, le=ID_MAX, description="Which integration; not needed while there is only one.")
        ] = None,
        company_type: Annotated[Line | None, Query(description="Companies of this type.")] = None,
        manager: Annotated[Line | None, Query(description="Companies of this account manager, by login.")] = None,
        territory: Annotated[Line | None, Query(description="Companies of this territory, by name.")] = None,
    ) -> None:
        self.engine, self._integration_id = engine, integration_id
        self.companies = CompanyFilter(company_type=company_type, manager=manager, territory=territory)

    @property
    def integration_id(self) -> int:
        """The integration. Raises IntegrationUnknown when there is none, or several."""
        with self.engine.store.reading() as session:
            if self._integration_id is None:
                return integrations.find(session, None).id
            return integrations.get(session, self._integration_id).id


Wanted = Annotated[_Wanted, Depends()]


@router.get("", response_model=ReportPage, responses={**CSV_200, **REFUSED})
def list_infos_flash(
    _caller: TheReader,
    wanted: Wanted,
    place: ThePlace,
    as_file: WantsCsv,
    sort: Annotated[Figure | None, Query(description="By this figure, the largest first; else by number.")] = None,
) -> Response:
    """Linked Companies with turnover N and N-1, order book, balance and what of it is overdue."""
    if as_file:
        return csv_answer("infos-flash", list(_HEADINGS), _rows(_whole(wanted.engine, wanted, sort)))
    if sort is None:
        after = place.after(int) or 0
        report = direct.infos_flash_report(
            wanted.engine, wanted.integration_id, wanted.companies, limit=place.more, after_id=after
        )
        page = place.page(report.lines, ReportSheet.model_validate, lambda line: line.company_id)
    else:
        offset = max(0, place.after(int) or 0)
        report = direct.top_report(
            wanted.engine, wanted.integration_id, sort, wanted.companies, limit=place.more, offset=offset
        )
        page = place.page(report.lines, ReportSheet.model_validate, lambda _line: offset + place.limit)
    answer = ReportPage(items=page.items, next=page.next, currency=report.currency, read_at=report.at)
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get("/totals", responses=REFUSED)
def list_infos_flash_totals(
    _caller: TheReader, wanted: Wanted, by: Annotated[GroupBy, Query(description="What to add up by.")]
) -> GroupPage:
    """The figures added up by account manager, territory or company type."""
    found = direct.totals(wanted.engine, wanted.integration_id, by, wanted.companies)
    return GroupPage(items=[GroupSheet.model_validate(group) for group in found])


def _whole(engine: Engine, wanted: _Wanted, sort: Figure | None) -> Report:
    return direct.top_report(
        engine, wanted.integration_id, sort or Figure.TURNOVER_CURRENT, wanted.companies, limit=_EVERY
    )


def _rows(report: Report) -> Iterator[list[Any]]:
    for line in report.lines:
        yield [_cell(line, name) for name in _HEADINGS.values()]


def _cell(line: ReportLine, name: str) -> Any:
    return getattr(line if name in ReportLine.__dataclass_fields__ else line.figures, name)


_EVERY: Final = 10_000_000
_HEADINGS: Final = {
    "Code": "code",
    "Société": "name",
    "Type": "company_type",
    "Responsable": "manager",
    "Territoire": "territory",
    "CA N": "turnover_current",
    "CA N-1": "turnover_previous",
    "Factures": "invoices",
    "Dernière facture": "last_invoice_on",
    "Carnet de commandes HT": "order_book",
    "Commandes": "orders",
    "Solde comptable": "balance",
    "Échu": "overdue",
    "Encours autorisé": "credit_limit",
}
