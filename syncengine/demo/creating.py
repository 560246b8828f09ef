"""'Créer le tiers': a Company of the CRM becomes a tiers of Sage 100 (CRM-25, CRM-42)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from contracts.tables import BILLING, DELIVERY
from syncengine.crm.companies import company_view
from syncengine.crm.company_sheet import CompanyView
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import add_address, add_contact, create_company
from syncengine.demo.stage import PERSON, Stage
from syncengine.model import ErpState, LinkState

CODE: Final = "ATELIERCRM"
COMPANY: Final = {"name": "Atelier du Vercors", "company_type": "client", "code": CODE, "phone": "04 76 95 11 11"}
ADDRESS: Final = {"street": "3 place du Marché", "postcode": "38250", "town": "Lans-en-Vercors"}
CONTACT: Final = {"last_name": "Accueil", "function": "Standard", "email": "accueil@atelier.example"}
_FIRM, _PLACE, _PERSON = ("name", "phone"), tuple(ADDRESS), tuple(CONTACT)


def create_from_company(stage: Stage) -> None:
    """A Company with an address and a contact is made in the CRM; the next cycle creates and links its tiers."""
    stage.begin("9 · 'Créer le tiers' from a Company")
    company_id = _make_company(stage)
    stage.say("CRM", f"new Société « {COMPANY['name']} » with an address and a contact")
    stage.command(f"company create-tiers {CODE}")
    stage.expect("tiers created", stage.cycle().counts.created_in_erp, 1)
    with stage.engine.store.reading() as session:
        crm = _in_crm(company_view(session, company_id))
    stage.expect("the link", crm.pop("link"), (ErpState.PRESENT, LinkState.LINKED))
    erp = _in_erp(stage.desk.show(CODE))
    stage.expect("the Company and the tiers it became", crm, erp)
    typed = (_words(COMPANY, _FIRM), _words(ADDRESS, _PLACE), _words(ADDRESS, _PLACE), _words(CONTACT, _PERSON))
    stage.expect("what was typed and what was created", tuple(erp.values()), tuple([words] for words in typed))
    stage.table(("", "CRM", "Sage 100"), [(label, crm[label][0], erp[label][0]) for label in crm])
    stage.confirm(f"tiers {CODE} created once, and linked; Sage 100 copied the billing address as delivery address")


def _make_company(stage: Stage) -> int:
    with stage.engine.store.writing() as session:
        company_id = create_company(session, COMPANY, stage.act()).id
        add_address(session, company_id, ADDRESS, stage.act())
        add_contact(session, company_id, CONTACT, stage.act())
        create_tiers(session, company_id, integration_id=stage.integration_id, at=stage.act().at, by=PERSON)
    return company_id


def _in_crm(view: CompanyView) -> dict[str, Any]:
    places: dict[str, list[str]] = {BILLING: [], DELIVERY: []}
    for address in view.addresses:
        places[address.kind].append(_words(vars(address), _PLACE))
    return {
        "link": None if view.tiers is None else (view.tiers.erp_state, view.tiers.link_state),
        "Tiers": [_words({"name": view.name, "phone": view.standard}, _FIRM)],
        "Adresse de facturation": places[BILLING],
        "Adresse de livraison": places[DELIVERY],
        "Contact": [_words(vars(contact), _PERSON) for contact in view.contacts],
    }


def _in_erp(found: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        "Tiers": [_words(found["tiers"], _FIRM)],
        "Adresse de facturation": [_words(found["billing"], _PLACE)],
        "Adresse de livraison": [_words(one, _PLACE) for one in found["deliveries"]],
        "Contact": [_words(one, _PERSON) for one in found["contacts"]],
    }


def _words(values: Mapping[str, Any], attrs: tuple[str, ...]) -> str:
    return ", ".join(str(values.get(attr)) for attr in attrs)
