"""What may be entered in a field that travels: one rule per kind of field, told in plain words. Pure.

Lengths are those of the contract, measured on the value as Sage 100 would store it; CRM-37..39, CRM-43, CRM-45.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.fields import Field, Flow, Struct
from contracts.siret import is_siret
from contracts.stored import in_cp1252, stored
from syncengine.core.marker import entered
from syncengine.core.refusals import refused

LISTS: Final = {
    **{attr: attr for attr in ("currency", "accounting_category", "price_category", "language")},
    "service": "contact_service",
}
"""Field → kind of parameter its value is chosen from."""
CIVILITIES: Final = ("M", "MME", "MLLE")
NUMBERS: Final = frozenset({"phone", "mobile", "fax", "email"})
"""Fields that show the marker of CRM-43."""
_CANONICAL: Final = frozenset({*LISTS, "representative", "siret"})


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What values may be chosen from: kind of parameter → codes, and the representatives that are there (None: not known)."""

    parameters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    representatives: frozenset[str] | None = None


@dataclass(kw_only=True)
class Entry:
    """Checks what is entered into one record, and gathers what is worth a warning."""

    struct: Struct
    record: str
    lists: Lists = field(default_factory=Lists)
    warnings: list[str] = field(default_factory=list)

    def field(self, attr: str) -> Field:
        """The field of that name which people may change. Raises InputRefused (unknown_field, read_only_field)."""
        known = next((known for known in self.struct.fields if known.attr == attr), None)
        if known is None:
            raise unknown_field(attr, self.record)
        if known.flow is Flow.FROM_ERP:
            raise refused(
                "read_only_field",
                f"{known.label} comes from Sage 100",
                record=self.record,
                field=attr,
                remedy="Change it in Sage 100; it arrives with the next cycle.",
            )
        return known

    def value(self, known: Field, given: Any) -> str | None:
        """The entry as it is kept; None when it says nothing. Raises InputRefused for one that breaks a rule."""
        text = self._readable(known, given)
        if known.attr in NUMBERS:
            text = entered(text) or ""
        value = tidy(text) or None
        if known.attr in _CANONICAL:
            value = str(stored(known, value) or "") or None
        if value is None and known.required:
            raise self._refuse("field_required", known, "it is mandatory", "Enter a value.")
        self._fits(known, value)
        self._listed(known, value)
        self._warn(known, value)
        return value

    def _readable(self, known: Field, given: Any) -> str:
        if given is None:
            return ""
        if not isinstance(given, str):
            raise self._refuse("not_a_text", known, f"{given!r} is no text", "Enter a text.")
        if any(unreadable(letter) for letter in given):
            raise self._refuse(
                "control_character", known, "it holds characters that are none to read", "Type it again, without them."
            )
        return given

    def _fits(self, known: Field, value: str | None) -> None:
        kept = stored(known, value)
        if known.length is not None and isinstance(kept, str) and len(kept) > known.length:
            words = f"{len(kept)} characters, at most {known.length} are allowed"
            raise self._refuse("too_long", known, words, "Shorten it.")

    def _listed(self, known: Field, value: str | None) -> None:
        if value is None:
            return
        if known.attr == "civility" and value not in CIVILITIES:
            raise self._refuse("unknown_value", known, f"{value!r} is none", f"Choose one of {', '.join(CIVILITIES)}.")
        there = self.lists.representatives
        if known.attr == "representative" and there is not None and value not in there:
            words = f"there is no representative {value!r}, or no longer"
            raise self._refuse("unknown_representative", known, words, "Choose one of Sage 100's representatives.")
        # A list that never came has nothing to check against.
        codes = self.lists.parameters.get(LISTS.get(known.attr, ""))
        if codes and value not in codes:
            known_codes = ", ".join(sorted(codes, key=lambda code: (len(code), code)))
            raise self._refuse("unknown_value", known, f"{value!r} is not in the list", f"Choose one of {known_codes}.")

    def _warn(self, known: Field, value: str | None) -> None:
        if value is None:
            return
        if known.attr == "siret" and not is_siret(value):
            self.warnings.append(f"{known.label}: {value!r} is no valid SIRET; Sage 100 takes it all the same")
        if not in_cp1252(value):
            self.warnings.append(
                f"{known.label}: Sage 100 cannot hold all of it and will keep {stored(known, value)!r}"
            )

    def _refuse(self, code: str, known: Field, words: str, remedy: str) -> Exception:
        return refused(code, f"{known.label}: {words}", record=self.record, field=known.attr, remedy=remedy)


def unknown_field(attr: str, record: str) -> Exception:
    """The refusal of a name that no field has."""
    return refused(
        "unknown_field",
        f"there is no field {attr!r}",
        record=record,
        field=attr,
        remedy="See the fields: `syncengine fields`.",
    )


def unreadable(letter: str) -> bool:
    """A control character that is no blank, or half of a surrogate pair: no text a person typed."""
    return not letter.isspace() and unicodedata.category(letter) in {"Cc", "Cs"}


def tidy(text: str) -> str:
    """A text with its letters composed, single blanks, and no invisible characters."""
    composed = unicodedata.normalize("NFC", text)
    seen = "".join(" " if letter.isspace() else letter for letter in composed if unicodedata.category(letter) != "Cf")
    return " ".join(seen.split())
