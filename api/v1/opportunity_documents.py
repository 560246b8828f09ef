"""/opportunities/…/documents: attached, counted, hidden, read again (CRM-56, CRM-60)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator, Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.bulk import RefusedRecord
from api.forms import ID_MAX, Form, Instant, Line, RecordId, View
from api.identity import Caller, TheEngine
from api.live_pages import plain
from api.openapi import refuses
from api.pages import Page
from api.problem_codes import status_of
from api.v1.company_actions import PLAIN, Plain
from api.v1.live_views import OF_TIERS, DocumentType
from api.v1.opportunities import TheReader
from api.work import EditOnce, EditWork
from contracts.errors import Problem
from contracts.fields import Record
from syncengine.crm import attached_documents
from syncengine.crm.attached_documents import Attaching, OpportunityTotals, SalesDocument
from syncengine.crm.opportunities import show_opportunity
from syncengine.engine import Engine
from syncengine.errors import InputRefused
from syncengine.model import AttachedDocument, Company, Opportunity
from syncengine.rtdv import tabs
from syncengine.rtdv.generic import of_company_or_generic
from syncengine.rtdv.whom import Whom

router = APIRouter(prefix="/opportunities/{opportunity_id}", tags=["opportunities"])

Amount = Annotated[Decimal, AfterValidator(lambda amount: round(amount, 2))]
TheOpportunity = Annotated[int, Path(ge=1, le=ID_MAX)]
AT_ONCE: Final = 20
"""Documents read in one request: each is a call of the gateway."""
_UNKNOWN: Final = "opportunity_unknown"
_ATTACHED: Final = ("document_not_attached", "other_currency")


class AttachedSheet(View):
    """A document attached to the opportunity, with its total before tax when it was last read."""

    id: int
    type: str
    number: str
    tiers: str
    date: dt.date | None
    total_before_tax: Amount | None
    currency: str | None
    counted: bool
    hidden: bool
    read_at: Instant
    attached_by: str | None


class Named(Form):
    """A document of Sage 100."""

    type: DocumentType
    number: Annotated[Line, Field(min_length=1, max_length=13)]


class AttachmentForm(Form):
    """The documents to attach, and whether they count."""

    documents: list[Named] = Field(min_length=1, max_length=AT_ONCE)
    counted: bool = True
    dry_run: bool = False


class ChoiceForm(Form):
    """Whether a document counts, and whether it is hidden; one that is hidden does not count."""

    counted: bool | None = None
    hidden: bool | None = None


class HidingForm(Form):
    """Documents dated before that day which do not count are hidden."""

    before: dt.date
    dry_run: bool = False


class Attachments(View):
    """The documents of an opportunity after what was done, and what they add up to."""

    documents: list[AttachedSheet]
    totals: OpportunityTotals


class Refreshed(Attachments):
    """As read again; ``missing`` are those that Sage 100 has no longer under that number."""

    missing: list[RefusedRecord]


class Hidden(View):
    """How many documents were hidden."""

    hidden: int


@router.get("/documents", responses=refuses(_UNKNOWN))
def list_opportunity_documents(
    opportunity_id: TheOpportunity,
    _caller: TheReader,
    engine: TheEngine,
    hidden: Annotated[bool, Query(description="Those that were hidden, too.")] = False,  # noqa: FBT002
) -> Page[AttachedSheet]:
    """The documents attached to an opportunity, the newest first."""
    with engine.store.reading() as session:
        show_opportunity(session, opportunity_id)
        rows = attached_documents.attached(session, opportunity_id, hidden_too=hidden)
        return Page(items=[AttachedSheet.model_validate(row) for row in rows], next=None)


@router.get("/totals", responses=refuses(_UNKNOWN))
def get_opportunity_totals(opportunity_id: TheOpportunity, _caller: TheReader, engine: TheEngine) -> OpportunityTotals:
    """What the documents that count add up to, per type; quotes and orders in the whole."""
    with engine.store.reading() as session:
        show_opportunity(session, opportunity_id)
        found = session.get_one(Opportunity, opportunity_id)
        return attached_documents.totals(session, found)


@router.post(
    "/documents",
    status_code=201,
    response_model=Attachments,
    responses=refuses(
        _UNKNOWN, "document_unknown", "document_of_another", "other_currency", "document_type_withheld", *OF_TIERS
    ),
)
def create_attachments(opportunity_id: TheOpportunity, form: AttachmentForm, work: EditOnce) -> Response:
    """Attach documents of Sage 100, read now; totals, and where the integration says so forecast and stage follow."""
    to, whom = _to(work.engine, opportunity_id, work.caller)
    named = dict.fromkeys((one.type, one.number) for one in form.documents)
    found = [_read(work.engine, whom, kind, number) for kind, number in named]
    with work.writing(dry_run=form.dry_run) as session:
        attached_documents.attach(session, to, found, counted=form.counted)
        detail = {"documents": [f"{kind} {number}" for kind, number in named]}
        work.audit(session, "opportunity.documents_attached", f"opportunity/{opportunity_id}", detail)
        return work.answer(session, Attachments(**_all(session, opportunity_id)), status=201)


@router.post(
    "/document_refreshes",
    status_code=201,
    response_model=Refreshed,
    responses=refuses(_UNKNOWN, "document_type_withheld", *OF_TIERS),
)
def create_document_refresh(opportunity_id: TheOpportunity, work: EditOnce, form: Plain = PLAIN) -> Response:
    """Read the documents that count again; one that Sage 100 has no longer, as a quote that was ordered, keeps what it had."""
    to, whom = _to(work.engine, opportunity_id, work.caller)
    with work.engine.store.reading() as session:
        rows = [row for row in attached_documents.attached(session, opportunity_id) if row.counted][:AT_ONCE]
    found, missing = _read_again(work.engine, whom, rows)
    with work.writing(dry_run=form.dry_run) as session:
        attached_documents.refresh(session, to, found)
        work.audit(session, "opportunity.documents_read", f"opportunity/{opportunity_id}", {"documents": len(found)})
        view = Refreshed(**_all(session, opportunity_id), missing=missing)
        return work.answer(session, view, status=201)


@router.post("/document_hidings", status_code=201, response_model=Hidden, responses=refuses(_UNKNOWN))
def create_document_hiding(opportunity_id: TheOpportunity, form: HidingForm, work: EditOnce) -> Response:
    """Hide old documents that do not count."""
    with work.writing(dry_run=form.dry_run) as session:
        count = attached_documents.hide_old(session, opportunity_id, before=form.before, at=work.caller.at)
        work.audit(session, "opportunity.documents_hidden", f"opportunity/{opportunity_id}", {"documents": count})
        return work.answer(session, Hidden(hidden=count), status=201)


@router.patch("/documents/{document_id}", response_model=Attachments, responses=refuses(_UNKNOWN, *_ATTACHED))
def modify_opportunity_document(
    opportunity_id: TheOpportunity, document_id: RecordId, form: ChoiceForm, work: EditWork
) -> Response:
    """Say whether a document counts, and whether it is shown."""
    with work.writing() as session:
        row = attached_documents.choose(
            session, opportunity_id, document_id, counted=form.counted, hidden=form.hidden, at=work.caller.at
        )
        detail = {"document": f"{row.type} {row.number}", "counted": row.counted, "hidden": row.hidden}
        work.audit(session, "opportunity.document_chosen", f"opportunity/{opportunity_id}", detail)
        return work.answer(session, Attachments(**_all(session, opportunity_id)))


@router.delete("/documents/{document_id}", status_code=204, responses=refuses(_UNKNOWN, "document_not_attached"))
def delete_opportunity_document(opportunity_id: TheOpportunity, document_id: RecordId, work: EditWork) -> Response:
    """Let go of a document; in Sage 100 it stays."""
    with work.writing() as session:
        row = attached_documents.detach(session, opportunity_id, document_id, at=work.caller.at)
        detail = {"document": f"{row.type} {row.number}"}
        work.audit(session, "opportunity.document_detached", f"opportunity/{opportunity_id}", detail)
        return work.answer(session, status=204)


def _to(engine: Engine, opportunity_id: int, caller: Caller) -> tuple[Attaching, Whom]:
    with engine.store.reading() as session:
        whom, _, _ = whom_of(session, opportunity_id, caller)
    return Attaching(
        opportunity_id=opportunity_id,
        integration_id=whom.target.integration_id,
        tiers=whom.code,
        at=caller.at,
        by=caller.login,
    ), whom


def whom_of(session: Session, opportunity_id: int, caller: Caller) -> tuple[Whom, bool, Company]:
    """The tiers of an opportunity, whether it is a generic one, and the Company. Raises InputRefused as ``whom.of_company``."""
    company_id = show_opportunity(session, opportunity_id).company_id
    whom, generic = of_company_or_generic(session, company_id, by=caller.user_id)
    return whom, generic, session.get_one(Company, company_id)


def _read(engine: Engine, whom: Whom, kind: str, number: str) -> SalesDocument:
    return _document(tabs.document(engine, whom, kind, number), whom)


def _read_again(
    engine: Engine, whom: Whom, rows: Iterable[AttachedDocument]
) -> tuple[list[SalesDocument], list[RefusedRecord]]:
    """What is there still; attached documents are read again whatever the types this user sees."""
    found, missing = list[SalesDocument](), list[RefusedRecord]()
    everyone = replace(whom, types=None)
    for row in rows:
        try:
            found.append(_read(engine, everyone, row.type, row.number))
        except InputRefused as problem:
            if problem.problem_code != "document_unknown":
                raise
            missing.append(_refused(row, problem))
    return found, missing


def _refused(row: AttachedDocument, problem: Problem) -> RefusedRecord:
    return RefusedRecord(
        id=row.id,
        record=f"{row.type} {row.number}",
        field=None,
        status=status_of(problem),
        code=problem.problem_code,
        detail=problem.message,
        remedy=problem.remedy,
    )


def _document(record: Record, whom: Whom) -> SalesDocument:
    said = plain(record)
    return SalesDocument(
        type=said["type"],
        number=said["number"],
        tiers=said["tiers"] or whom.code,
        date=said["date"],
        total=said["total_before_tax"],
        currency=said["currency"] or whom.currency,
    )


def _all(session: Session, opportunity_id: int) -> dict[str, Any]:
    rows = attached_documents.attached(session, opportunity_id)
    opportunity = session.get_one(Opportunity, opportunity_id)
    return {
        "documents": [AttachedSheet.model_validate(row) for row in rows],
        "totals": attached_documents.totals(session, opportunity),
    }
