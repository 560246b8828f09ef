"""The code comptable: what a new Company shows, what may be entered, what is sent (CRM-20..23). Pure.

At most 17 capitals and digits, unique in the integration; who makes it is the integration's ``code_mode``.
"""

from __future__ import annotations

import re
from typing import Final

from contracts.tables import TIERS
from syncengine.core.refusals import refused
from syncengine.model import CodeMode

WAITING: Final = "[ATTENTE]"
"""Shown in free entry until somebody enters a code (CRM-21)."""
AUTO_ERP: Final = "<AUTOERP>"
"""Shown in ERP numbering until the ERP has given the code (CRM-23)."""
MARKERS: Final = frozenset({WAITING, AUTO_ERP})
CODE_LENGTH: Final = TIERS.field("code").length or 17

_SHAPE: Final = re.compile(r"[A-Z0-9]+")


def initial_code(mode: CodeMode) -> str | None:
    """What a Company without tiers shows; nothing in CRM numbering, whose number is that of the Account to come."""
    return {CodeMode.FREE: WAITING, CodeMode.ERP: AUTO_ERP}.get(mode)


def sent_code(code: str | None) -> str:
    """The code as it goes to the ERP: empty when there is none yet, and the ERP is to give one (CRM-23)."""
    return "" if code is None or code in MARKERS else code


def says_nothing(text: str | None) -> bool:
    """Whether an entry holds no code: empty, blanks, or one of the markers."""
    return not sent_code((text or "").strip().upper())


def entered_code(text: str | None, suffix: str = "") -> str:
    """The code that an entry becomes: in capitals, with the suffix unless it ends in it already (CRM-22).

    Raises InputRefused: code_missing, code_invalid, code_too_long.
    """
    if says_nothing(text):
        raise refused(
            "code_missing",
            "there is no code comptable",
            field="code",
            remedy="Enter the code the tiers is to have in Sage 100: it is mandatory for synchronisation.",
        )
    typed = (text or "").strip().upper()
    if not _SHAPE.fullmatch(typed):
        raise refused(
            "code_invalid",
            f"the code {typed} has other characters than letters and digits",
            record=typed,
            field="code",
            remedy=f"Enter at most {CODE_LENGTH} letters and digits, without accents, spaces or signs.",
        )
    return _fitting(with_suffix(typed, suffix), suffix)


def numbered_code(account_id: int, suffix: str = "") -> str:
    """The code of CRM numbering: the Account's id and the suffix. Raises InputRefused (code_too_long)."""
    return _fitting(f"{account_id}{suffix.upper()}", suffix)


def with_suffix(code: str, suffix: str) -> str:
    """The code with the suffix once: what is shown and saved again does not grow."""
    ending = suffix.upper()
    return code if code.endswith(ending) and code != ending else code + ending


def _fitting(code: str, suffix: str) -> str:
    if len(code) <= CODE_LENGTH:
        return code
    because = f", its suffix {suffix.upper()} included" if suffix else ""
    raise refused(
        "code_too_long",
        f"the code {code} has {len(code)} characters{because}; {CODE_LENGTH} are allowed",
        record=code,
        field="code",
        remedy="Enter a shorter code" + (", or shorten the suffix of the integration." if suffix else "."),
    )
