"""Code comptable: the key of a tiers (CRM-20): unique, at most 17 characters, A-Z and 0-9 only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from contracts.stored import without_accents

CODE_LENGTH = 17
CODE_PATTERN = re.compile(rf"[A-Z0-9]{{1,{CODE_LENGTH}}}")


def is_code(text: str) -> bool:
    """Whether the text keeps to the rules of a code, uniqueness aside."""
    return CODE_PATTERN.fullmatch(text) is not None


def code_of(name: str) -> str:
    """The code a name suggests: its letters and digits, upper-case, without accents; `TIERS` for none."""
    return re.sub(r"[^A-Z0-9]", "", without_accents(name).upper())[:CODE_LENGTH] or "TIERS"


class CodeBook:
    """The codes taken in one base; gives new ones that are free, the same ones for the same order of names."""

    def __init__(self, taken: Iterable[str]) -> None:
        # SQL Server compares without regard to case and trailing blanks: so must 'taken'.
        self._taken = {code.upper().rstrip() for code in taken}
        self._last: dict[str, int] = {}

    def next_code(self, name: str) -> str:
        """A free code for this name, now taken: the suggested one, or the same numbered from 2."""
        wanted = code_of(name)
        candidate, number = wanted, self._last.get(wanted, 1)
        while candidate in self._taken:
            number += 1
            candidate = f"{wanted[: CODE_LENGTH - len(str(number))]}{number}"
        self._last[wanted] = number
        self._taken.add(candidate)
        return candidate
