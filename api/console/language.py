"""The language of a page: French unless the user, a cookie or the browser says English; and the catalogues of both.

Texts in templates and code are English and looked up in the French catalogue. What the engine says in French (labels of Sage 100,
reasons) is looked up in the English one.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from starlette.requests import HTTPConnection

from syncengine.access.users import LANGUAGES

FOLDER: Final = Path(__file__).parent / "locales"
COOKIE: Final = "syncengine_language"
DEFAULT: Final = "fr"
NAMES: Final = {"fr": "Français", "en": "English"}

Words = Callable[..., str]
"""Looks a text up, with ``%(name)s`` filled in from the keywords."""


def N_(text: str) -> str:  # noqa: N802 - what message extraction looks for
    """Marks a text that is looked up later."""
    return text


@cache
def translations(language: str) -> Translations:
    """The catalogue of a language, read from its .po file: nothing is compiled beforehand."""
    compiled = io.BytesIO()
    with (FOLDER / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def words(language: str) -> Words:
    """The function that looks texts up."""
    catalogue = translations(language)

    def look_up(text: str, /, **values: Any) -> str:
        found = catalogue.gettext(text) if text else ""
        return found % values if values else found

    return look_up


def language_of(request: HTTPConnection, chosen: str | None) -> str:
    """The user's choice, else the browser's cookie, else what it asks for."""
    for wanted in (chosen, request.cookies.get(COOKIE)):
        if wanted in LANGUAGES:
            return str(wanted)
    return _asked_for(request.headers.get("accept-language", ""))


def _asked_for(header: str) -> str:
    """The first of ours in order of preference; the browser lists the preferred one first."""
    asked = (part.partition(";")[0].strip().partition("-")[0].lower() for part in header.split(","))
    return next((language for language in asked if language in LANGUAGES), DEFAULT)
