"""Why a record was refused and how to repair it, in words: by side and code first, else what the code means everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from api.console.field_words import field_label
from api.console.language import N_, words
from api.console.problem_words import told
from api.console.templating import said_in
from contracts.errors import Problem
from syncengine.desk.error_groups import ErrorGroup
from syncengine.desk.error_sheet import ErrorSummary
from syncengine.model import Side

_IN_SAGE: Final = N_("Correct it in Sage 100, or correct the value here: the record arrives with the next cycle.")
_ONLY_SAGE: Final = N_("Correct it in Sage 100: the record arrives with the next cycle.")
_CAME: Final[dict[str, tuple[str, str]]] = {
    "invalid_record": (N_("Sage 100 holds a value that no tiers may have."), _IN_SAGE),
    "name_missing": (N_("The tiers has no name in Sage 100."), _IN_SAGE),
    "code_missing": (N_("The tiers has no code comptable in Sage 100."), _ONLY_SAGE),
    "duplicate_child": (N_("Two contacts or addresses of the tiers have the same number."), _ONLY_SAGE),
    "drift": (
        N_("Both sides differ although nothing waits to be synchronised."),
        N_("Nothing: the next cycle reads the tiers again."),
    ),
    "taken_out": (
        N_("The tiers was taken out of the synchronisation."),
        N_("Put it back when it is to be synchronised again."),
    ),
    "undone": (
        N_("The tiers arrived with a cycle that was taken back."),
        N_("Put it back when it is to be synchronised again."),
    ),
}
_SHORTEN: Final = N_("Shorten the value in the CRM, or here; the next cycle sends it again.")
_SENT: Final[dict[str, tuple[str, str]]] = {
    "too_long": (N_("The value of '%(field)s' is too long for Sage 100; cutting it would lose data unseen."), _SHORTEN),
    "field_required": (
        N_("'%(field)s' is mandatory in Sage 100 and was sent empty."),
        N_("Enter a value in the CRM, or here; the next cycle sends it."),
    ),
    "unknown_value": (
        N_("The value of '%(field)s' is not in the list of Sage 100."),
        N_("Choose a value of the list, or add it in Sage 100, then have it tried again."),
    ),
    "unknown_representative": (
        N_("Sage 100 has no representative of this number."),
        N_("Choose another representative, or create it in Sage 100, then have it tried again."),
    ),
    "code_in_use": (
        N_("Another tiers has this code comptable."),
        N_("Choose another code, or link the Company to that tiers."),
    ),
    "read_only_field": (
        N_("'%(field)s' belongs to Sage 100, which holds another value."),
        N_("Change it in Sage 100; it arrives with the next cycle."),
    ),
    "title_in_use": (
        N_("Another delivery address of the tiers has this title."),
        N_("Give the address another title, or none: then one is made."),
    ),
    "contact_in_use": (
        N_("Another contact of the tiers has this name and first name."),
        N_("Merge the two contacts in the CRM, or tell their names apart."),
    ),
}
_LISTED: Final = (
    N_("The value of '%(field)s' is not in the list of Sage 100."),
    N_("Choose an existing value on the tiers in Sage 100, or here; the record arrives with the next cycle."),
)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What happened, what to do, and the program's own words."""

    happened: str
    remedy: str
    raw: str
    field: str


def cause(error: ErrorSummary | ErrorGroup, language: str) -> Cause:
    """The cause of an error, or of a group of them, in the language of the page."""
    problem = Problem(error.message, code=error.code, remedy=error.remedy, field=error.field)
    return cause_of(error.side, problem, language)


def cause_of(side: Side, problem: Problem, language: str) -> Cause:
    """The cause of a refusal by that side: the CRM of what comes, Sage 100 of what is sent."""
    _, field = words(language), said_in(field_label(problem.field), language) if problem.field else ""
    known = _known(side, problem.problem_code)
    if known is None:
        found = told(problem, language)
        return Cause(happened=found.happened, remedy=found.remedy, raw=problem.message, field=field)
    happened, remedy = known
    return Cause(
        happened=_(happened, field=field or _("Field")) if "%(field)s" in happened else _(happened),
        remedy=_(remedy),
        raw=problem.message,
        field=field,
    )


def _known(side: Side, code: str) -> tuple[str, str] | None:
    if side is not Side.CRM:
        return _SENT.get(code)
    return _CAME.get(code) or (_LISTED if code.startswith("unknown_") else None)
