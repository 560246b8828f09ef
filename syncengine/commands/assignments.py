"""FIELD=VALUE as it is typed: the name of a field in the contract, its attribute, or its French label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from contracts.fields import Struct
from contracts.tables import ADDRESS, CONTACT, TIERS
from syncengine.commands.words import STATUSES, TYPES
from syncengine.core.fold import fold
from syncengine.crm import names
from syncengine.crm.company_entries import CUSTOM
from syncengine.errors import InputRefused

_OWN: Final = {
    "status": "status",
    "statut": "status",
    "company_type": "company_type",
    "type de societe": "company_type",
    "manager": "manager",
    "responsable": "manager",
    "territory": "territory",
    "secteur": "territory",
}
"""Fields of the Company alone; manager and territory go by login and name."""
_PAIR: Final = "comp_"


def assigned(given: Iterable[str]) -> dict[str, str]:
    """Names and values as typed. Raises InputRefused for one without '=', or a name that is given twice."""
    found: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise InputRefused(f"{item!r} is not FIELD=VALUE", field="FIELD=VALUE", remedy="Write name='BIJOU SA'.")
        if name.strip() in found:
            raise InputRefused(f"{name.strip()} is given twice", field=name.strip(), remedy="Give it once.")
        found[name.strip()] = value
    if not found:
        raise InputRefused("nothing to change is given", remedy="Write FIELD=VALUE, such as name='BIJOU SA'.")
    return found


def company_values(session: Session, given: Iterable[str]) -> dict[str, Any]:
    """What ``edits.edit_company`` takes. A name that no field has is left to it to refuse."""
    known = _known(TIERS, without=("type", "dormant")) | _OWN
    values = {_company_field(known, name): value for name, value in assigned(given).items()}
    return dict(_company_value(session, name, value) for name, value in values.items())


def child_values(struct: Struct, given: Iterable[str]) -> dict[str, Any]:
    """What the edits of contacts and addresses take."""
    known = _known(struct)
    return {known.get(_bare(name), name): value for name, value in assigned(given).items()}


def contact_values(given: Iterable[str]) -> dict[str, Any]:
    """What ``edits.edit_contact`` takes."""
    return child_values(CONTACT, given)


def address_values(given: Iterable[str]) -> dict[str, Any]:
    """What ``edits.edit_address`` takes."""
    return child_values(ADDRESS, given)


def _company_field(known: Mapping[str, str], name: str) -> str:
    if name.startswith(_PAIR):
        return f"{CUSTOM}{name.removeprefix(_PAIR)}"
    return name if name.startswith(CUSTOM) else known.get(_bare(name), name)


def _company_value(session: Session, name: str, value: str) -> tuple[str, Any]:
    match name:
        case "status":
            return name, _coded(STATUSES, value)
        case "company_type":
            return name, _coded(TYPES, value)
        case "manager":
            return "manager_id", names.user(session, value).id if value else None
        case "territory":
            return "territory_id", names.territory_id(session, value) if value else None
    return name, value


def _coded(words: Mapping[Any, str], value: str) -> str:
    """The code of a French word; any other value as it is."""
    return next((str(code) for code, word in words.items() if fold(word) == fold(value.strip())), value)


def _known(struct: Struct, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Every way to name a field → its attribute."""
    fields = [field for field in struct.fields if field.attr not in without]
    by_label = {_bare(field.label): field.attr for field in fields if field.label}
    return by_label | {_bare(field.name): field.attr for field in fields} | {field.attr: field.attr for field in fields}


def _bare(name: str) -> str:
    return fold(name.strip()) or ""
