"""What may be entered in a Company beyond the fields that travel: type, status, manager, territory, the CRM's own fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import select

from contracts.fields import Field
from contracts.tables import TIERS
from syncengine.core.entries import Entry
from syncengine.core.refusals import refused
from syncengine.crm.unit import Unit
from syncengine.model import CustomField, RecordStatus, Territory, User

CUSTOM: Final = "custom."
"""Before the name of a field of the CRM's own (CRM-47)."""
CUSTOM_LENGTH: Final = 255
TYPE_LENGTH: Final = 30


def custom_value(unit: Unit, name: str, given: Any) -> str | None:
    """An entry in ``custom.<name>``. Raises InputRefused (unknown_field, too_long, …)."""
    own = unit.session.scalar(select(CustomField).where(CustomField.name == name.removeprefix(CUSTOM)))
    if own is None:
        raise refused(
            "unknown_field",
            f"the CRM has no field {name.removeprefix(CUSTOM)!r}",
            record=unit.record,
            field=name,
            remedy="Define it first.",
        )
    return _text(unit, Field(name=name, length=CUSTOM_LENGTH, label=own.label), given)


def _text(unit: Unit, known: Field, given: Any) -> str | None:
    return Entry(struct=TIERS, record=unit.record).value(known, given)


def _status(unit: Unit, given: Any) -> RecordStatus:
    if given not in set(RecordStatus):
        raise refused(
            "unknown_value",
            f"Statut: {given!r} is none",
            record=unit.record,
            field="status",
            remedy=f"Choose one of {', '.join(RecordStatus)}.",
        )
    return RecordStatus(given)


def _company_type(unit: Unit, given: Any) -> str:
    """CRM-35: a linked Company keeps to types that stand for its tiers, or for none."""
    known = Field(name="company_type", length=TYPE_LENGTH, label="Type de société", required=True)
    value = _text(unit, known, given) or ""
    types = {} if unit.integration is None else unit.integration.company_types
    if types and value not in types:
        raise refused(
            "unknown_value",
            f"Type de société: {value!r} is none",
            record=unit.record,
            field="company_type",
            remedy=f"Choose one of {', '.join(sorted(types))}.",
        )
    stands_for = types.get(value)
    if unit.account is not None and unit.tied and stands_for not in (None, unit.account.type):
        raise refused(
            "other_tiers_type",
            f"{value!r} stands for a {stands_for}, and the Company is linked to a {unit.account.type}",
            record=unit.record,
            field="company_type",
            remedy="Choose a type for the same kind of tiers, or break the link first ('Rompre le lien').",
        )
    return value


def _manager(unit: Unit, given: Any) -> int | None:
    user = unit.session.get(User, given) if _is_id(given) else None
    if given is not None and (user is None or not user.active):
        raise refused(
            "unknown_user",
            f"Responsable: there is no active user {given!r}",
            record=unit.record,
            field="manager_id",
            remedy="Choose an active user of the CRM.",
        )
    return None if user is None else user.id


def _territory(unit: Unit, given: Any) -> int | None:
    territory = unit.session.get(Territory, given) if _is_id(given) else None
    if given is not None and territory is None:
        raise refused(
            "unknown_value",
            f"Secteur: there is no territory {given!r}",
            record=unit.record,
            field="territory_id",
            remedy="Choose a territory of the CRM.",
        )
    return None if territory is None else territory.id


def _is_id(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 < given < 2**63


OWN: Final[dict[str, Callable[[Unit, Any], Any]]] = {
    "company_type": _company_type,
    "status": _status,
    "manager_id": _manager,
    "territory_id": _territory,
}
"""Columns of the Company alone → what an entry becomes; status goes to the Account as well."""
