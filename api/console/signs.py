"""States as signs: a word, an icon and a tone, so that colour is never alone. One table for each kind of state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from api.console.language import N_
from syncengine.connection import StepStatus
from syncengine.desk.analysis import Severity
from syncengine.desk.freshness import Freshness
from syncengine.model import (
    ConflictState,
    CycleStatus,
    Drift,
    ErpState,
    FreeFieldState,
    IntegrationState,
    LinkState,
    RecordStatus,
    RunState,
    Side,
    SyncErrorState,
)


@dataclass(frozen=True)
class Sign:
    """A word that is looked up, an icon of the sprite, and a tone: ok, busy, warn, bad, off or plain."""

    word: str
    icon: str
    tone: str = "plain"


_SIGNS: Final[tuple[tuple[Enum, Sign], ...]] = (
    (CycleStatus.WAITING, Sign(N_("Waiting"), "clock", "off")),
    (CycleStatus.RUNNING, Sign(N_("Running"), "loader-2", "busy")),
    (CycleStatus.SUCCESS, Sign(N_("Success"), "circle-check", "ok")),
    (CycleStatus.WARNING, Sign(N_("Warning"), "alert-triangle", "warn")),
    (CycleStatus.FAILURE, Sign(N_("Failure"), "circle-x", "bad")),
    (RunState.WAITING, Sign(N_("Waiting"), "clock", "off")),
    (RunState.RUNNING, Sign(N_("Running"), "loader-2", "busy")),
    (RunState.DONE, Sign(N_("Done"), "circle-check", "ok")),
    (RunState.REFUSED, Sign(N_("Refused"), "ban", "bad")),
    (IntegrationState.ACTIVE, Sign(N_("Active"), "player-play", "ok")),
    (IntegrationState.INACTIVE, Sign(N_("Inactive"), "player-pause", "off")),
    (Freshness.ON_TIME, Sign(N_("On time"), "circle-check", "ok")),
    (Freshness.RUNNING, Sign(N_("Running"), "loader-2", "busy")),
    (Freshness.LATE, Sign(N_("Late"), "clock-hour-4", "warn")),
    (Freshness.FAILED, Sign(N_("In error"), "circle-x", "bad")),
    (Freshness.FIRST, Sign(N_("First synchronisation awaited"), "hourglass", "off")),
    (Freshness.INACTIVE, Sign(N_("Deactivated"), "player-pause", "off")),
    (Freshness.DISCONNECTED, Sign(N_("Disconnected"), "plug-connected-x", "warn")),
    (RecordStatus.ACTIVE, Sign(N_("Active"), "circle-check", "ok")),
    (RecordStatus.INACTIVE, Sign(N_("Inactive"), "circle-minus", "off")),
    (LinkState.LINKED, Sign(N_("Linked to Sage 100"), "link", "ok")),
    (LinkState.TAKEN_OUT, Sign(N_("No longer synchronised"), "ban", "off")),
    (LinkState.VANISHED, Sign(N_("Linked to a tiers that Sage 100 no longer has"), "unlink", "warn")),
    (ErpState.PRESENT, Sign(N_("Present in Sage 100"), "circle-check", "ok")),
    (ErpState.DELETED, Sign(N_("Deleted in Sage 100"), "trash", "warn")),
    (ErpState.OUT_OF_SCOPE, Sign(N_("Neither client nor supplier"), "circle-minus", "off")),
    (ErpState.DORMANT, Sign(N_("Dormant in Sage 100"), "zzz", "off")),
    (ErpState.AWAITED, Sign(N_("To be created in Sage 100"), "hourglass", "busy")),
    (SyncErrorState.OPEN, Sign(N_("In error"), "circle-x", "bad")),
    (SyncErrorState.RETRY, Sign(N_("To be retried"), "refresh", "busy")),
    (SyncErrorState.RESOLVED, Sign(N_("Resolved"), "circle-check", "ok")),
    (SyncErrorState.TAKEN_OUT, Sign(N_("No longer synchronised"), "ban", "off")),
    (ConflictState.OPEN, Sign(N_("To be decided"), "scale", "warn")),
    (ConflictState.RESOLVED, Sign(N_("Decided"), "circle-check", "ok")),
    (ConflictState.WITHDRAWN, Sign(N_("No longer needed"), "circle-minus", "off")),
    (Drift.VALUES, Sign(N_("Values differ"), "git-compare", "warn")),
    (Drift.ONLY_IN_ERP, Sign(N_("Only in Sage 100"), "server", "warn")),
    (Drift.ONLY_IN_CRM, Sign(N_("Only in the CRM"), "users", "warn")),
    (Severity.FATAL, Sign(N_("Cycle stopped"), "player-stop", "bad")),
    (Severity.ERROR, Sign(N_("Error"), "circle-x", "bad")),
    (Severity.ANOMALY, Sign(N_("Anomaly"), "alert-triangle", "warn")),
    (Severity.INFORMATION, Sign(N_("Information"), "info-circle", "plain")),
    (StepStatus.OK, Sign(N_("Passed"), "circle-check", "ok")),
    (StepStatus.FAILED, Sign(N_("Failed"), "circle-x", "bad")),
    (StepStatus.SKIPPED, Sign(N_("Not tried"), "circle-dashed", "off")),
    (FreeFieldState.REPLICATED, Sign(N_("Replicated"), "circle-check", "ok")),
    (FreeFieldState.NO_LONGER_REPLICATED, Sign(N_("No longer replicated"), "circle-minus", "warn")),
    (Side.CRM, Sign(N_("CRM"), "address-book")),
    (Side.ERP, Sign(N_("Sage 100"), "server")),
)
# Members of two enumerations of strings are equal where their values are: states go by their kind, too.
SIGNS: Final[Mapping[tuple[type[Enum], str], Sign]] = {(type(state), str(state.value)): sign for state, sign in _SIGNS}


def sign_of(state: Enum) -> Sign:
    """The sign of a state. Raises KeyError for a state without one."""
    return SIGNS[type(state), str(state.value)]
