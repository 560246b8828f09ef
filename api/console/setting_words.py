"""What the settings of an integration are called and mean."""

from __future__ import annotations

from enum import Enum
from typing import Final

from api.console.language import N_
from syncengine.core.policies import Policy
from syncengine.model import AssignmentRule, CodeMode, TransferMode, TurnoverMode

_CHOICES: Final = (
    (TransferMode.BY_HAND, N_("By hand (“Create the tiers”)")),
    (TransferMode.NEVER, N_("Never")),
    (CodeMode.FREE, N_("Free entry")),
    (CodeMode.CRM, N_("Numbered by the CRM")),
    (CodeMode.ERP, N_("Numbered by Gestion Commerciale")),
    (TurnoverMode.EACH_CYCLE, N_("With each cycle")),
    (TurnoverMode.DAILY, N_("Once a day")),
    (TurnoverMode.BY_HAND, N_("By hand only")),
    (AssignmentRule.AUTOMATIC, N_("Automatic")),
    (AssignmentRule.IF_EMPTY, N_("Automatic if empty")),
    (AssignmentRule.NONE, N_("None")),
    (Policy.ERP_WINS, N_("Sage 100 wins")),
    (Policy.CRM_WINS, N_("The CRM wins")),
    (Policy.MOST_RECENT, N_("The most recent change wins")),
    (Policy.ASK, N_("Ask")),
)
# Members of two enumerations of strings are equal where their values are: choices go by their kind, too.
CHOICES: Final[dict[tuple[type[Enum], str], str]] = {
    (type(member), str(member.value)): words for member, words in _CHOICES
}
COMPANY_TYPE_WORDS: Final = {
    "client": N_("Client"),
    "supplier": N_("Supplier"),
    "prospect": N_("Prospect"),
    "partner": N_("Partner"),
    "competitor": N_("Competitor"),
}
ENTITY_WORDS: Final = {"account": N_("Company and tiers"), "address": N_("Addresses"), "contact": N_("Contacts")}
GUARD_WORDS: Final = {
    "crm.create": N_("Creations in the CRM"),
    "crm.change": N_("Changes in the CRM"),
    "crm.deactivate": N_("Deactivations in the CRM"),
    "erp.create": N_("Creations in Sage 100"),
    "erp.change": N_("Changes in Sage 100"),
    "erp.deactivate": N_("Deactivations in Sage 100"),
}


def choice_words(member: Enum) -> str:
    """What a choice is called."""
    return CHOICES[type(member), str(member.value)]


def choices_of(kind: type[Enum]) -> list[tuple[str, str]]:
    """Every choice of a kind: value and words."""
    return [(str(member.value), choice_words(member)) for member in kind]


KINDS: Final = {kind.__name__: kind for kind in (TransferMode, CodeMode, TurnoverMode, AssignmentRule, Policy)}
