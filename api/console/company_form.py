"""The form of a Company: what is entered in it, checked and replicated by the edit service (CRM-28, CRM-37)."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console.company import place_of
from api.console.screen import EditScreen, Screen
from api.etags import etag_of
from api.forms import RecordId
from api.problems import ApiProblem
from api.v1.companies import shown_company
from contracts.fields import Flow
from contracts.tables import TIERS
from syncengine.core.marker import entered
from syncengine.core.replicate import COMPANY_LEAVES
from syncengine.crm import edits
from syncengine.crm.companies import LISTS
from syncengine.crm.erp_lists import list_parameters
from syncengine.crm.numbers import TIERS_KINDS
from syncengine.crm.territories import list_territories
from syncengine.cycle.act import Edited
from syncengine.errors import InputRefused
from syncengine.model import Company, Integration, Representative, User

router = APIRouter()
FIELDS: Final = tuple(
    TIERS.field(attr)
    for attr in (*(attr for attr in COMPANY_LEAVES if TIERS.field(attr).flow is Flow.BOTH), *TIERS_KINDS)
    if attr != "code"
)
_OF_COMPANY: Final = ("company_type", "status")
_NUMBERS: Final = ("manager_id", "territory_id")
_LISTED: Final = 1_000


@router.get("/companies/new")
def show_new(screen: EditScreen) -> Response:
    """The form of a Company to be made."""
    with screen.engine.store.reading() as session:
        context = _form(session, None)
    return screen.show("company_form.html", company=None, **context)


@router.post("/companies")
def create_company(screen: EditScreen) -> Response:
    """Make a Company, without tiers (CRM-28)."""
    try:
        with screen.writing() as session:
            edited = edits.create_company(session, _entered(screen), screen.caller.act())
            screen.audit(session, "company.created", f"company/{edited.id}")
            words = screen._("The Company is made. “Create the tiers” brings it to Sage 100.")
            return screen.done(session, f"/companies/{edited.id}", _warned(words, edited))
    except InputRefused as problem:
        with screen.engine.store.reading() as session:
            context = _form(session, None)
        return screen.again("company_form.html", problem, company=None, **context)


@router.get("/companies/{company_id}/edit")
def show_form(company_id: RecordId, screen: EditScreen) -> Response:
    """The form with what the Company holds."""
    with screen.engine.store.reading() as session:
        context = place_of(session, screen, company_id) | _form(session, company_id)
    return screen.show("company_form.html", **context)


@router.post("/companies/{company_id}")
def change_company(company_id: RecordId, screen: EditScreen) -> Response:
    """Change a Company; what travels is on its tiers at once and in Sage 100 with the next cycle (CRM-28)."""
    try:
        with screen.writing() as session:
            _refuse_changed(session, screen, company_id)
            edited = edits.edit_company(session, company_id, _entered(screen), screen.caller.act())
            if edited.changed:
                screen.audit(session, "company.changed", f"company/{company_id}", {"fields": list(edited.changed)})
            words = screen._("Nothing was changed.")
            if edited.changed:
                words = screen._("The Company is changed.")
            if edited.marked:
                words = screen._("The Company is changed; the next cycle sends it to Sage 100.")
            return screen.done(session, f"/companies/{company_id}", _warned(words, edited))
    except (InputRefused, ApiProblem) as problem:
        if problem.problem_code == "company_unknown":
            raise
        with screen.engine.store.reading() as session:
            context = place_of(session, screen, company_id) | _form(session, company_id)
        return screen.again("company_form.html", problem, **context)


def _refuse_changed(session: Session, screen: Screen, company_id: int) -> None:
    """Somebody else's change since the form was shown is not written over unseen."""
    if screen.posted.typed("seen") != etag_of(shown_company(session, company_id)):
        raise ApiProblem("version_outdated")


def _entered(screen: Screen) -> dict[str, Any]:
    """What was typed; a field that the form did not have stays as it is."""
    names = [field.attr for field in FIELDS] + ["code", *_OF_COMPANY]
    values: dict[str, Any] = {name: screen.posted.optional(name) for name in names if name in screen.posted}
    for name in _NUMBERS:
        if name in screen.posted:
            values[name] = screen.posted.number(name) if screen.posted.text(name) else None
    return values


def _warned(words: str, edited: Edited) -> str:
    return " ".join((words, *(f"{warning}." for warning in edited.warnings)))


def _form(session: Session, company_id: int | None) -> dict[str, Any]:
    company = session.get(Company, company_id) if company_id is not None else None
    integration = _integration(session, company_id)
    values = _values(session, company_id)
    return {
        "fields": FIELDS,
        "values": values,
        "lists": _lists(session, integration, values) if integration else {},
        "types": list(integration.company_types) if integration else [],
        "manager_id": company.manager_id if company else None,
        "territory_id": company.territory_id if company else None,
        "managers": [(user.id, f"{user.name} ({user.login})") for user in _users(session)],
        "territories": [(one.id, one.name) for one in list_territories(session, limit=_LISTED)],
        "seen": etag_of(shown_company(session, company_id)) if company_id is not None else "",
    }


def _values(session: Session, company_id: int | None) -> dict[str, str | None]:
    if company_id is None:
        return {}
    view = shown_company(session, company_id).root
    numbers = {"phone": view.standard, "fax": view.fax, "email": view.email}
    # The marker of an empty number is shown in the empty field, and is no value (CRM-43).
    return {field.name: field.value for field in view.fields} | {
        name: entered(value) for name, value in numbers.items()
    }


def _integration(session: Session, company_id: int | None) -> Integration | None:
    """The integration of its tiers, else the only one or the first."""
    view = shown_company(session, company_id).root if company_id is not None else None
    query = select(Integration).order_by(Integration.id)
    if view is not None and view.tiers is not None:
        query = query.where(Integration.name == view.tiers.integration)
    return session.scalars(query.limit(1)).first()


def _lists(
    session: Session, integration: Integration, values: dict[str, str | None]
) -> dict[str, list[tuple[str, str]]]:
    """What may be chosen, each with the code; a value that is gone in Sage 100 stays to be chosen where it is held."""
    found = {attr: _parameters(session, integration, kind) for attr, kind in LISTS.items()}
    named = select(Representative).where(Representative.integration_id == integration.id, Representative.active)
    people = session.scalars(named.order_by(Representative.last_name, Representative.code))
    names = ((one.code, " ".join(filter(None, (one.first_name, one.last_name)))) for one in people)
    found["representative"] = [(code, f"{code} – {name}" if name else code) for code, name in names]
    for attr, options in found.items():
        value = values.get(attr)
        if options and value and value not in dict(options):
            options.append((value, value))
    return found


def _parameters(session: Session, integration: Integration, kind: str) -> list[tuple[str, str]]:
    rows = list_parameters(session, integration.id, kind=kind, active=True, limit=_LISTED)
    return [(row.code, f"{row.code} – {row.label}" if row.label else row.code) for row in rows]


def _users(session: Session) -> list[User]:
    return list(session.scalars(select(User).where(User.active).order_by(User.name).limit(_LISTED)))
