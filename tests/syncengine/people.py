"""People at work on both sides: what they may type, and how it gets into the tables of Sage 100 or through the edit service.

What a side refuses is not done; whoever types it tries something else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from contracts.tables import ADDRESS, CONTACT, TIERS
from gateway.clock import DEFAULT_ZONE
from gateway.demo.edits import (
    delete_contact,
    delete_delivery,
    edit_contact,
    edit_delivery,
    edit_tiers,
    insert_contact,
    insert_delivery,
)
from gateway.sage import F_CONTACTT, F_LIVRAISON
from syncengine.cycle.act import Act, Edited
from syncengine.errors import InputRefused
from tests.syncengine.oracle import folded
from tests.syncengine.sides import BILLING, BILLING_FIELDS, CHILDREN, LEAVES, in_erp
from tests.syncengine.world import World

_LISTED: Final = {
    "currency": ("0", "1", "3"),
    "accounting_category": ("1", "2", "5"),
    "price_category": ("1", "2", "5"),
    "language": ("0", "1", "2"),
    "representative": ("", "1", "2", "3"),
    "civility": ("M", "MME", "MLLE"),
    "service": ("", "1", "6"),
    "siret": ("", "73282932000074", "732 829 320", "12345678901234"),
    "dormant": ("", "1"),
}
_TEXTS: Final = ("Dupont", "DUPONT", "Dupönt & <Fils>", " blancs  autour ", "Œuvre d’été €", "", "é" * 200, "Łódź 日本")
NAMES: Final = ("Martin", "MARTIN", "Bérard", "Œil & Co")
CHOICES: Final = len(_TEXTS)
_STRUCTS: Final = {"": TIERS, "contacts": CONTACT, "addresses": ADDRESS}
_MANDATORY: Final = ("name", "last_name")


def typed(name: str, attr: str, choice: int, *, in_erp: bool) -> str:
    """What somebody types into a field: one of a few texts, as long as it may be. The ERP cannot be typed what cp1252 lacks."""
    known = _LISTED.get(attr)
    if known is not None:
        return known[choice % len(known)]
    if attr == "last_name":
        return NAMES[choice % len(NAMES)]
    texts = _TEXTS[: -1 if in_erp else None]
    text = texts[choice % len(texts)]
    return (text or ("Sans nom" if attr in _MANDATORY else ""))[: _STRUCTS[name].field(attr).length]


def _column(attr: str, value: str) -> Any:
    if attr == "civility":
        return ("M", "MME", "MLLE").index(value)
    return int(value or 0) if attr in _LISTED and attr not in {"siret", "civility"} else value


class Accountant:
    """Somebody in Sage 100; ``clock`` is that of its server."""

    def __init__(self, made: World, clock: Callable[[], dt.datetime]) -> None:
        self._made, self._clock = made, clock

    @property
    def at(self) -> dt.datetime:
        """The time on the wall of the server."""
        return self._clock().astimezone(ZoneInfo(DEFAULT_ZONE)).replace(tzinfo=None, microsecond=0)

    def edit(self, code: str, attr: str, value: str) -> None:
        """Change a field of a tiers."""
        with self._made.erp() as connection:
            edit_tiers(connection, code, at=self.at, **{LEAVES[attr]: _column(attr, value)})

    def edit_child(self, name: str, code: str, number: str, attr: str, value: str) -> None:
        """Change a field of a contact or address, unless another one has that name."""
        with self._made.erp() as connection:
            if number == BILLING:
                if attr in BILLING_FIELDS:
                    edit_tiers(connection, code, at=self.at, **{BILLING_FIELDS[attr]: value})
                return
            edit = edit_contact if name == "contacts" else edit_delivery
            with _unless_taken(connection, name, code):
                edit(connection, int(number), at=self.at, **{CHILDREN[name][attr]: _column(attr, value)})

    def add_contact(self, code: str, last_name: str, **values: str) -> None:
        """A contact more, unless there is one of that name."""
        columns = {CHILDREN["contacts"][attr]: _column(attr, value) for attr, value in values.items()}
        with self._made.erp() as connection, _unless_taken(connection, "contacts", code):
            insert_contact(connection, code, last_name, at=self.at, **columns)

    def add_address(self, code: str, title: str, **values: str) -> None:
        """A delivery address more, unless there is one of that title."""
        columns = {CHILDREN["addresses"][attr]: value for attr, value in values.items()}
        with self._made.erp() as connection, _unless_taken(connection, "addresses", code):
            insert_delivery(connection, code, title, at=self.at, **columns)

    def remove_child(self, name: str, number: str) -> None:
        """A contact or delivery address less."""
        with self._made.erp() as connection:
            (delete_contact if name == "contacts" else delete_delivery)(connection, int(number))

    def make_again(self, name: str, code: str, number: str) -> None:
        """Delete a contact or delivery address and enter it anew: it gets another number."""
        table, key = (F_CONTACTT, "CT_No") if name == "contacts" else (F_LIVRAISON, "LI_No")
        with self._made.erp() as connection:
            row = dict(connection.execute(select(table).where(table.c[key] == int(number))).mappings().one())
            values = {column: row[column] for column in CHILDREN[name].values()}
            named = values.pop("CT_Nom" if name == "contacts" else "LI_Intitule")
            insert = insert_contact if name == "contacts" else insert_delivery
            # Before the old one goes: numbers go up, and this one is not used again.
            kept = {"CT_Prenom": values.pop("CT_Prenom")} if name == "contacts" else {}
            made = insert(connection, code, "~", at=self.at, **values)
            (delete_contact if name == "contacts" else delete_delivery)(connection, int(number))
            column = "CT_Nom" if name == "contacts" else "LI_Intitule"
            (edit_contact if name == "contacts" else edit_delivery)(
                connection, made, at=self.at, **{column: named}, **kept
            )


@contextmanager
def _unless_taken(connection: Connection, name: str, code: str) -> Iterator[None]:
    """Take back what leaves a tiers with two contacts of one name, or two addresses of one title."""
    attrs = ("last_name", "first_name") if name == "contacts" else ("title",)
    attempt = connection.begin_nested()
    try:
        yield
    except IntegrityError:
        attempt.rollback()
        return
    children = in_erp(connection)[code].lists[name]
    names = [tuple(folded(v[a]) for a in attrs) for number, v in children.items() if number != BILLING]
    if len(names) == len(set(names)) and ("",) not in names:
        attempt.commit()
    else:
        attempt.rollback()


class Salesman:
    """Somebody in the CRM, at that time of its clock."""

    def __init__(self, made: World) -> None:
        self._made = made

    def act(self) -> Act:
        """At work now."""
        return Act(at=self._made.now(), by="claire")

    def does(self, edit: Callable[[Session, Act], Edited]) -> Edited | None:
        """Carry out an edit; None when it is refused."""
        try:
            with self._made.store.writing() as session:
                return edit(session, self.act())
        except InputRefused:
            return None
