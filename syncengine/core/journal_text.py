"""A value as the journal and the conflicts keep it, and back. Pure."""

from __future__ import annotations

import json
from typing import Any

from syncengine.model.company import RecordStatus


def as_text(value: Any) -> str | None:
    """A value as the journal keeps it: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def value_of(path: str, text: str | None) -> Any:
    """A value from its text; the one that people change and is no text is 'mis en sommeil', a Company's status."""
    if path == "dormant":
        return text in ("true", RecordStatus.INACTIVE.value) or None
    return text or None
