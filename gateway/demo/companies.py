"""The tiers of a demonstration base with their contacts, delivery addresses and payment terms."""

from __future__ import annotations

import random
from dataclasses import dataclass

from gateway.codes import code_of
from gateway.demo.calendar import Calendar
from gateway.demo.dirt import Dirt
from gateway.demo.free_fields import DEMO_FIELDS, free_values
from gateway.demo.names import company_name, legal_form, phone, siret_and_vat, slug
from gateway.demo.parameters import PRICE_CATEGORIES, REPRESENTATIVES
from gateway.demo.pools import FUNCTIONS, NAF_CODES, TOWNS, Pools
from gateway.demo.sink import Row, Sink
from gateway.demo.summary import Tally
from gateway.sage import F_COMPTET, F_COMPTETG, F_CONTACTT, F_LIVRAISON, F_REGLEMENTT
from gateway.sage.defaults import COLLECTIVE_ACCOUNTS, TIERS_DEFAULTS, TiersType

CREATOR = "COLS"
SUPPLIER_EVERY, DORMANT_EVERY, PAYER_EVERY, NO_SIRET_EVERY = 8, 25, 33, 15
SECTORS = ("Nord", "Sud", "Est", "Ouest", "Export")
CHANNELS = ("Direct", "Revendeur", "Internet")
STAMP = ("cbModification", "cbCreation")
TIERS_COLUMNS = (
    "CT_Num", "CT_Intitule", "CT_Type", "CG_NumPrinc", "CT_Qualite", "CT_Classement", "CT_Raccourci",
    "CT_Contact", "CT_Adresse", "CT_Complement", "CT_CodePostal", "CT_Ville", "CT_CodeRegion",
    "CT_Telephone", "CT_Telecopie", "CT_EMail", "CT_Site", "CT_Ape", "CT_Siret", "CT_Identifiant",
    "CT_Statistique01", "CT_Statistique02", "CT_Encours", "N_Risque", "CT_ControlEnc", "CT_NumPayeur",
    "CO_No", "N_CatTarif", "N_CatCompta", "CT_Sommeil", "CT_DateCreate",
)  # fmt: skip
CONTACT_COLUMNS = (
    "CT_No", "CT_Num", "CT_Nom", "CT_Prenom", "CT_Civilite", "N_Service", "CT_Fonction", "CT_Telephone",
    "CT_TelPortable", "CT_EMail", "N_Contact",
)  # fmt: skip
DELIVERY_COLUMNS = (
    "LI_No", "CT_Num", "LI_Intitule", "LI_Adresse", "LI_CodePostal", "LI_Ville", "LI_CodeRegion",
    "LI_Contact", "LI_Telephone", "LI_Principal",
)  # fmt: skip
TERMS_COLUMNS = ("CT_Num", "N_Reglement", "RT_NbJour", "RT_Condition")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the documents need to know of a tiers."""

    position: int
    code: str
    name: str
    payer: str
    supplier: bool
    representative: int
    price_category: int
    delivery: int


class Companies:
    """Makes one tiers after the other; the same seed makes the same ones."""

    def __init__(
        self, *, sink: Sink, pools: Pools, calendar: Calendar, rng: random.Random, dirt: Dirt, tally: Tally
    ) -> None:
        self._pools, self._calendar, self._rng = pools, calendar, rng
        self._dirt, self._tally = dirt, tally
        self._columns = (*TIERS_COLUMNS, *(field.name for field in DEMO_FIELDS), *STAMP)
        fixed: dict[str, str | int] = {"cbCreateur": CREATOR}
        self._tiers = sink.rows(F_COMPTET, *self._columns, **TIERS_DEFAULTS, **fixed, CT_Pays="France")
        self._accounts = sink.rows(F_COMPTETG, "CT_Num", "CG_Num", *STAMP, **fixed)
        self._contacts = sink.rows(F_CONTACTT, *CONTACT_COLUMNS, *STAMP, **fixed)
        shipping: dict[str, str | int] = {"N_Expedition": 1, "N_Condition": 1, "LI_Pays": "France"}
        self._deliveries = sink.rows(F_LIVRAISON, *DELIVERY_COLUMNS, *STAMP, **shipping, **fixed)
        self._terms = sink.rows(F_REGLEMENTT, *TERMS_COLUMNS, *STAMP, RT_TRepart=1, **fixed)
        self._payers: dict[bool, str] = {}

    def make(self, position: int) -> Made:
        """Make the tiers at this position with everything that hangs on it."""
        name_at = int(self._rng.random() * len(self._pools.last_names))
        town = TOWNS[int(self._rng.random() * len(TOWNS))]
        name = company_name(position, self._pools.last_names[name_at], town[0])
        supplier = position % SUPPLIER_EVERY == 1
        code = f"{'F' if supplier else ''}{code_of(self._pools.last_names[name_at])[:6]}{position + 1:05}"
        code = self._dirt.code(position, code)
        made = Made(
            position=position,
            code=code,
            name=name,
            payer=self._payer(position, code, supplier=supplier),
            supplier=supplier,
            representative=position % (REPRESENTATIVES + 1),
            price_category=1 + position % len(PRICE_CATEGORIES),
            delivery=self._tally.deliveries + 1,
        )
        street = f"{1 + position % 180} {self._pools.streets[position % len(self._pools.streets)]}"
        self._add_tiers(made, name_at, street, town)
        self._add_deliveries(made, street, town)
        self._add_contacts(made, name_at)
        return made

    def _payer(self, position: int, code: str, *, supplier: bool) -> str:
        payer = self._payers.get(supplier, code) if position % PAYER_EVERY == PAYER_EVERY - 1 else code
        self._payers[supplier] = code
        return payer

    def _add_tiers(self, made: Made, name_at: int, street: str, town: tuple[str, str, str]) -> None:
        at, rng, calendar = made.position, self._rng, self._calendar
        siret, vat = siret_and_vat(rng)
        site = slug(self._pools, name_at, at)
        stamp = calendar.moments[int(rng.random() * len(calendar.moments))]
        dormant = int(at % DORMANT_EVERY == DORMANT_EVERY - 1)
        account = COLLECTIVE_ACCOUNTS[TiersType.SUPPLIER if made.supplier else TiersType.CLIENT]
        row = (
            made.code, made.name, int(made.supplier), account, legal_form(at), made.name[:17].rstrip(),
            made.code[:7] if at % 4 else "",
            self._pools.last_names[(name_at + 1) % len(self._pools.last_names)] if at % 3 else "",
            street, f"Bâtiment {'ABCD'[at % 4]}" if at % 5 == 0 else "", town[1], town[0], town[2],
            phone(rng), phone(rng) if at % 4 == 0 else "",
            f"contact@{site}.example" if at % 6 else "", f"https://www.{site}.example" if at % 2 else "",
            NAF_CODES[at % len(NAF_CODES)] if at % 10 else "",
            "" if at % NO_SIRET_EVERY == NO_SIRET_EVERY - 1 else self._dirt.siret(at, made.code, siret),
            vat if at % 7 else "",
            SECTORS[at % len(SECTORS)], CHANNELS[at % len(CHANNELS)] if at % 2 else "",
            at % 20 * 1000, 1 + at % 4, int(at % 10 == 7), made.payer, made.representative,
            made.price_category, 1 + at % 3, dormant,
            calendar.empty if at % 20 == 19 else calendar.days[at % calendar.past].stamp,
            *free_values(at, calendar), stamp, stamp,
        )  # fmt: skip
        self._tiers.append(self._spoilt(row, made))
        self._accounts.append((made.code, account, stamp, stamp))
        self._terms.append((made.code, 1 + at % 6, 30 * (at % 3), at % 3, stamp, stamp))
        self._count(made, dormant)

    def _spoilt(self, row: Row, made: Made) -> Row:
        override = self._dirt.override(made.position, made.code)
        if override is None:
            return row
        spoilt = dict(zip(self._columns, row, strict=True))
        spoilt[override[0]] = override[1]
        return tuple(spoilt.values())

    def _count(self, made: Made, dormant: int) -> None:
        self._tally.clients += not made.supplier
        self._tally.suppliers += made.supplier
        self._tally.dormant += dormant

    def _add_deliveries(self, made: Made, street: str, town: tuple[str, str, str]) -> None:
        title = made.name[:35].rstrip()
        # CRM-42: the billing address is a delivery address, too.
        self._add_delivery(made, title, street, town, main=1)
        at = made.position
        if self._dirt.repeats_delivery(at, made.code):
            self._add_delivery(made, title, street, town, main=0)
        for extra in range((at % 10 > 5) + (at % 10 == 9)):
            other = TOWNS[(at + extra) % len(TOWNS)]
            place = f"{'Dépôt' if extra else 'Magasin'} de {other[0]}"
            self._add_delivery(made, place, self._pools.streets[at % 97], other, main=0)

    def _add_delivery(self, made: Made, title: str, street: str, town: tuple[str, str, str], *, main: int) -> None:
        self._tally.deliveries += 1
        number, stamp = self._tally.deliveries, self._calendar.moments[made.position % 9973]
        line = phone(self._rng) if number % 3 == 0 else ""
        row = (number, made.code, title, street, town[1], town[0], town[2], "", line, main, stamp, stamp)
        self._deliveries.append(row)

    def _add_contacts(self, made: Made, name_at: int) -> None:
        number = 0
        for number in range((1, 2, 2, 3, 3, 4)[made.position % 6]):
            last = self._pools.last_names[(name_at + 3 * number) % len(self._pools.last_names)]
            self._add_contact(made, number, last, name_at)
        if self._dirt.repeats_contact(made.position, made.code):
            self._add_contact(made, number, last.upper(), name_at)

    def _add_contact(self, made: Made, number: int, last_name: str, name_at: int) -> None:
        self._tally.contacts += 1
        first, civility = self._pools.first_names[(made.position + number) % len(self._pools.first_names)]
        at, stamp = made.position + number, self._calendar.moments[(made.position * 3 + number) % 19997]
        mail = f"{self._pools.slugs[name_at]}.{self._tally.contacts}@courriel.example" if at % 5 else ""
        self._contacts.append((
            self._tally.contacts, made.code, last_name, first, civility, 1 + at % 6,
            FUNCTIONS[at % len(FUNCTIONS)], phone(self._rng) if at % 3 else "",
            phone(self._rng) if at % 4 == 0 else "", mail, at % 2, stamp, stamp,
        ))  # fmt: skip
