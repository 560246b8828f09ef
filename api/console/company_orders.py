"""The buttons of a Company: create its tiers, break the link, link, reassign, align, delete (CRM-24, CRM-30..33)."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.console.company import REASON_WORDS, place_of
from api.console.screen import EditScreen, ReadScreen, Screen
from api.forms import RecordId
from syncengine import integrations
from syncengine.core.refusals import refused
from syncengine.crm import creation, edits, linking
from syncengine.crm.accounts import Search, list_accounts
from syncengine.crm.alignment import align_account, align_company
from syncengine.crm.company_search import search_companies
from syncengine.crm.duplicates import likely_duplicates
from syncengine.crm.linking import Linked

router = APIRouter()
_FOUND: Final = 30
_ALIGN: Final = {"account": align_account, "company": align_company}


@router.post("/companies/{company_id}/tiers-creations")
def create_tiers(company_id: RecordId, screen: EditScreen) -> Response:
    """'Créer le tiers': the next cycle, due at once, creates it (CRM-24, CRM-25)."""
    act = screen.caller.act()
    with screen.writing() as session:
        integration_id = integrations.find(session, screen.posted.optional("integration")).id
        multi = screen.engine.settings.multi_integration
        made = creation.create_tiers(
            session, company_id, integration_id=integration_id, at=act.at, by=act.by, multi=multi
        )
        screen.audit(session, "company.tiers_created", f"company/{company_id}", {"account": made})
        words = screen._("The tiers will be created in Sage 100 by the next cycle, which is due now.")
        return screen.done(session, f"/companies/{company_id}", words)


@router.post("/companies/{company_id}/tiers-creations/withdrawal")
def withdraw_creation(company_id: RecordId, screen: EditScreen) -> Response:
    """A creation that was not sent, or was refused, is taken back."""
    act = screen.caller.act()
    with screen.writing() as session:
        creation.cancel_creation(session, company_id, at=act.at, by=act.by)
        screen.audit(session, "company.creation_cancelled", f"company/{company_id}")
        return screen.done(session, f"/companies/{company_id}", screen._("The creation is withdrawn."))


@router.post("/companies/{company_id}/link-breaks")
def break_link(company_id: RecordId, screen: EditScreen) -> Response:
    """'Rompre le lien' (CRM-30)."""
    act = screen.caller.act()
    with screen.writing() as session:
        broken = linking.break_link(session, company_id, at=act.at, by=act.by)
        screen.audit(session, "company.link_broken", f"company/{company_id}", {"account": broken.account_id})
        words = screen._("The link is broken: the tiers stays in Sage 100 and is listed among the orphans.")
        return screen.done(session, f"/companies/{company_id}", words)


@router.get("/companies/{company_id}/link")
def show_link(company_id: RecordId, screen: ReadScreen, text: str = "") -> Response:
    """What the Company can be linked to, or which Company can take its tiers: the likely ones, and those that match a text."""
    with screen.engine.store.reading() as session:
        context = place_of(session, screen, company_id)
        likely = likely_duplicates(session, company_id=company_id, limit=_FOUND)
        linked = context["standing"] != "none"
        found = _companies(session, company_id, text) if linked else _tiers(session, text)
    # A tiers goes to a Company without one: linked Companies look for the one, the others for the other.
    likely = tuple(one for one in likely if (one.account_id is None) == linked)
    shown: dict[str, Any] = {"text": text, "likely": likely, "found": found, "reasons": REASON_WORDS}
    return screen.show("company_link.html", **shown, **context)


def _tiers(session: Session, text: str) -> list[Any]:
    return list_accounts(session, Search(text=text.strip()), limit=_FOUND) if text.strip() else []


def _companies(session: Session, company_id: int, text: str) -> list[Any]:
    if not text.strip():
        return []
    found = search_companies(session, text=text, limit=_FOUND).items
    return [one for one in found if one.erp_state is None and one.id != company_id]


@router.post("/companies/{company_id}/links")
def link(company_id: RecordId, screen: EditScreen) -> Response:
    """'Lier à un tiers déjà existant' (CRM-31)."""
    act = screen.caller.act()
    with screen.writing() as session:
        linked = linking.link_company(session, company_id, screen.posted.number("account_id"), at=act.at, by=act.by)
        return _linked(session, screen, linked)


@router.post("/companies/{company_id}/reassignments")
def reassign(company_id: RecordId, screen: EditScreen) -> Response:
    """'Réaffecter une autre société au tiers' (CRM-31)."""
    act = screen.caller.act()
    with screen.writing() as session:
        other = screen.posted.number("other_id")
        linked = linking.reassign_company(session, company_id, other, at=act.at, by=act.by)
        return _linked(session, screen, linked)


def _linked(session: Session, screen: Screen, linked: Linked) -> Response:
    detail = {"account": linked.account_id, "former_company": linked.former_company_id}
    screen.audit(session, "company.linked", f"company/{linked.company_id}", detail)
    added = len(linked.joint.contacts_added), len(linked.joint.addresses_added)
    words = screen._(
        "The Company is linked to the tiers and has its data; %(contacts)s contacts and %(addresses)s addresses of its"
        " own were added.",
        contacts=added[0],
        addresses=added[1],
    )
    if linked.duplicates:
        alike = ", ".join(one.name or str(one.company_id) for one in linked.duplicates[:3])
        words = f"{words} {screen._('Look at these, which are likely the same: %(names)s.', names=alike)}"
    tone = "warning" if linked.duplicates else "success"
    return screen.done(session, f"/companies/{linked.company_id}", words, tone=tone)


@router.post("/companies/{company_id}/alignments")
def align(company_id: RecordId, screen: EditScreen) -> Response:
    """'Mettre à jour le tiers', or 'Mettre à jour la société' (CRM-33)."""
    target = screen.posted.typed("target")
    if target not in _ALIGN:
        raise refused("unknown_value", "there is no such order", field="target", remedy="Use the buttons of the page.")
    with screen.writing() as session:
        edited = _ALIGN[target](session, company_id, screen.caller.act())
        screen.audit(session, f"company.{target}_aligned", f"company/{company_id}", {"fields": list(edited.changed)})
        told = screen._("The tiers has the values of the Company; the next cycle sends them.")
        if target == "company":
            told = screen._("The Company has the values of the tiers.")
        return screen.done(session, f"/companies/{company_id}", told)


@router.post("/companies/{company_id}/deletion")
def delete_company(company_id: RecordId, screen: EditScreen) -> Response:
    """Delete a Company that is not linked; the journal keeps what it was (CRM-32)."""
    with screen.writing() as session:
        edits.delete_company(session, company_id, screen.caller.act())
        screen.audit(session, "company.deleted", f"company/{company_id}")
        return screen.done(session, "/companies", screen._("The Company is deleted; the log keeps what it was."))
