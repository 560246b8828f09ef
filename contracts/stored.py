"""A value as Sage 100 stores it: cp1252, single blanks, no control characters. Pure, and the same on both sides.

The gateway writes what this says, the engine compares with it: a value that was tidied on its way is no change and no clash.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from contracts.fields import ABSENT, Field, Kind, Value

_KEPT_SHAPES: Final = {"‐": "-", "‑": "-", "−": "-", "\u202f": " ", "\u2009": " ", "\u00a0": " ", "ʼ": "’"}
_SPELLED: Final = str.maketrans("øØłŁđĐ", "oOlLdD") | {
    ord(letter): pair for letter, pair in (("œ", "oe"), ("Œ", "OE"), ("æ", "ae"), ("Æ", "AE"), ("ß", "ss"))
}
_FILLERS: Final = re.compile(r"[\s.\-]")
_CODE, _SIRET = "F_COMPTET.CT_Num", "F_COMPTET.CT_Siret"
_NUMBERS: Final = frozenset(
    {
        "F_COMPTET.N_Devise",
        "F_COMPTET.N_CatCompta",
        "F_COMPTET.N_CatTarif",
        "F_COMPTET.CT_Langue",
        "F_COMPTET.CO_No",
        "F_CONTACTT.N_Service",
    }
)
"""Columns that hold a number, which the contract writes as a code."""


def stored(field: Field, value: Value) -> Value:
    """The value as the ERP keeps and tells it, None for whatever says nothing; again applied it changes nothing.

    Nothing is cut and no list is asked: what is too long or unknown stays for the ERP to refuse.
    """
    if value is None or value is ABSENT or value is False or value == "":
        return None
    if not isinstance(value, str):
        return value
    text = clean(value)
    if field.erp == _SIRET:
        text = without_fillers(text)
    elif field.erp == _CODE and field.kind is Kind.CODE:
        # A capital may be a letter that cp1252 lacks.
        text = clean(text.upper())  # CRM-20
    elif field.erp in _NUMBERS and text.isascii() and text.isdecimal():
        text = text.lstrip("0") or "0"
    return text or None


def clean(text: str) -> str:
    """The text in the characters of cp1252: same words, accents kept, blanks single, no control character.

    A letter cp1252 lacks loses its accent; a character without any likeness becomes '?'.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    composed = unicodedata.normalize("NFC", text)
    printable = "".join(" " if character.isspace() else character for character in composed)
    kept = "".join(_likeness(c) for c in printable if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return " ".join(kept.split())


def in_cp1252(text: str) -> bool:
    """Whether every character can be stored in a varchar of a Sage 100 base."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def without_accents(text: str) -> str:
    """The text with its letters reduced to their base: `Œuvre d'été` → `OEuvre d'ete`."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def without_fillers(number: str) -> str:
    """A number without the blanks, dots and dashes that people write into it."""
    return _FILLERS.sub("", number)


def _likeness(character: str) -> str:
    if in_cp1252(character):
        return _KEPT_SHAPES.get(character, character)
    plain = _KEPT_SHAPES.get(character) or without_accents(character)
    return plain if plain and in_cp1252(plain) else "?"
