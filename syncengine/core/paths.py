"""Where a value of a tiers is, in one text: 'name', 'contacts/7/phone', 'contacts/+12/phone', 'addresses/billing'. Pure.

A child goes by its number in the ERP; one that the ERP does not have by '+' and the id of its row in the CRM. Without a last
part the path is the child as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from contracts.fields import Field, Struct
from contracts.tables import ADDRESS, CONTACT, TIERS
from syncengine.core.snapshot import LEAVES
from syncengine.errors import InputRefused
from syncengine.model.link import Entity

FREE_FIELDS: Final = "free_fields"
LISTS: Final[Mapping[str, Entity]] = {"addresses": Entity.ADDRESS, "contacts": Entity.CONTACT}
"""The lists of children, and the kind of record each holds."""
STRUCTS: Final[Mapping[Entity, Struct]] = {Entity.ACCOUNT: TIERS, Entity.ADDRESS: ADDRESS, Entity.CONTACT: CONTACT}
_ATTRS: Final[Mapping[Entity, frozenset[str]]] = {
    Entity.ACCOUNT: frozenset((*LEAVES, FREE_FIELDS)),
    Entity.ADDRESS: frozenset(ADDRESS.index),
    Entity.CONTACT: frozenset(CONTACT.index),
}
_NEW: Final = "+"


class Parts(NamedTuple):
    """A path taken apart: '' for what it does not have."""

    name: str  # of the list
    key: str
    attr: str


class Place(NamedTuple):
    """What a path points at: ``key`` None for the tiers itself, ``attr`` '' for a child as a whole."""

    entity: Entity
    key: str | None
    attr: str


def join(name: str, key: str, attr: str = "") -> str:
    """The path of a child, or of one of its values."""
    return f"{name}/{key}/{attr}" if attr else f"{name}/{key}"


def new_key(row_id: int) -> str:
    """What a child goes by until the ERP gave it a number."""
    return f"{_NEW}{row_id}"


def without_row(path: str) -> str:
    """The path of a child that the ERP does not have, the same whichever row it gets: a row rolled back has another next time."""
    name, key, attr = split(path)
    return join(name, _NEW, attr) if is_new(key) else path


def is_new(key: str) -> bool:
    """Whether the ERP does not have this child yet."""
    return key.startswith(_NEW)


def row_id(key: str) -> int | None:
    """The row of a child the ERP does not have; None for a number of the ERP."""
    return int(key[1:]) if is_new(key) and key[1:].isdecimal() else None


def split(path: str) -> Parts:
    """The parts of a path, unchecked: 'contacts/7/phone' → ('contacts', '7', 'phone'), 'name' → ('', '', 'name')."""
    name, slash, rest = path.partition("/")
    if not slash:
        return Parts("", "", name)
    key, _, attr = rest.partition("/")
    return Parts(name, key, attr)


def place(path: str) -> Place:
    """What a path points at. Raises InputRefused for a path that points at nothing."""
    name, key, attr = split(path)
    entity = LISTS.get(name) if name else Entity.ACCOUNT
    known = entity is not None and (attr in _ATTRS[entity] or (bool(name) and not attr and not path.endswith("/")))
    if entity is None or not known or bool(name) != bool(key):
        raise InputRefused(
            f"there is no field {path}",
            code="unknown_field",
            field=path,
            remedy="A path is a field ('name'), or a list, a number and a field ('contacts/7/phone').",
        )
    return Place(entity, key or None, attr)


def field_of(path: str) -> Field:
    """The field of the contract that a path points at. Raises InputRefused for a whole child, the free fields, or nothing."""
    entity, _, attr = place(path)
    if not attr or attr == FREE_FIELDS:
        raise InputRefused(f"{path} is not one field", code="unknown_field", field=path)
    return STRUCTS[entity].field(attr)
