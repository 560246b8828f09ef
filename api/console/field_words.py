"""What a field is called in front of a person, whatever it is named by: a path, an attribute, or the contract's name."""

from __future__ import annotations

from functools import cache
from typing import Final

from contracts.tables import ADDRESS, CONTACT, FREE_FIELD, REPRESENTATIVE, TIERS, TURNOVER
from syncengine.core.labels import label_of

_STRUCTS: Final = (TIERS, ADDRESS, CONTACT, TURNOVER, FREE_FIELD, REPRESENTATIVE)


def field_label(name: str) -> str:
    """The label in French, as Sage 100 has it; a name that nobody declares is its own."""
    return _by_name().get(name) or label_of(name)


@cache
def _by_name() -> dict[str, str]:
    return {field.name: field.label for struct in reversed(_STRUCTS) for field in struct.fields}


def labels() -> list[str]:
    """Every label there is."""
    return [label for struct in _STRUCTS for field in struct.fields if (label := field.label)]
