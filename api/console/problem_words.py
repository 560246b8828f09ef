"""What went wrong and what to do, in the words of the page's language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from api.console.language import words
from api.problem_codes import codes
from api.problems import ProblemBody
from contracts.errors import Problem

_COMMAND: Final = "`syncengine"
_REQUIREMENT: Final = re.compile(r"\b[A-Z]{3,4}-\d+: | \([A-Z]{3,4}-\d+(, [A-Z]{3,4}-\d+)*\)")


@dataclass(frozen=True, kw_only=True)
class Told:
    """A problem as a person reads it; ``detail`` are the program's own words, where they say more."""

    code: str
    happened: str
    remedy: str
    detail: str = ""
    record: str | None = None
    field: str | None = None


def told(problem: Problem | ProblemBody, language: str) -> Told:
    """A problem in words: its own message where the catalogue has it, else what its code means."""
    code = problem.code if isinstance(problem, ProblemBody) else problem.problem_code
    message = problem.detail if isinstance(problem, ProblemBody) else problem.message
    happened, detail = said(code, message, language)
    return Told(
        code=code,
        happened=happened,
        detail=detail,
        remedy=remedy_of(code, problem.remedy, language),
        record=problem.record,
        field=problem.field,
    )


def said(code: str | None, message: str, language: str) -> tuple[str, str]:
    """What happened, and the program's own words where that is not all of it."""
    own = _known(message, language)
    meaning = meaning_of(code)
    if own is not None or not meaning:
        return own or _sentence(message), ""
    detail = "" if message.lower().rstrip(".") in meaning.lower() else _sentence(message)
    return words(language)(meaning), detail


def meaning_of(code: str | None) -> str:
    """What a code stands for, as the catalogue has it: without the numbers of requirements, which say nothing to a reader."""
    meaning = codes()[code].meaning if code is not None and code in codes() else ""
    return _sentence(_REQUIREMENT.sub("", meaning))


def remedy_of(code: str | None, remedy: str | None, language: str) -> str:
    """Its own, else that of its code; a sentence that names a command helps nobody in front of a page."""
    of_code = codes()[code].remedy if code is not None and code in codes() else ""
    return next((known for text in (remedy, of_code) if text and (known := _known(text, language))), "")


def _known(text: str, language: str) -> str | None:
    """The text in that language, if it is in the catalogue; English has what names no command."""
    found = words(language)(text)
    if found != text:
        return found
    return _sentence(text) if language == "en" and _COMMAND not in text else None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
