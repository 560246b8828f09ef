"""What a path is called on the screen of somebody who knows Sage 100: 'Contact n° 7 – Téléphone'. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contracts.fields import Struct
from contracts.tables import ADDRESS, BILLING_KEY, CONTACT, TIERS

STRUCT_OF: Final[Mapping[str, Struct]] = {"addresses": ADDRESS, "contacts": CONTACT}
"""The lists of children in a path, and what they are made of."""
NEW: Final = "+"
"""Before the CRM's id of a child that the ERP has no number for yet."""

_OWN: Final = {
    "status": "Statut",
    "erp_state": "État dans la Gestion Commerciale",
    "manager_id": "Responsable",
    "territory_id": "Secteur",
    "company_type": "Type de société",
    "company_id": "Société",
    "is_main": "Tiers principal",
    "is_default": "Par défaut",
    "default_address_id": "Adresse par défaut",
    "link": "Lien avec la Gestion Commerciale",
}
"""Fields that only the CRM has."""


def label_of(path: str) -> str:
    """The label of a path; a name that no table declares, such as a free field's, is its own label."""
    parts = path.split("/")
    struct = STRUCT_OF.get(parts[0])
    if struct is None or len(parts) < 2:
        return _field(TIERS, path)
    child = _child(parts[0], parts[1])
    return f"{child} – {_field(struct, parts[2])}" if len(parts) > 2 else child


def _child(kind: str, key: str) -> str:
    if key == BILLING_KEY:
        return "Adresse de facturation"
    name = "Contact" if kind == "contacts" else "Adresse de livraison"
    return f"{name} (nouveau)" if key.startswith(NEW) else f"{name} n° {key}"


def _field(struct: Struct, attr: str) -> str:
    if attr in _OWN:
        return _OWN[attr]
    field = next((field for field in struct.fields if field.attr == attr), None)
    return attr.removeprefix("free_fields/") if field is None else field.label
