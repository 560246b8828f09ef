"""The templates, once for each language: its texts, its formats, and what every page may use."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from api.console.assets import address
from api.console.cycle_words import figures_of, kind_of
from api.console.field_words import field_label
from api.console.formats import Formats
from api.console.language import translations, words
from api.console.log_words import FREE_TYPE_WORDS, RECORD_WORDS, event_words
from api.console.navigation import entries, is_here
from api.console.posted import BACK, ONCE
from api.console.problem_words import meaning_of, remedy_of, said
from api.console.setting_words import (
    COMPANY_TYPE_WORDS,
    ENTITY_WORDS,
    GUARD_WORDS,
    KINDS,
    choice_words,
    choices_of,
)
from api.console.signs import Sign, sign_of
from syncengine.core.policies import Policy

FOLDER: Final = Path(__file__).parent / "templates"


@cache
def environment(language: str) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts: Any = made
    texts.install_gettext_translations(translations(language), newstyle=True)
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": False}
    made.filters.update(_filters(Formats(language), language))
    made.globals.update(asset=address, once=_once, ONCE=ONCE, BACK=BACK, sign_of=_sign, query=query)
    made.globals.update(
        ui_entries=entries, ui_is_here=is_here, kind_of=kind_of, figures_of=figures_of, field_label=field_label
    )
    look_up = words(language)
    made.globals.update(
        translated=lambda pairs: [(key, look_up(text)) for key, text in pairs],
        paired=lambda names: [(name, name) for name in names],
        type_options=lambda draft: [
            (name, look_up(COMPANY_TYPE_WORDS.get(name, name))) for name in draft.company_types
        ],
        choices_of=lambda kind: choices_of(KINDS[kind]),
        choice_words=choice_words,
        record_options=lambda records: [(name, look_up(RECORD_WORDS.get(name, name))) for name in records],
        file_options=lambda files: [(file.name, file.name) for file in files],
        event_words=event_words,
        meaning_of=meaning_of,
        problem_remedy=lambda code, remedy: remedy_of(code, remedy, language),
        FREE_TYPE_WORDS=FREE_TYPE_WORDS,
        RECORD_WORDS=RECORD_WORDS,
        Policy=Policy,
        COMPANY_TYPE_WORDS=COMPANY_TYPE_WORDS,
        ENTITY_WORDS=ENTITY_WORDS,
        GUARD_WORDS=GUARD_WORDS,
    )
    made.globals["problem_text"] = lambda code, message: " ".join(filter(None, said(code, message, language)))
    return made


def _filters(formats: Formats, language: str) -> dict[str, Any]:
    plain = ("moment", "day", "span", "number", "percent", "amount", "size", "yes", "clock")
    return {name: getattr(formats, name) for name in plain} | {
        "ago": _with_now(formats.ago),
        "when": _with_now(formats.when),
        "said": lambda text: said_in(str(text), language) if text else "",
        "sentence": lambda text: f"{text[:1].upper()}{text[1:]}",
        "dash": lambda value: value if value not in (None, "") else "—",
    }


def _with_now(write: Any) -> Any:
    @pass_context
    def written(context: Context, at: datetime | None) -> str:
        return str(write(at, context["now"]))

    return written


def said_in(text: str, language: str) -> str:
    """What the engine says, in the language of the page: a label part by part, a text as a whole."""
    look_up = words(language)
    found = look_up(text)
    if found != text or " – " not in text:
        return found
    return " – ".join(look_up(part) for part in text.split(" – "))


def _sign(state: Enum | Sign) -> Sign:
    return state if isinstance(state, Sign) else sign_of(state)


def _once() -> str:
    """A new mark for a form: a second click sends the same one."""
    return uuid.uuid4().hex


def query(path: str, **values: object) -> str:
    """An address with a query of what is given."""
    told = {name: value for name, value in values.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(told, doseq=True)}" if told else path
