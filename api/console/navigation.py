"""The menu: one table of entries; each shows once its page exists and to whom may see it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from api.console.language import N_
from api.identity import Caller
from syncengine.access.scopes import Scope
from syncengine.desk.bearings import Bearings


@dataclass(frozen=True)
class Entry:
    """A line of the menu or a tab; ``{id}`` in its path is the integration at hand, ``count`` names a figure beside it."""

    label: str
    icon: str
    path: str
    scope: Scope = Scope.READ
    count: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class Section:
    """A heading of the menu and its entries."""

    label: str
    entries: tuple[Entry, ...]


MENU: Final = (
    Section("", (Entry(N_("Overview"), "dashboard", "/"),)),
    Section(
        N_("Synchronisation"),
        (
            Entry(N_("Integration record"), "arrows-exchange", "/integrations/{id}"),
            Entry(N_("Cycles"), "history", "/integrations/{id}/cycles"),
            Entry(
                N_("Synchronisation errors"), "alert-circle", "/integrations/{id}/errors", count="errors", tone="bad"
            ),
            Entry(N_("Conflicts"), "scale", "/integrations/{id}/conflicts", count="conflicts", tone="warn"),
            Entry(N_("Plans"), "list-check", "/integrations/{id}/plans"),
            Entry(N_("Agreement of both sides"), "git-compare", "/integrations/{id}/differences"),
        ),
    ),
    Section(
        N_("CRM"),
        (
            Entry(N_("Companies"), "building", "/companies"),
            Entry(N_("Opportunities"), "target", "/opportunities"),
            Entry(N_("Look up a record"), "report-search", "/records"),
        ),
    ),
    Section(
        N_("Administration"),
        (
            Entry(N_("Users and rights"), "users", "/users", Scope.ADMIN),
            Entry(N_("API keys"), "key", "/api-keys"),
            Entry(N_("Alerts"), "bell", "/alerts", count="alerts", tone="warn"),
            Entry(N_("Audit log"), "shield-lock", "/audit", Scope.ADMIN),
            Entry(N_("System"), "heart-rate-monitor", "/system", Scope.ADMIN),
        ),
    ),
)

TABS: Final = (
    Entry(N_("General"), "id", "/integrations/{id}"),
    Entry(N_("Settings"), "adjustments", "/integrations/{id}/settings"),
    Entry(N_("Cycles"), "history", "/integrations/{id}/cycles"),
    Entry(N_("Analysis"), "report-analytics", "/integrations/{id}/analysis"),
    Entry(N_("Synchronisation errors"), "alert-circle", "/integrations/{id}/errors", count="errors", tone="bad"),
    Entry(N_("Conflicts"), "scale", "/integrations/{id}/conflicts", count="conflicts", tone="warn"),
    Entry(N_("Secondary / orphan tiers"), "unlink", "/integrations/{id}/orphans"),
    Entry(N_("Free fields"), "forms", "/integrations/{id}/free-fields"),
    Entry(N_("Generic tiers"), "users", "/integrations/{id}/generic-tiers"),
    Entry(N_("Mapping"), "table", "/integrations/{id}/mapping"),
    Entry(N_("Log"), "file-text", "/integrations/{id}/logs"),
)
"""The tabs of the integration record, in the order and under the names people know them by."""


def entries(
    listed: Sequence[Entry], around: Bearings, pages: Collection[str], caller: Caller
) -> list[tuple[Entry, str]]:
    """The entries whose pages there are and the caller may see, with their addresses."""
    found = []
    for entry in listed:
        known = entry.path.replace("{id}", "{integration_id}") in pages
        reachable = around.integration is not None or "{id}" not in entry.path
        if known and reachable and caller.may(entry.scope):
            here = around.integration.id if around.integration else ""
            found.append((entry, entry.path.replace("{id}", str(here))))
    return found


def is_here(href: str, path: str) -> bool:
    """Whether a page belongs to an entry of the menu: the record's own pages to the record, the others to theirs."""
    if href in {"/", path}:
        return path == href
    menu = {entry.path.rpartition("/")[2] for section in MENU for entry in section.entries if "{id}/" in entry.path}
    own = href.rpartition("/")[2].isdecimal() and path.removeprefix(f"{href}/").partition("/")[0] in menu
    return path.startswith(f"{href}/") and not own
