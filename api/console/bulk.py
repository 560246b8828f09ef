"""Orders about many records: those ticked, or all that a filter matched, never more of them than were counted and confirmed."""

from __future__ import annotations

from collections.abc import Sequence

from api.bulk import count_changed
from api.console.language import N_
from api.console.posted import Posted
from api.console.problem_words import said
from api.console.screen import Screen
from syncengine.desk.result import Result
from syncengine.errors import InputRefused


def ticked(posted: Posted) -> tuple[int, ...]:
    """The numbers ticked. Raises InputRefused (not_confirmed) when there are none."""
    numbers = tuple(dict.fromkeys(posted.numbers("ids")))
    if not numbers:
        words = N_("no record is ticked")
        raise InputRefused(
            words, code="not_confirmed", remedy=N_("Tick the boxes of the records, then order it again.")
        )
    return numbers


def confirmed(posted: Posted, present: Sequence[int] | int) -> None:
    """Whether as many as were counted are meant still, and somebody typed that number.

    Raises InputRefused (not_confirmed), ApiProblem (count_changed).
    """
    counted = posted.number("counted")
    if posted.typed("confirmation").strip() != str(counted):
        words = N_("the number that was typed is not the number of records")
        raise InputRefused(words, code="not_confirmed", remedy=N_("Type the number exactly as the question shows it."))
    number = present if isinstance(present, int) else len(present)
    if number != counted:
        raise count_changed(counted, number)


def outcome(screen: Screen, result: Result, done: str) -> tuple[str, str]:
    """What became of it in words, and the tone; ``done`` is a sentence with %(n)s."""
    told = screen._(done, n=screen.formats.number(result.done))
    if not result.refused:
        return told, "success"
    told_why = (said(one.code, one.message, screen.language)[0].rstrip(".") for one in result.refused[:3])
    reasons = "; ".join(dict.fromkeys(told_why))
    left = screen._("%(n)s were left as they are: %(why)s.", n=len(result.refused), why=reasons)
    return f"{told} {left}", "warning"
