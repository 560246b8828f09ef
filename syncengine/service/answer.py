"""Answer: what became of sending one message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ANSWER_LENGTH: Final = 300


class Outcome(StrEnum):
    """What follows from an answer."""

    TAKEN = "taken"
    LATER = "later"  # refused or no answer: tried again
    NEVER = "never"  # this message will not be taken
    GONE = "gone"  # nobody listens there any more


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The outcome, and what the other side said."""

    outcome: Outcome
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", "".join(filter(str.isprintable, self.text))[:ANSWER_LENGTH])
