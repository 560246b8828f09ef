"""What the events of a log are called; one that is not listed goes by its own name."""

from __future__ import annotations

from typing import Final

from api.console.language import N_

EVENTS: Final = {
    "cycle_started": N_("Cycle begun"),
    "cycle_ended": N_("Cycle ended"),
    "cycle_failed": N_("Cycle failed"),
    "cycle_overtaken": N_("Cycle taken over by another process"),
    "goes_on": N_("Goes on where it was"),
    "tiers_taken": N_("Tiers taken from Sage 100"),
    "tiers_sent": N_("Tiers sent to Sage 100"),
    "turnover_read": N_("Turnover read"),
    "record_refused": N_("Record refused"),
    "call_repeated": N_("Call repeated"),
    "cursors_forgotten": N_("Everything is read again"),
    "kinds_told_again": N_("Kinds of records read again"),
    "gateway_options": N_("Options of the gateway"),
    "audited": N_("Both sides compared"),
    "audit_postponed": N_("Comparison postponed"),
    "live": N_("Live mode"),
}
FREE_TYPE_WORDS: Final = {
    "text": N_("Text"),
    "date": N_("Date"),
    "datetime": N_("Date and time"),
    "value": N_("Value"),
    "amount": N_("Amount"),
    "list": N_("List"),
}
RECORD_WORDS: Final = {
    "Tiers": N_("Tiers"),
    "Address": N_("Address"),
    "Contact": N_("Contact"),
    "FreeField": N_("Free field"),
    "FreeFieldValue": N_("Value of a free field"),
    "ListItem": N_("Value of a list"),
    "Representative": N_("Representative"),
    "Parameter": N_("Parameter"),
    "Turnover": N_("Turnover"),
    "Custom": N_("Field of the CRM's own"),
}


def event_words(event: str) -> str:
    """What an event is called."""
    return EVENTS.get(event, event)
