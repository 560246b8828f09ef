"""How much one cycle may do before somebody must agree to it: per side, in tiers and in per cent of those linked (NEW-06). Pure.

A limit stops when *both* its count and its share are exceeded: in a small base a few tiers are a large share, in a large one a
usual day is a large count. Of 0, either leaves it to the other alone; both 0 let nothing pass; a limit of null is switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from syncengine.errors import InputRefused
from syncengine.model.journal import Side


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The tiers that a plan touches on one side: each in one figure, the gravest."""

    created: int = 0
    changed: int = 0
    deactivated: int = 0

    def of(self, action: str) -> int:
        """The figure that a guard judges."""
        match action:
            case "create":
                return self.created
            case "change":
                return self.changed
            case _:
                return self.deactivated


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What a plan does on each side."""

    crm: Counts = field(default_factory=Counts)
    erp: Counts = field(default_factory=Counts)

    def on(self, side: Side) -> Counts:
        """The figures of one side."""
        return self.crm if side is Side.CRM else self.erp


@dataclass(frozen=True, kw_only=True)
class Limit:
    """More than ``count`` tiers and more than ``percent`` of the linked ones."""

    count: int = 0
    percent: float = 0

    def exceeded(self, tiers: int, linked: int) -> bool:
        """Whether that many tiers of that many linked are too many; none never are."""
        return tiers > self.count and tiers * 100 > self.percent * linked

    def __str__(self) -> str:
        parts = [f"{self.count} tiers" if self.count else "", f"{self.percent:g} %" if self.percent else ""]
        return " and ".join(filter(None, parts)) or "none at all"


DEFAULTS: Final[Mapping[str, Limit | None]] = {
    # The first synchronisation creates everything (CRM-13), in as many cycles as it is interrupted; it overwrites nothing.
    "crm.create": None,
    "crm.change": Limit(count=500, percent=25),
    "crm.deactivate": Limit(count=25, percent=5),
    # Ordered by hand, one at a time or for all (CRM-08).
    "erp.create": Limit(count=100, percent=10),
    "erp.change": Limit(count=500, percent=25),
    "erp.deactivate": Limit(count=25, percent=5),
}
"""The limits of an integration that sets none: side and action → limit."""

_DONE: Final = {"create": "created", "change": "changed", "deactivate": "deactivated"}
_NAMES: Final = {Side.CRM: "CRM", Side.ERP: "Sage 100"}


@dataclass(frozen=True, kw_only=True)
class Guards:
    """The limits of an integration, those not set by it included."""

    limits: Mapping[str, Limit | None] = field(default_factory=lambda: DEFAULTS)

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Guards:
        """The limits from ``Integration.guards``, which ``check`` has accepted."""
        own = {name: None if limit is None else Limit(**limit) for name, limit in settings.items()}
        return cls(limits={**DEFAULTS, **own})


def breach(totals: Totals, linked: int, guards: Guards) -> list[str]:
    """What of a plan goes too far, in words with side, figure and limit; empty when it may go on.

    ``linked`` is the number of linked tiers before it. While there is none, what arrives is the first synchronisation (CRM-13).
    """
    return [
        f"{_NAMES[side]}: {tiers} tiers would be {_DONE[action]}{_share(tiers, linked)}; the limit is {limit}"
        for side, action, limit in _limits(guards, linked)
        if limit.exceeded(tiers := totals.on(side).of(action), linked)
    ]


def _limits(guards: Guards, linked: int) -> list[tuple[Side, str, Limit]]:
    return [
        (Side(side), action, limit)
        for name, limit in guards.limits.items()
        for side, _, action in [name.partition(".")]
        if limit is not None and (linked or name != "crm.create")
    ]


def _share(tiers: int, linked: int) -> str:
    return f" ({tiers * 100 / linked:.1f} % of the {linked} linked)" if linked else ""


def check(settings: Mapping[str, Any]) -> None:
    """Raises InputRefused for a guard that does not exist, or a limit that is not a count and a share."""
    for name, limit in settings.items():
        if name not in DEFAULTS:
            raise InputRefused(
                f"there is no guard {name}",
                code="unknown_guard",
                field=name,
                remedy=f"The guards are {', '.join(DEFAULTS)}.",
            )
        wrong = "" if limit is None else _wrong(limit)
        if wrong:
            raise InputRefused(
                wrong,
                code="guard_invalid",
                field=name,
                remedy="Give a count and a percent of 0 to 100; null switches the guard off.",
            )


def _wrong(limit: Any) -> str:
    if not isinstance(limit, Mapping) or not limit or limit.keys() - {"count", "percent"}:
        return "a guard is a count and a percent"
    count, percent = limit.get("count", 0), limit.get("percent", 0)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        return f"{count!r} is not a number of tiers"
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not isfinite(percent):
        return f"{percent!r} is not a percentage"
    return "" if 0 <= percent <= 100 else f"{percent!r} is not a percentage from 0 to 100"
