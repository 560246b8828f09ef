"""A day's work in a Sage 100 company: the changes the demonstration makes between two cycles."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, exists, select
from sqlalchemy.orm import aliased

from gateway.clock import wall_clock
from gateway.codes import CodeBook, is_code
from gateway.database import writing
from gateway.demo.edits import (
    add_free_field,
    delete_tiers,
    edit_contact,
    edit_tiers,
    insert_contact,
    insert_delivery,
    insert_tiers,
)
from gateway.errors import InputInvalid
from gateway.free_fields import FreeFieldKind
from gateway.probe import probe_connection
from gateway.sage import F_COMPTET, F_CONTACTT, F_DOCENTETE, F_ECRITUREC
from gateway.sage.defaults import TiersType

NEW_NAME = "Les Nouveautés du Vercors"
SUFFIX = " & Fils"
CONSIDERED = 200


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What was changed, by key; `lines` say it in French.

    `edited` got a new name and phone; `contact` of tiers `owner` a new function; `created` is the new tiers,
    `deleted` the one removed (None where every tiers is in use); `valued` got a value in `free_field`.
    """

    edited: str
    owner: str
    contact: int
    created: str
    deleted: str | None
    free_field: str
    valued: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def tiers(self) -> tuple[str, ...]:
        """The codes of the tiers that changed, the deleted one included, each once."""
        touched = (self.edited, self.owner, self.created, *self.valued, self.deleted)
        return tuple(dict.fromkeys(code for code in touched if code))


def apply_changes(engine: Engine, *, at: dt.datetime | None = None) -> Changes:
    """Make one change of every kind in a base, in one transaction; can be repeated.

    `at` is the wall-clock time of the changes, now by default. Raises InputInvalid for a base without clients.
    """
    moment = at or wall_clock()
    with writing(engine) as connection:
        codes = _clients(connection)
        if not codes:
            raise InputInvalid("the base has no client with contacts", remedy="Make one with demo-base.")
        edited, owner = codes[0], codes[1 % len(codes)]
        valued = tuple(dict.fromkeys(codes[at % len(codes)] for at in (2, 3)))
        deleted = _delete_unused(connection, keep={edited, owner, *valued})
        lines = [*_edit_one(connection, edited, moment)]
        contact, line = _edit_first_contact(connection, owner, moment)
        created = _create_one(connection, moment)
        field = _define_field(connection, valued, moment)
    lines += [
        line,
        f"Nouveau tiers {created} « {NEW_NAME} », avec un contact et une adresse de livraison",
        f"Tiers {deleted} supprimé" if deleted else "Aucun tiers sans document : rien de supprimé",
        f"Information libre « {field} » ajoutée, renseignée pour {' et '.join(valued)}",
    ]
    return Changes(
        edited=edited,
        owner=owner,
        contact=contact,
        created=created,
        deleted=deleted,
        free_field=field,
        valued=valued,
        lines=tuple(lines),
    )


def _clients(connection: Connection) -> list[str]:
    """The first clients fit to be shown: awake, with a sound code and at least one contact."""
    tiers = F_COMPTET.c
    has_contact = exists().where(F_CONTACTT.c.CT_Num == tiers.CT_Num)
    query = (
        select(tiers.CT_Num)
        .where(tiers.CT_Type == int(TiersType.CLIENT), tiers.CT_Sommeil == 0, tiers.CT_Intitule != "", has_contact)
        .order_by(tiers.cbMarq)
        .limit(CONSIDERED)
    )
    return [code for code in connection.scalars(query) if is_code(code)]


def _edit_one(connection: Connection, code: str, at: dt.datetime) -> list[str]:
    name = connection.scalar(select(F_COMPTET.c.CT_Intitule).where(F_COMPTET.c.CT_Num == code)) or ""
    renamed = name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else f"{name[: 69 - len(SUFFIX)]}{SUFFIX}"
    phone = f"04 76 {at:%H %M %S}"
    edit_tiers(connection, code, at=at, CT_Intitule=renamed, CT_Telephone=phone)
    return [f"Tiers {code} renommé « {renamed} »", f"Tiers {code} : téléphone {phone}"]


def _edit_first_contact(connection: Connection, code: str, at: dt.datetime) -> tuple[int, str]:
    contacts = F_CONTACTT.c
    query = select(contacts.CT_No, contacts.CT_Nom).where(contacts.CT_Num == code).order_by(contacts.CT_No)
    number, name = connection.execute(query).first() or (0, "")
    edit_contact(connection, number, at=at, CT_Fonction="Directeur des achats", CT_TelPortable=f"06 12 {at:%H %M %S}")
    return number, f"Contact {name} ({code}) : fonction « Directeur des achats » et portable"


def _create_one(connection: Connection, at: dt.datetime) -> str:
    code = CodeBook(connection.scalars(select(F_COMPTET.c.CT_Num))).next_code("NOUVEAUTES")
    insert_tiers(
        connection,
        code,
        NEW_NAME,
        at=at,
        CT_Adresse="12 rue des Écouges",
        CT_CodePostal="38250",
        CT_Ville="Villard-de-Lans",
        CT_Telephone="04 76 95 00 00",
    )
    insert_contact(connection, code, "Accueil", at=at, CT_Fonction="Standard", CT_EMail="accueil@vercors.example")
    insert_delivery(connection, code, "Dépôt de Grenoble", at=at, LI_CodePostal="38000", LI_Ville="Grenoble")
    return code


def _delete_unused(connection: Connection, keep: set[str]) -> str | None:
    """Delete the youngest tiers that no document, entry or other tiers names, and no earlier run created."""
    tiers, other = F_COMPTET.c, aliased(F_COMPTET)
    unused = (
        ~exists().where(F_DOCENTETE.c.DO_Tiers == tiers.CT_Num),
        ~exists().where(F_DOCENTETE.c.CT_NumPayeur == tiers.CT_Num),
        ~exists().where(F_ECRITUREC.c.CT_Num == tiers.CT_Num),
        ~exists().where(other.c.CT_NumPayeur == tiers.CT_Num, other.c.CT_Num != tiers.CT_Num),
    )
    shown = (tiers.CT_Type <= int(TiersType.SUPPLIER), tiers.CT_Sommeil == 0, tiers.CT_Intitule != NEW_NAME)
    ordered = select(tiers.CT_Num).where(*shown, *unused).order_by(tiers.cbMarq.desc()).limit(CONSIDERED)
    code = next((code for code in connection.scalars(ordered) if code not in keep and is_code(code)), None)
    if code is not None:
        delete_tiers(connection, code)
    return code


def _define_field(connection: Connection, codes: tuple[str, ...], at: dt.datetime) -> str:
    known = {field.name for field in probe_connection(connection).free_fields_of(F_COMPTET.name)}
    name = next(name for number in range(1, 1000) if (name := f"Visite salon {number}") not in known)
    add_free_field(connection, name, FreeFieldKind.TEXT, 35)
    for code in codes:
        edit_tiers(connection, code, at=at, **{name: "Rencontré, à rappeler"})
    return name
