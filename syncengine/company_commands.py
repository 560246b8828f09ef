"""``syncengine company`` and ``syncengine fields``: what is in the CRM, in the words of Sage 100."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Final

import typer

from contracts.fields import Flow
from contracts.tables import ADDRESS, BILLING, CLIENT, CONTACT, DELIVERY, SUPPLIER, TIERS, TURNOVER
from syncengine.companies import ID_MAX, company_view
from syncengine.company_search import LIMIT, LIMIT_MAX, CompanyLine, search_companies
from syncengine.company_sheet import AddressView, CompanyView, ContactView, FieldView, FreeFieldView, TiersView
from syncengine.engine import opened
from syncengine.errors import InputRefused
from syncengine.field_mapping import FieldMapping, field_mappings
from syncengine.integration_commands import AsJson
from syncengine.model import ErpState, LinkState, RecordStatus
from syncengine.screen import show_facts, show_json, show_table

app = typer.Typer(no_args_is_help=True, help="The Companies of the CRM (fiches Société).")

STATUSES: Final = {RecordStatus.ACTIVE: "Actif", RecordStatus.INACTIVE: "Inactif"}
TYPES: Final = {
    CLIENT: "Client",
    SUPPLIER: "Fournisseur",
    "prospect": "Prospect",
    "partner": "Partenaire",
    "competitor": "Concurrent",
}
LINKS: Final = {
    LinkState.LINKED: "lié à Sage 100",
    LinkState.TAKEN_OUT: "ne plus synchroniser",
    LinkState.BROKEN: "lien rompu",
    LinkState.VANISHED: "lié à un tiers absent de Sage 100",
}
ERP_STATES: Final = {
    ErpState.PRESENT: "présent",
    ErpState.DELETED: "supprimé",
    ErpState.OUT_OF_SCOPE: "ni client ni fournisseur",
    ErpState.DORMANT: "mis en sommeil",
}
ADDRESSES: Final = {BILLING: "Facturation", DELIVERY: "Livraison"}
FREE_TYPES: Final = {
    "text": "Texte",
    "date": "Date",
    "datetime": "Date et heure",
    "value": "Valeur",
    "amount": "Montant",
    "list": "Table",
}
RISK_ACTIONS: Final = {"deliver": "À livrer", "watch": "À surveiller", "block": "À bloquer"}
FLOWS: Final = {Flow.BOTH: "ERP ↔ CRM", Flow.FROM_ERP: "ERP → CRM"}
NO_TIERS: Final = "sans tiers"


@app.command("list")
def list_found(
    text: Annotated[str | None, typer.Argument(help="Words of the name, code, SIRET or town.")] = None,
    *,
    free: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="A free field to match; may be given several times.")
    ] = None,
    status: Annotated[RecordStatus | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="How many at most.")] = LIMIT,
    after: Annotated[str | None, typer.Option(help="Continue: what the page before ended with.")] = None,
    as_json: AsJson = False,
) -> None:
    """List companies by name, a page at a time."""
    criteria = _free_criteria(free or ())
    with opened() as engine, engine.store.reading() as session:
        page = search_companies(session, text=text, free=criteria, status=status, limit=limit, after=after)
    if as_json:
        show_json(page)
        return
    headings = (_label("code"), _label("name"), _label("type"), "Statut", _label("siret"), _ADDRESS["town"], "Lien")
    show_table(headings, map(_row, page.items))
    if page.after:
        typer.echo(f"… --after {page.after}")


@app.command()
def show(
    code: Annotated[str | None, typer.Argument(help="Code comptable.")] = None,
    *,
    id_: Annotated[
        int | None, typer.Option("--id", min=1, max=ID_MAX, help="Id in the CRM, instead of a code.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show one company with its addresses, contacts, free fields, statistics and turnover."""
    which = code if id_ is None else id_
    if which is None or (code is not None and id_ is not None):
        raise InputRefused("one company is shown", remedy="Give a code comptable, or --id.")
    with opened() as engine, engine.store.reading() as session:
        view = company_view(session, which)
    if as_json:
        show_json(view)
    else:
        _show(view)


def fields(*, as_json: AsJson = False) -> None:
    """List every field: column of the ERP, field of the contract, where the CRM keeps it, which way it travels."""
    found = field_mappings()
    if as_json:
        show_json(found)
        return
    show_table(("ERP", "CONTRAT", "TIERS CRM", "SOCIÉTÉ", "SENS", "LIBELLÉ", "EXIGENCE"), map(_mapping, found))


def _mapping(item: FieldMapping) -> tuple[object, ...]:
    name = f"{item.record}.{item.field}"
    return item.erp, name, item.account, item.company, FLOWS[item.flow], item.label, item.requirement


def _row(item: CompanyLine) -> tuple[object, ...]:
    company_type = TYPES.get(item.company_type, item.company_type)
    link = LINKS[item.link_state] if item.link_state else NO_TIERS
    return item.code, item.name, company_type, STATUSES[item.status], item.siret, item.town, link


def _free_criteria(given: Iterable[str]) -> dict[str, str]:
    criteria = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals:
            raise InputRefused(
                f"{item} has no value", field="free", remedy="Write FIELD=VALUE, such as 'Origine=Salon'."
            )
        criteria[name] = value
    return criteria


def _show(view: CompanyView) -> None:
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
_ADDRESS_HEADINGS: Final = ("", ADDRESS.field("kind").label, *_ADDRESS.values())
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
_CONTACT_HEADINGS: Final = ("", *(CONTACT.field(attr.removesuffix("_label")).label for attr in _CONTACT))


def _address(item: AddressView) -> tuple[object, ...]:
    kind = ADDRESSES.get(item.kind, item.kind)
    return (_star(default=item.is_default), kind, *(getattr(item, attr) for attr in _ADDRESS))


def _contact(item: ContactView) -> tuple[object, ...]:
    return (_star(default=item.is_default), *(getattr(item, attr) for attr in _CONTACT))


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
