"""A Company on the screen, in the words of Sage 100."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import typer

from contracts.tables import ADDRESS, CONTACT, TIERS, TURNOVER
from syncengine.commands.words import (
    ADDRESSES,
    ERP_STATES,
    FREE_TYPES,
    LINKS,
    NO_TIERS,
    RISK_ACTIONS,
    STATUSES,
    TYPES,
)
from syncengine.crm.company_sheet import AddressView, CompanyView, ContactView, FieldView, FreeFieldView, TiersView
from syncengine.screen import show_facts, show_table


def show_company(view: CompanyView) -> None:
    """Print a Company with all that hangs on it."""
    facts: dict[str, object] = {
        "Société": f"{view.name or ''} (n° {view.id})",
        "Type": TYPES.get(view.company_type, view.company_type),
        "Statut": STATUSES[view.status],
        "Secteur": view.territory,
        "Responsable": view.manager,
        "Lien": _link(view.tiers),
    }
    facts |= {item.label: _field(item) for item in view.fields}
    show_facts(facts | {_label("phone"): view.standard, _label("fax"): view.fax, _label("email"): view.email})
    _section("Adresses", _ADDRESS_HEADINGS, map(_address, view.addresses))
    _section("Contacts", _CONTACT_HEADINGS, map(_contact, view.contacts))
    _section("Informations libres", ("Nom", "Type", "Valeur", ""), map(_free_field, view.free_fields))
    _section("Champs statistiques", ("Nom", "Valeur"), ((item.label, item.value) for item in view.statistics))
    if view.turnover is not None:
        figures = (view.turnover.current_year, view.turnover.previous_year)
        rows = [(*(_amount(figure) for figure in figures), view.turnover.currency, view.turnover.updated_at)]
        labels = (TURNOVER.field("current_year").label, TURNOVER.field("previous_year").label)
        _section("Chiffre d'affaires", (*labels, "Devise", "Actualisé"), rows)


def _section(title: str, headings: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    shown = list(rows)
    if shown:
        typer.echo(f"\n{title}")
        show_table(headings, shown)


def _link(tiers: TiersView | None) -> str:
    if tiers is None:
        return NO_TIERS
    link = LINKS[tiers.link_state] if tiers.link_state else "jamais lié"
    return f"{link} ({tiers.integration}, {TYPES.get(tiers.type, tiers.type).lower()} {ERP_STATES[tiers.erp_state]})"


def _label(attr: str) -> str:
    return TIERS.field(attr).label


def _field(item: FieldView) -> str | None:
    if item.name == "risk_action" and item.value:
        return RISK_ACTIONS.get(item.value, item.value)
    return f"{item.value} · {item.meaning}" if item.meaning else item.value


_ADDRESS: Final = {
    attr: ADDRESS.field(attr).label
    for attr in ("title", "street", "complement", "postcode", "town", "region", "country")
}
_ADDRESS_HEADINGS: Final = ("N°", "", ADDRESS.field("kind").label, *_ADDRESS.values())
_CONTACT: Final = (
    "civility",
    "last_name",
    "first_name",
    "function",
    "service_label",
    "phone",
    "mobile",
    "fax",
    "email",
)
_CONTACT_HEADINGS: Final = ("N°", "", *(CONTACT.field(attr.removesuffix("_label")).label for attr in _CONTACT))


def _address(item: AddressView) -> tuple[object, ...]:
    kind = ADDRESSES.get(item.kind, item.kind)
    return (item.id, _star(default=item.is_default), kind, *(getattr(item, attr) for attr in _ADDRESS))


def _contact(item: ContactView) -> tuple[object, ...]:
    return (item.id, _star(default=item.is_default), *(getattr(item, attr) for attr in _CONTACT))


def _star(*, default: bool) -> str:
    return "★" if default else ""


def _free_field(item: FreeFieldView) -> tuple[object, ...]:
    name = _struck(item.name) if item.struck_out else item.name
    note = "n'est plus répliquée" if item.struck_out else ""
    return name, FREE_TYPES.get(item.type, item.type), item.value, note


def _struck(text: str) -> str:
    return "".join(f"{letter}\u0336" for letter in text)


def _amount(value: Decimal) -> str:
    return f"{value:,.2f}".replace(",", "\u202f").replace(".", ",")
