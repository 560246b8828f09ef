"""Short texts that administrators type: names, logins, addresses."""

from __future__ import annotations

from syncengine.core.fold import searchable
from syncengine.core.refusals import refused


def entry(text: str, field: str, length: int) -> str:
    """The text without blanks around it. Raises InputRefused (field_required, too_long, control_character)."""
    clean = searchable(text, field).strip()
    if not clean:
        raise refused("field_required", "this may not be empty", field=field, remedy="Type it.")
    if len(clean) > length:
        raise refused(
            "too_long", f"at most {length} characters fit here", field=field, remedy=f"Shorten it to {length}."
        )
    if not clean.isprintable():
        raise refused(
            "control_character", "there are characters that are none to read", field=field, remedy="Type it again."
        )
    return clean
