"""The free fields a demonstration base defines on its tiers: one of every type, some with spaces in their name."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.demo.calendar import Calendar
from gateway.demo.sink import Row
from gateway.free_fields import FreeFieldKind


@dataclass(frozen=True, kw_only=True)
class DemoField:
    """A free field to define: name, type, length of its texts, choices of a list."""

    name: str
    kind: FreeFieldKind
    length: int = 0
    items: tuple[str, ...] = ()


GIVEAWAY = ("Gratuit", "Échange", "Payant")
ORIGINS = ("Salon", "Recommandation", "Prospection", "Site Web")
DEMO_FIELDS = (
    DemoField(name="Date 1er contact", kind=FreeFieldKind.DATE),
    DemoField(name="Effectif", kind=FreeFieldKind.VALUE),
    DemoField(name="Consigne livraison", kind=FreeFieldKind.TEXT, length=35),
    DemoField(name="Dernière visite", kind=FreeFieldKind.MOMENT),
    DemoField(name="Plafond remise", kind=FreeFieldKind.AMOUNT),
    DemoField(name="GRATUIT OU ECHANGE", kind=FreeFieldKind.LIST, length=21, items=GIVEAWAY),
    DemoField(name="Origine", kind=FreeFieldKind.LIST, length=21, items=ORIGINS),
)
INSTRUCTIONS = ("", "Livrer avant 10 h", "Quai n° 2", "Prévenir le gardien", "")


def free_values(position: int, calendar: Calendar) -> Row:
    """The values of the fields above for the tiers at this position, many of them empty."""
    if position % 3 == 2:
        return (calendar.empty, 0, "", calendar.empty, 0, "", "")
    return (
        calendar.days[position * 7 % calendar.past].stamp,
        position * 13 % 250,
        INSTRUCTIONS[position % len(INSTRUCTIONS)],
        calendar.moments[position % len(calendar.moments)],
        position % 40 * 12.5,
        GIVEAWAY[position % len(GIVEAWAY)],
        ORIGINS[position % len(ORIGINS)],
    )
