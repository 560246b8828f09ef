"""Why a record is not synchronised, in words: what is the matter, what to do, and how grave that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from api.console.formats import Formats
from api.console.language import N_, words
from syncengine.desk.obstacles import Obstacle, Reason
from syncengine.desk.record_sheet import RecordSheet


@dataclass(frozen=True, kw_only=True)
class Matter:
    """``tone`` is bad, warn, busy or off; ``href`` leads to where it is settled, under the name ``link``."""

    said: str
    remedy: str
    tone: str
    icon: str
    href: str = ""
    link: str = ""


_BAD, _WARN, _BUSY, _OFF = ("bad", "alert-circle"), ("warn", "alert-triangle"), ("busy", "hourglass"), ("off", "ban")
_WORDS: Final[dict[Obstacle, tuple[str, str, tuple[str, str]]]] = {
    Obstacle.NO_TIERS: (
        N_("The Company exists in the CRM only: it is tied to no tiers of Sage 100."),
        N_("Create its tiers in Sage 100, or link it to one that exists, on the page of the Company."),
        _OFF,
    ),
    Obstacle.INACTIVE: (
        N_("The Company is inactive."),
        N_("An inactive Company gets no tiers: activate it first."),
        _OFF,
    ),
    Obstacle.TAKEN_OUT: (
        N_("Somebody took the record out of the synchronisation: nothing of it travels, either way."),
        N_("Put it back: the next cycle brings what changed meanwhile."),
        _OFF,
    ),
    Obstacle.DELETED: (
        N_("The tiers was deleted in Sage 100. The Company stays in the CRM, inactive."),
        N_("Link the Company to another tiers, or create the tiers anew."),
        _WARN,
    ),
    Obstacle.OUT_OF_SCOPE: (
        N_("In Sage 100 the tiers is neither client nor supplier any more."),
        N_("Correct the type of the tiers in Sage 100 if that is a mistake: it comes back by itself."),
        _WARN,
    ),
    Obstacle.DORMANT: (
        N_("The tiers is dormant in Sage 100."),
        N_("Wake it in Sage 100 if it is needed: it comes back by itself."),
        _OFF,
    ),
    Obstacle.UNLINKED: (
        N_("The tiers of the CRM is linked to none of Sage 100."),
        N_("Link the Company to a tiers, on the page of the Company."),
        _WARN,
    ),
    Obstacle.INTEGRATION_OFF: (
        N_("The integration is deactivated: no cycle runs, so nothing travels."),
        N_("Activate the integration."),
        _WARN,
    ),
    Obstacle.DISCONNECTED: (
        N_("Sage 100 is disconnected, for work that needs its base alone: nothing travels meanwhile."),
        N_("Reconnect Gestion Commerciale once that work is done."),
        _WARN,
    ),
    Obstacle.CYCLES_FAIL: (
        N_("Cycles that failed in a row: %(n)s. What waits is kept and goes with the first one that succeeds."),
        N_("See what stopped them."),
        _BAD,
    ),
    Obstacle.REFUSED: (
        N_("The record is in error since %(since)s; attempts refused: %(n)s."),
        N_("Correct it, then have it tried again."),
        _BAD,
    ),
    Obstacle.RETRIED: (
        N_("The record was in error; the next cycle tries it again."),
        N_("Nothing: wait for the next cycle, or synchronise now."),
        _BUSY,
    ),
    Obstacle.CONFLICT: (
        N_("Both sides changed the same field, and somebody has to decide (fields: %(n)s). All others travel."),
        N_("Decide whose value is right."),
        _WARN,
    ),
    Obstacle.AWAITED: (
        N_("The tiers is to be created in Sage 100: that was ordered %(ago)s."),
        N_("Nothing: the next cycle creates it."),
        _BUSY,
    ),
    Obstacle.UNDER_WAY: (
        N_("A change is on its way to Sage 100 since %(since)s; the answer is not there yet."),
        N_("Nothing: the next cycle asks for the answer again."),
        _BUSY,
    ),
    Obstacle.MARKED: (
        N_("It was changed in the CRM %(ago)s, and goes to Sage 100 with the next cycle."),
        N_("Nothing: wait for the next cycle, or synchronise now."),
        _BUSY,
    ),
    Obstacle.FICHES_DIFFER: (
        N_("Company and tiers differ within the CRM (fields: %(n)s)."),
        N_("Compare them below, and copy one over the other."),
        _WARN,
    ),
}


def matter(reason: Reason, sheet: RecordSheet, formats: Formats, now: Any) -> Matter:
    """A reason in the language of the page, with the way to where it is settled."""
    _ = words(formats.language)
    told, remedy, (tone, icon) = _WORDS[reason.obstacle]
    since, ago = formats.when(reason.since, now), formats.ago(reason.since, now)
    said = _(told, n=formats.number(reason.count), since=since, ago=ago)
    href, link = _place(reason, sheet)
    return Matter(said=said, remedy=_(remedy), tone=tone, icon=icon, href=href, link=_(link))


_COMPANY: Final = ("/companies/{company}", N_("Show the Company"))
_PLACES: Final[dict[Obstacle, tuple[str, str]]] = {
    Obstacle.REFUSED: ("/integrations/{of}/errors/{number}", N_("Show the error")),
    Obstacle.RETRIED: ("/integrations/{of}/errors/{number}", N_("Show the error")),
    Obstacle.CONFLICT: ("/integrations/{of}/conflicts?tiers={key}", N_("Decide")),
    Obstacle.CYCLES_FAIL: ("/integrations/{of}/cycles/{number}", N_("Show the last cycle")),
    Obstacle.INTEGRATION_OFF: ("/integrations/{of}", N_("Show the integration")),
    Obstacle.DISCONNECTED: ("/integrations/{of}", N_("Show the integration")),
    Obstacle.TAKEN_OUT: ("/integrations/{of}/errors?state=taken_out&text={key}", N_("Put it back")),
    Obstacle.FICHES_DIFFER: ("#fiches", N_("Compare them")),
    **dict.fromkeys((Obstacle.NO_TIERS, Obstacle.UNLINKED, Obstacle.DELETED, Obstacle.INACTIVE), _COMPANY),
}
"""Where each is settled, and what the way there is called."""


def _place(reason: Reason, sheet: RecordSheet) -> tuple[str, str]:
    href, link = _PLACES.get(reason.obstacle, ("", ""))
    key = quote_plus(sheet.erp_key or "")
    return href.format(of=sheet.integration_id, company=sheet.company_id, number=reason.number, key=key), link
