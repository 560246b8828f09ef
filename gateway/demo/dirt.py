"""The dirt real bases have, in known places: each bad record names the check that must find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.demo.summary import BadRecord

SHARE = 500
"""One tiers in so many has a wrong SIRET, and another one two delivery addresses of the same title."""
SIRET_AT, DELIVERY_AT = 33, 27
CONTACT_AT, CODE_CASE_AT, CODE_LENGTH_AT = 16, 10, 11
UNKNOWN_SLOT = 31

OVERRIDES: dict[int, tuple[str, str, Any]] = {
    12: ("accounting_category_unknown", "N_CatCompta", UNKNOWN_SLOT),
    13: ("price_category_unknown", "N_CatTarif", UNKNOWN_SLOT),
    14: ("representative_unknown", "CO_No", 9999),
    15: ("title_missing", "CT_Intitule", ""),
    18: ("payer_unknown", "CT_NumPayeur", "INCONNU"),
    19: ("not_cp1252", "CT_Intitule", "Łódź Handel"),
    20: ("account_missing", "CG_NumPrinc", ""),
}
"""Position of a tiers → the check that finds it, the column made bad, its value."""


@dataclass(frozen=True, kw_only=True)
class Dirt:
    """Decides which record is bad, and writes it down. `wide` is true where texts may exceed their length."""

    active: bool
    wide: bool
    note: Callable[[BadRecord], None]

    def code(self, position: int, code: str) -> str:
        """The code of this tiers, spoilt for two of them."""
        if not self.active or position not in (CODE_CASE_AT, CODE_LENGTH_AT):
            return code
        if position == CODE_CASE_AT:
            return self._tiers("code_lower_case", code.lower(), "CT_Num")
        return self._tiers("code_too_long", f"{code:X<18}", "CT_Num") if self.wide else code

    def override(self, position: int, code: str) -> tuple[str, Any] | None:
        """The column to spoil in this tiers and its value, or None."""
        if not self.active or position not in OVERRIDES:
            return None
        check, column, value = OVERRIDES[position]
        self._tiers(check, code, f"{column} = {value!r}")
        return column, value

    def siret(self, position: int, code: str, siret: str) -> str:
        """The SIRET of this tiers, with a wrong check digit for a small share."""
        if not self.active or position % SHARE != SIRET_AT:
            return siret
        wrong = f"{siret[:-1]}{(int(siret[-1]) + 1) % 10}"
        self._tiers("siret_invalid", code, wrong)
        return wrong

    def repeats_delivery(self, position: int, code: str) -> bool:
        """Whether this tiers gets two delivery addresses of one title."""
        return self._repeats("delivery_title_duplicate", "F_LIVRAISON", code, position % SHARE == DELIVERY_AT)

    def repeats_contact(self, position: int, code: str) -> bool:
        """Whether this tiers gets one contact twice, the second time in capitals."""
        return self._repeats("contact_duplicate", "F_CONTACTT", code, position == CONTACT_AT)

    def _repeats(self, check: str, table: str, code: str, here: bool) -> bool:  # noqa: FBT001
        if self.active and here:
            self.note(BadRecord(check=check, table=table, key=code, detail="twice the same"))
        return self.active and here

    def _tiers(self, check: str, code: str, detail: str) -> str:
        self.note(BadRecord(check=check, table="F_COMPTET", key=code, detail=detail))
        return code
