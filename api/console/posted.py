"""What a form sent, read field by field; what is no text or number is refused by the name of its field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time
from typing import Final

from pydantic import SecretStr

from syncengine.core.refusals import refused

ONCE: Final = "_once"
BACK: Final = "_back"
_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}")
_LOCAL: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


class Posted:
    """The fields of a form as they were typed; a page that shows the form again takes them from here."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names and values, in order."""
        return self._pairs

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def __contains__(self, name: str) -> bool:
        return any(known == name for known, _ in self._pairs)

    def typed(self, name: str, otherwise: str = "") -> str:
        """A field as it was typed, to be shown again."""
        return next((value for known, value in self._pairs if known == name), otherwise)

    def text(self, name: str) -> str:
        """A text without blanks around it. Raises InputRefused (control_character)."""
        value = self.typed(name).replace("\r\n", "\n").strip()
        if _UNREADABLE.search(value):
            words = "the text holds characters that are none to read"
            raise refused("control_character", words, field=name, remedy="Type it again.")
        return value

    def optional(self, name: str) -> str | None:
        """A text; None for an empty one. Raises as ``text``."""
        return self.text(name) or None

    def secret(self, name: str) -> SecretStr:
        """A password, exactly as typed."""
        return SecretStr(self.typed(name))

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.typed(name))

    def number(self, name: str) -> int:
        """A whole number. Raises InputRefused (not_a_text)."""
        value = self.text(name)
        if not _NUMBER.fullmatch(value):
            raise _of_no_kind(name, "this is no whole number", "Type digits only.")
        return int(value)

    def time_of_day(self, name: str) -> time | None:
        """A time of day; None for none. Raises InputRefused (not_a_text)."""
        value = self.text(name)
        try:
            return time.fromisoformat(value) if value else None
        except ValueError:
            raise _of_no_kind(name, "this is no time of day", "Type it as 02:00.") from None

    def many(self, name: str) -> list[str]:
        """Every value of a field, such as of boxes with one name."""
        return [value for known, value in self._pairs if known == name]

    def numbers(self, name: str) -> list[int]:
        """The numbers among the values of a field; anything else was not ticked by a person."""
        return [int(value) for value in self.many(name) if _NUMBER.fullmatch(value)]

    @property
    def once(self) -> str:
        """The mark by which a second click is known."""
        return self.typed(ONCE)[:64]

    @property
    def back(self) -> str | None:
        """The page the form was on; None for anything that is no page of ours."""
        return local(self.typed(BACK))


def local(path: str | None) -> str | None:
    """The path if it leads to a page of this server, and nowhere else."""
    return path if path and len(path) <= 2_000 and _LOCAL.fullmatch(path) else None


def _of_no_kind(name: str, words: str, remedy: str) -> Exception:
    return refused("not_a_text", words, field=name, remedy=remedy)
