"""/integrations/{id}/…: whether both sides really agree, what differs, and the order to bring it into step."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from api.forms import ID_MAX, Form, Instant, RecordId, View
from api.gateway_codes import refuses_far
from api.identity import Reader, Syncer, TheEngine
from api.pages import Page, ThePlace
from api.v1.integrations import integration_or_404
from api.work import SyncOnce
from syncengine.auditing import audit
from syncengine.cycle.audit import PortionState
from syncengine.desk import drift
from syncengine.model import Drift

router = APIRouter(prefix="/integrations/{integration_id}", tags=["agreement"])


class AgreementSheet(View):
    """How far both sides agree: ``share`` in per cent of the ``compared`` tiers, rounded down; null before any comparison.

    ``measured_at`` is the end of the last complete pass; one under way began at ``since`` and is at ``done`` of ``total``.
    """

    share: Decimal | None
    compared: int
    differing: int
    measured_at: Instant | None
    first_found_at: Instant | None
    since: Instant | None
    done: int
    total: int
    next_at: Instant | None


class FieldDifferenceSheet(View):
    """One value that differs, with that of each side."""

    path: str
    label: str
    crm: Any
    erp: Any


class DifferenceSheet(View):
    """One tiers that differs although nothing waits, or that did (``settled_at``)."""

    id: int
    code: str
    name: str | None
    account_id: int | None
    drift: Drift
    fields: list[FieldDifferenceSheet]
    found_at: Instant
    settled_at: Instant | None


class ComparisonSheet(View):
    """What became of comparing one portion; ``reason`` why it was put off."""

    state: PortionState
    compared: int
    waiting: int
    found: int
    settled: int
    ended: bool
    reason: str


class RepairForm(Form):
    """Which differences: by id, or ``everything`` that stands."""

    ids: Annotated[list[Annotated[int, Field(ge=1, le=ID_MAX)]], Field(max_length=1_000, default_factory=list)]
    everything: bool = False
    dry_run: bool = False


class RefusalSheet(View):
    """One of them that nothing was done for, and why."""

    id: int | None
    code: str
    message: str


class RepairSheet(View):
    """For how many the next cycle looks at both sides again; the refused ones stay as they were."""

    done: int
    refused: list[RefusalSheet]


@router.get("/agreement")
def get_agreement(integration_id: RecordId, _caller: Reader, engine: TheEngine) -> AgreementSheet:
    """How far both sides agree, as compared in the background."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
        return AgreementSheet.model_validate(drift.agreement(session, integration_id))


@router.get("/differences")
def list_drift(
    integration_id: RecordId,
    _caller: Reader,
    engine: TheEngine,
    place: ThePlace,
    *,
    settled: Annotated[bool, Query(description="What differed and was found equal again.")] = False,
) -> Page[DifferenceSheet]:
    """What differs, in the order it was found, with the value of each side."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
        after = place.after(int) or 0
        found = drift.differences(session, integration_id, settled=settled, limit=place.more, after=after)
    return place.page(found, DifferenceSheet.model_validate, lambda one: one.id)


@router.post("/comparisons", responses=refuses_far("integration_not_active", "company_mismatch"))
def compare_portion(integration_id: RecordId, _caller: Syncer, engine: TheEngine) -> ComparisonSheet:
    """Compare the next portion of the tiers now; nothing is written but what is found."""
    with engine.store.reading() as session:
        integration_or_404(session, integration_id)
    return ComparisonSheet.model_validate(audit(engine, integration_id))


@router.post("/difference_repairs", response_model=RepairSheet, responses={207: {"model": RepairSheet}})
def repair_differences(integration_id: RecordId, form: RepairForm, work: SyncOnce) -> Response:
    """Have the next cycle reconcile what differs, by the same rules as any change; 207 when some were refused."""
    with work.writing(dry_run=form.dry_run) as session:
        integration_or_404(session, integration_id)
        result = drift.repair(
            session,
            integration_id,
            form.ids,
            at=work.caller.at,
            by=work.caller.login,
            everything=form.everything,
        )
        work.audit(session, "differences.repaired", f"integration/{integration_id}", {"done": result.done})
        view = RepairSheet.model_validate(result)
        return work.answer(session, view, status=207 if result.refused else 200)
