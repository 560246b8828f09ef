"""The marker of an empty phone or e-mail that is linked to the ERP: shown, never stored, never sent (CRM-43). Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

MARKER: Final = "{Lié à Sage 100}"


def shown(value: str | None, *, linked: bool) -> str | None:
    """What the field shows: its value; when empty the marker if it is linked to the ERP, else nothing."""
    return entered(value) or (MARKER if linked else None)


def entered(text: str | None) -> str | None:
    """What an entry becomes, in NFC and without outer blanks; the marker and blanks become empty."""
    value = unicodedata.normalize("NFC", text or "")
    # Taking one out may put another together; an entry typed beside the marker stays.
    while MARKER in value:
        value = value.replace(MARKER, "")
    return value.strip() or None
