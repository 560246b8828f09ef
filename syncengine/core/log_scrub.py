"""A line of a log without anything that came from a person, a record or a setting: only what the program itself wrote. Pure.

Nothing is searched for and struck out: what is not known to be harmless is left out (G10).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final = frozenset({"event", "level", "code", "phase", "kind", "status", "outcome", "operation", "entity"})
"""Keys whose values are words of the program."""
_WORD: Final = re.compile(r"[a-z][a-z0-9_.]{0,59}")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]{8,15}(Z|\+00:00)")
_FRAME: Final = re.compile(r'File ".*?([\w-]+/[\w-]+\.py)", line (\d+), in (\w+|<\w+>)')
_RAISED: Final = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)")


def scrubbed(line: str) -> str | None:
    """The line as JSON with what is harmless in it; None for one that is no event."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not _is_word(event.get("event")):
        return None
    kept = {key: value for key, value in event.items() if _is_harmless(key, value)}
    if isinstance(told := event.get("exception"), str):
        kept["exception"] = _trace(told)
    return json.dumps(kept)


def _is_harmless(key: str, value: Any) -> bool:
    if not _is_word(key):
        return False
    if key == "timestamp":
        return isinstance(value, str) and _INSTANT.fullmatch(value) is not None
    if isinstance(value, Mapping):
        return all(_is_word(name) and _is_number(inner) for name, inner in value.items())
    return _is_number(value) or (key in _WORDS and _is_word(value))


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _trace(text: str) -> list[str]:
    """Where it happened, and of which class it was: what it said may name a record."""
    frames = [f"{file}:{line} {function}" for file, line, function in _FRAME.findall(text)]
    last = _RAISED.match(text.strip().rpartition("\n")[2])
    return [*frames, last.group(1)] if last else frames
