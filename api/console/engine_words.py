"""What the engine says that pages show: in English (meanings of codes, rules of the record) and in French (labels, reasons)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from api.console.field_words import labels
from api.console.language import N_
from api.console.live_columns import headings
from api.console.problem_words import meaning_of
from api.problem_codes import codes
from syncengine.core.alert_words import CAUSES
from syncengine.core.document_types import DOCUMENT_TYPES
from syncengine.core.reasons import WORDS

_RULES: Final = (
    N_("the name is made of letters, digits and spaces"),
    N_("the name has 1 to 60 characters"),
    N_("the address begins with http:// or https:// and names a host"),
    N_("the address is not a URL"),
    N_("the company name (raison sociale) has 1 to 35 characters"),
    N_("the ERP user has at most 60 characters and no colon"),
    N_("the interval is 30 to 10080 minutes"),
    N_("the time-out is 5 to 600 seconds"),
    N_("the audit compares 0 to 100 % in an hour"),
    N_("the tolerance between two clocks is 0 to 86400 seconds"),
    N_("turnover that is read once a day needs turnover_at, the time of day"),
    N_("there is no suffix when the ERP numbers the codes"),
    N_("the suffix is at most 10 letters and digits"),
    N_("the Sage Etendue link needs the name of its server and of the dossier"),
    N_("new client tiers need a company type that maps to client"),
    N_("new supplier tiers need a company type that maps to supplier"),
    N_("this is not your password"),
    N_("this is no whole number"),
    N_("this is no time of day"),
    N_("the two are not the same"),
    N_("Type it again."),
    N_("Type the new password again."),
    N_("Type digits only."),
    N_("Type it as 02:00."),
    N_("Choose from the list."),
    # The steps of the connection test
    N_("the address is valid"),
    N_("the name of the server is known"),
    N_("the port of the server answers"),
    N_("a web server answers at the address"),
    N_("the web server is a Sage 100 gateway"),
    N_("the user and the password are accepted"),
    N_("both sides speak the same version of the contract"),
    N_("the gateway reads the Sage 100 base"),
    N_("the company is the one of the integration"),
    N_("Start the gateway, and check its port."),
    N_("Open the port in the firewall of the server."),
    N_("Correct the name of the server, or have it added to the DNS."),
    N_("Check the port, and whether the address begins with http:// or https://."),
)
"""Sentences of the engine, word for word; where one changes there, its French text is missed here and its code's is shown."""


_ANALYSIS: Final = (
    "Le cycle s'est arrêté",
    "Fiches que le CRM n'a pas pu reprendre",
    "Fiches refusées par Sage 100",
    "Relevé dans le journal du cycle",
)
"""The headings of the analysis."""


def from_english() -> Iterator[str]:
    """What is to be looked up in the French catalogue beyond what the pages themselves say."""
    for code in codes():
        yield meaning_of(code)
    yield from (known.remedy for known in codes().values() if known.remedy)


def from_french() -> Iterator[str]:
    """What is to be looked up in the English catalogue."""
    yield from labels()
    yield from WORDS.values()
    yield from CAUSES.values()
    yield from _ANALYSIS
    yield from headings()
    yield from DOCUMENT_TYPES.values()
