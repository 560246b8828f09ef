"""The ERP's rules for writing a tiers: a transaction and the tiers as it is become the columns to write, or a refusal. Pure.

Children are matched by key: those without one are created, those missing from a list that is given are deleted (CRM-38, CRM-45).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table

from contracts.fields import ABSENT, Field, Record
from contracts.tables import ADDRESS, BILLING, BILLING_KEY, CONTACT, DELIVERY, TIERS
from gateway.mapping import PHONES
from gateway.reader import TITLE_LENGTH
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON
from gateway.settings import Synchronise
from gateway.values import CATEGORIES, Knowledge, Place, columns_of, refuse_difference, same, struct_field

_FREE_VALUE: Final = struct_field(next(p.of for p in TIERS.parts if p.name == "FreeFields"), "Value")  # type: ignore[union-attr]


@dataclass(frozen=True, kw_only=True)
class ChildChange:
    """What becomes of one child table: numbers to delete, columns to change by number, rows to add."""

    deleted: list[int] = field(default_factory=list)
    changed: dict[int, dict[str, Any]] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TiersChange:
    """What a transaction changes: columns of the tiers, its children, and what is worth a warning."""

    columns: dict[str, Any]
    deliveries: ChildChange = ChildChange()
    contacts: ChildChange = ChildChange()
    warnings: list[str]


def change_of(given: Record, present: Record | None, knowledge: Knowledge, code: str = "") -> TiersChange:
    """What the record changes of the tiers as it is; of nothing, for a creation under that code. Raises Rejected."""
    place = Place()
    columns = columns_of(given, present, F_COMPTET, knowledge, place)
    _check_payer(given, present, code, knowledge, place)
    _check_free_fields(given, present, place)
    deliveries = contacts = ChildChange()
    name = columns.get("CT_Intitule") or (present.text("name") if present else "")
    if present is None:
        # CRM-26: the first of each list, whether empty or not said.
        columns = {column: knowledge.first(listed) for listed, column in _CATEGORY_COLUMNS.items()} | columns
    else:
        refuse_difference(struct_field(TIERS, "Type"), given["type"], present["type"], place)
    if given["addresses"] is not ABSENT:
        billing, wanted = _addresses(given.many("addresses"), place)
        columns |= _billing_columns(billing, present, knowledge, place)
        deliveries = _children(wanted, _deliveries(present), F_LIVRAISON, knowledge, place)
        _title(deliveries, _titles(present), name, place)
    if given["contacts"] is not ABSENT:
        mine = [] if present is None else present.many("contacts")
        contacts = _children(given.many("contacts"), mine, F_CONTACTT, knowledge, place)
        _check_contacts(contacts, mine, place)
    return TiersChange(columns=columns, deliveries=deliveries, contacts=contacts, warnings=place.warnings)


def refuse_untold(given: Record, options: Synchronise) -> None:
    """Raises Rejected for an update that says what the options keep from the caller (CRM-12).

    No version covers it, so the update may rest on what was long ago: a list would delete children nobody was told of.
    """
    place = Place()
    for part, told in (("addresses", options.addresses), ("contacts", options.contacts)):
        if not told and given[part] is not ABSENT:
            raise place.refuse("not_synchronised", part.capitalize(), _UNTOLD)
    if options.phones:
        return
    for one in (given, *given.many("addresses"), *given.many("contacts")):
        for known in one.of.fields:
            if known.name in PHONES and one[known.attr] is not ABSENT:
                raise place.refuse("not_synchronised", known, _UNTOLD)


_UNTOLD: Final = "the gateway does not synchronise it: nothing of it is changed"


_CATEGORY_COLUMNS: Final = {name: struct_field(TIERS, name).erp.partition(".")[2] for name in sorted(CATEGORIES)}


def _check_payer(given: Record, present: Record | None, code: str, knowledge: Knowledge, place: Place) -> None:
    payer, known = given["payer"], struct_field(TIERS, "Payer")
    before = present["payer"] if present is not None else code
    if not payer or same(payer, before):
        return
    if isinstance(payer, str) and not knowledge.is_tiers(payer):
        raise place.refuse("unknown_payer", known, f"there is no tiers {payer!r}")
    refuse_difference(known, payer, before, place)


def _check_free_fields(given: Record, present: Record | None, place: Place) -> None:
    before = {} if present is None else {one.text("name"): one["value"] for one in present.many("free_fields")}
    for one in given.many("free_fields"):
        refuse_difference(
            _FREE_VALUE, one["value"], before.get(one.text("name"), ABSENT), place.child(one.text("name"))
        )


def _addresses(given: Sequence[Record], place: Place) -> tuple[Record | None, list[Record]]:
    """The billing address, if it is given, and the delivery addresses."""
    kind_of = struct_field(ADDRESS, "Kind")
    billing: list[Record] = []
    wanted: list[Record] = []
    for position, one in enumerate(given, 1):
        kind, key, at = one.text("kind"), one.text("key"), place.child(f"Address {position}")
        if kind not in {BILLING, DELIVERY}:
            raise at.refuse("unknown_value", kind_of, f"{kind!r} is none of {BILLING}, {DELIVERY}")
        if key and (key == BILLING_KEY) != (kind == BILLING):
            raise at.refuse("read_only_field", kind_of, "an address keeps its kind")
        (billing if kind == BILLING else wanted).append(one)
    if len(billing) > 1:
        raise place.refuse("invalid_transaction", kind_of, "a tiers has one billing address")
    return next(iter(billing), None), wanted


def _billing_columns(
    billing: Record | None, present: Record | None, knowledge: Knowledge, place: Place
) -> dict[str, Any]:
    if billing is None:
        return {}
    mine = [] if present is None else present.many("addresses")
    before = next((one for one in mine if one.text("key") == BILLING_KEY), None)
    return columns_of(billing, before, F_COMPTET, knowledge, place.child("Address billing"))


def _deliveries(present: Record | None) -> list[Record]:
    mine = [] if present is None else present.many("addresses")
    return [one for one in mine if one.text("key") != BILLING_KEY]


def _children(
    given: Sequence[Record], mine: Sequence[Record], table: Table, knowledge: Knowledge, place: Place
) -> ChildChange:
    before = {one.text("key"): one for one in mine}
    changed: dict[int, dict[str, Any]] = {}
    added: list[dict[str, Any]] = []
    for position, one in enumerate(given, 1):
        key, at = one.text("key"), place.child(f"{one.of.name} {position}")
        known = struct_field(one.of, "Key")
        if key and key not in before:
            raise at.refuse("unknown_child", known, f"the tiers has none of key {key!r}")
        if key and int(key) in changed:
            raise at.refuse("invalid_transaction", known, f"the key {key!r} is given twice")
        columns = columns_of(one, before.get(key), table, knowledge, at)
        if key:
            changed[int(key)] = columns
        else:
            added.append(columns)
    deleted = [int(key) for key in before if int(key) not in changed]
    return ChildChange(deleted=deleted, changed=changed, added=added)


def _titles(present: Record | None) -> dict[int, str]:
    return {int(one.text("key")): one.text("title") for one in _deliveries(present)}


def _title(change: ChildChange, before: Mapping[int, str], name: str, place: Place) -> None:
    """CRM-41: titles are mandatory and unique per tiers; those missing are made."""
    kept = {
        number: title for number, title in before.items() if "LI_Intitule" not in change.changed.get(number, _TITLED)
    }
    taken = {folded(title) for title in kept.values()}
    newly = [*change.changed.values(), *change.added]
    for columns in newly:
        title = columns.get("LI_Intitule")
        if title and folded(title) in taken:
            raise place.refuse("title_in_use", struct_field(ADDRESS, "Title"), f"{title!r} is there already")
        taken |= {folded(title)} if title else set()
    emptied = [columns for columns in change.changed.values() if columns.get("LI_Intitule") == ""]
    for columns in (*emptied, *change.added):
        if not columns.get("LI_Intitule"):
            columns["LI_Intitule"] = free_title(name, taken)
            taken.add(folded(columns["LI_Intitule"]))


_TITLED: Final = {"LI_Intitule": ""}  # a deleted address frees its title


def free_title(name: str, taken: Iterable[str]) -> str:
    """A title made of the tiers' name that no address of it has; `taken` are folded."""
    held, number, title = set(taken), 1, name[:TITLE_LENGTH].rstrip()
    while folded(title) in held:
        number += 1
        title = f"{name[: TITLE_LENGTH - len(str(number)) - 1].rstrip()} {number}"
    return title


def _check_contacts(change: ChildChange, mine: Sequence[Record], place: Place) -> None:
    """The ERP tells the contacts of a tiers apart by name and first name."""
    before = {int(one.text("key")): (one.text("last_name"), one.text("first_name")) for one in mine}
    taken = {_person(names) for number, names in before.items() if not _renamed(change.changed.get(number))}
    renamed = [(columns, before[number]) for number, columns in change.changed.items() if _renamed(columns)]
    for columns, names in [*renamed, *((columns, ("", "")) for columns in change.added)]:
        now = (columns.get("CT_Nom", names[0]), columns.get("CT_Prenom", names[1]))
        if _person(now) in taken:
            told = " ".join(part for part in now if part)
            raise place.refuse("contact_in_use", _LAST_NAME, f"there is a contact {told!r} already")
        taken.add(_person(now))


_LAST_NAME: Final[Field] = struct_field(CONTACT, "LastName")


def _renamed(columns: Mapping[str, Any] | None) -> bool:
    # A deleted contact frees its name.
    return columns is None or bool({"CT_Nom", "CT_Prenom"} & columns.keys())


def _person(names: tuple[str, str]) -> tuple[str, str]:
    return folded(names[0]), folded(names[1])


def folded(text: str) -> str:
    """As SQL Server compares: without regard to case and trailing blanks."""
    return text.rstrip().casefold()
