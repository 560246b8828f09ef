"""What the engine says where there is nothing to be read live, word for word, so that the catalogue has it (CRM-54)."""

from __future__ import annotations

from typing import Final

from api.console.language import N_

REFUSALS: Final = (
    N_("the tiers is a supplier: Sage 100 shows live figures of clients only"),
    N_("Look at a client; the figures of suppliers are in Sage 100."),
    N_("the tiers is not created in Sage 100 yet"),
    N_("Wait for the next cycle, or have it begin now."),
    N_("the tiers was deleted in Sage 100"),
    N_("the tiers is no client or supplier any more in Sage 100"),
    N_("Break the link of the Company, then link it to another tiers or create one."),
    N_("the Account has no link to a tiers of Sage 100"),
    N_("'Créer le tiers' or 'Lier à un tiers déjà existant' links its Company."),
    N_("'Créer le tiers' or 'Lier à un tiers déjà existant' gives it one."),
    N_("the tiers was taken out of the flow and is not read"),
    N_("'Réactiver la synchronisation' puts it back."),
    N_("the tiers is a secondary one of its Company"),
    N_("Look at the main tiers of the Company, or give this one a Company of its own: 'Créer la société'."),
    N_("the tiers has no such document"),
    N_("Take type and number from its list: an order that was delivered goes by another number."),
    N_("Ask an administrator to add the type to those you may see."),
    N_("too many readings of Sage 100 are under way"),
    N_("Try again in a minute; if it goes on, have the server of Sage 100 and its gateway looked at."),
    N_("Try again in a moment."),
)
"""Messages and remedies; where one changes in the engine, what its code means is shown in its place."""
