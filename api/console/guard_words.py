"""What a guard that stopped a cycle says, in words: how much would be done, and the limit (NEW-06)."""

from __future__ import annotations

import re
from typing import Final

from api.console.formats import Formats
from api.console.language import N_, words

_ONE: Final = re.compile(
    r"(?P<side>CRM|Sage 100): (?P<n>\d+) tiers would be (?P<done>created|changed|deactivated)"
    r"(?: \((?P<share>[\d.]+) % of the (?P<linked>\d+) linked\))?; the limit is (?P<limit>[^;]+)"
)
_DONE: Final = {
    "created": N_("%(n)s tiers would be created in %(side)s"),
    "changed": N_("%(n)s tiers would be changed in %(side)s"),
    "deactivated": N_("%(n)s tiers would be deactivated in %(side)s"),
}
_IN: Final = {"CRM": N_("the CRM"), "Sage 100": N_("Sage 100")}


def guard_said(text: str | None, language: str) -> str:
    """The text of a guard in the language of the page; what it does not know of it stays as it is."""
    told = [_sentence(found, language) for found in _ONE.finditer(text or "")]
    return " ".join(told) if told else (text or "")


def _sentence(found: re.Match[str], language: str) -> str:
    _, formats = words(language), Formats(language)
    told, where = _DONE[found["done"]], _IN[found["side"]]
    what = _(told, n=formats.number(int(found["n"])), side=_(where))
    if found["share"]:
        linked = formats.number(int(found["linked"]))
        what = _(
            "%(what)s (%(share)s of the %(n)s linked)",
            what=what,
            share=formats.percent(float(found["share"])),
            n=linked,
        )
    return _("%(what)s; the limit is %(limit)s.", what=what, limit=_limit(found["limit"], language))


def _limit(text: str, language: str) -> str:
    _ = words(language)
    if text.strip() == "none at all":
        return _("none at all")
    return text.strip().replace(" and ", _(" and ")).replace(".", "," if language == "fr" else ".")
