"""Who wins where both sides changed a value apart: a policy for all, for a kind of record, or for one field (NEW-03). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from contracts.fields import Flow
from contracts.tables import BILLING_KEY
from syncengine.core.paths import FREE_FIELDS, STRUCTS, place
from syncengine.errors import InputRefused
from syncengine.model.journal import Rule, Side
from syncengine.model.link import Entity


class Policy(StrEnum):
    """What decides a clash."""

    ERP_WINS = "erp_wins"
    CRM_WINS = "crm_wins"
    MOST_RECENT = "most_recent"
    ASK = "ask"

    @property
    def label(self) -> str:
        """As a user reads it."""
        return _LABELS[self]


_LABELS: Final = {
    Policy.ERP_WINS: "Sage 100 l'emporte",
    Policy.CRM_WINS: "Le CRM l'emporte",
    Policy.MOST_RECENT: "La modification la plus récente l'emporte",
    Policy.ASK: "Demander",
}

_IDENTITY: Final[Mapping[Entity, frozenset[str]]] = {
    Entity.ACCOUNT: frozenset({"code", "type", "version", FREE_FIELDS}),
    Entity.ADDRESS: frozenset({"key", "kind"}),
    Entity.CONTACT: frozenset({"key"}),
}
"""What only the ERP says although the contract carries it both ways: a creation needs it."""

FROM_ERP: Final[Mapping[Entity, frozenset[str]]] = {
    entity: frozenset(part.attr for part in struct.fields if part.flow is Flow.FROM_ERP) | _IDENTITY[entity]
    for entity, struct in STRUCTS.items()
}
"""The fields of which the ERP always has the last word (CRM-40): no policy, no clash, nothing sent."""


def is_from_erp(entity: Entity, key: str | None, attr: str) -> bool:
    """Whether the ERP always has the last word; the title of the billing address is the ERP's own name for it (CRM-38)."""
    return attr in FROM_ERP[entity] or (attr == "title" and key == BILLING_KEY and entity is Entity.ADDRESS)


@dataclass(frozen=True, kw_only=True)
class Policies:
    """The policies of an integration: '' or 'contact' or 'contact.phone' → policy; checked by ``check``."""

    chosen: Mapping[str, str] = field(default_factory=dict)

    def of(self, path: str) -> Policy:
        """The policy of a path: the most specific one chosen; the ERP wins when none is."""
        if not self.chosen:
            return Policy.ERP_WINS
        entity, _, attr = place(path)
        for name in (f"{entity}.{attr}", entity.value, ""):
            if name in self.chosen:
                return Policy(self.chosen[name])
        return Policy.ERP_WINS


def check(chosen: Mapping[str, Any]) -> None:
    """Raises InputRefused for a kind of record, field or policy that does not exist, or a field that is ERP → CRM only."""
    for name, policy in chosen.items():
        _check_name(name)
        if policy not in tuple(Policy):
            raise InputRefused(
                f"{policy!r} is not a policy",
                code="unknown_policy",
                field=name or None,
                remedy=f"Choose one of {', '.join(Policy)}.",
            )


def _check_name(name: str) -> None:
    kind, dot, attr = name.partition(".")
    if not name:
        return
    entity = next((entity for entity in STRUCTS if entity.value == kind), None)
    if entity is None or (dot and attr not in STRUCTS[entity].index):
        raise InputRefused(
            f"there is no field {name}",
            code="unknown_field",
            field=name,
            remedy="Name account, address or contact, or one of their fields, such as contact.phone.",
        )
    if dot and (attr in FROM_ERP[entity] or attr in {"addresses", "contacts"}):
        raise InputRefused(
            f"{name} has no policy of its own: it is not a field that both sides change",
            code="field_from_erp",
            field=name,
            remedy="Leave it out: Sage 100 has the last word.",
        )


@dataclass(frozen=True, kw_only=True)
class Ages:
    """How long ago each side changed the record, each by its own clock, so that no clock is compared with another."""

    crm: timedelta | None
    erp: timedelta | None
    tolerance: timedelta

    def latest(self) -> Side | None:
        """The side that changed last; None inside the tolerance, for an unknown age, and for a clock that was put back."""
        if self.crm is None or self.erp is None or min(self.crm, self.erp) < -self.tolerance:
            return None
        if abs(self.crm - self.erp) <= self.tolerance:
            return None
        return Side.CRM if self.crm < self.erp else Side.ERP


def decide(policy: Policy, ages: Ages | None) -> tuple[Side | None, Rule]:
    """The side that wins a clash, and the rule it wins by; no side when somebody must be asked."""
    match policy:
        case Policy.ERP_WINS:
            return Side.ERP, Rule.ERP_WINS
        case Policy.CRM_WINS:
            return Side.CRM, Rule.CRM_WINS
        case Policy.MOST_RECENT if ages is not None and (latest := ages.latest()) is not None:
            return latest, Rule.MOST_RECENT
        case _:
            return None, Rule.ASKED
