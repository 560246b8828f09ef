"""Fitting texts into Sage 100's columns: cp1252, no control characters, fixed lengths."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_KEPT_SHAPES = {"‐": "-", "‑": "-", "−": "-", "\u202f": " ", "\u2009": " ", "\u00a0": " ", "ʼ": "’"}
_SPELLED = str.maketrans("øØłŁđĐ", "oOlLdD") | {
    ord(letter): pair for letter, pair in (("œ", "oe"), ("Œ", "OE"), ("æ", "ae"), ("Æ", "AE"), ("ß", "ss"))
}


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A value that fits, and the part cut off its end (empty when nothing was)."""

    value: str
    cut: str


def fit(text: str, length: int) -> Fitted:
    """Cut a text to a length, between words when that keeps at least half of it."""
    if len(text) <= length:
        return Fitted(value=text, cut="")
    space = text.rfind(" ", 0, length + 1)
    end = space if space >= length // 2 else length
    return Fitted(value=text[:end].rstrip(), cut=text[end:].lstrip())


def clean(text: str) -> str:
    """The text in the characters of cp1252: same words, accents kept, blanks single, no control character.

    A letter cp1252 lacks loses its accent; a character without any likeness becomes '?'.
    """
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


def _likeness(character: str) -> str:
    if in_cp1252(character):
        return _KEPT_SHAPES.get(character, character)
    plain = _KEPT_SHAPES.get(character) or without_accents(character)
    return plain if plain and in_cp1252(plain) else "?"
