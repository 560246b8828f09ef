"""The line to the gateway of one live integration: asks to be told of changes, and has a cycle made due when there are (NEW-07).

It only reads and waits: what is to be done about a change is the cycle's affair.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Final

import structlog

from contracts.client import GatewayClient
from contracts.errors import BaseReleased, NotOffered, Problem, RemoteFault
from contracts.messages import EntitySet
from contracts.page import Page
from syncengine.service.live_base import Address, LiveBase, Standing

ANSWER_S: Final = 15
"""In this time a gateway answers what costs it nothing, or else it does not."""
ECHO_PAGE: Final = 100
"""Changes looked at for whether they are only what this side has sent; more than these are news in any case."""
_OLDER: Final = "The gateway is older and cannot tell of changes: cycles run at the interval. Update the gateway."
_FAILING: Final = (
    "The last cycle failed: the next ones run as after any failure, live mode goes on once one has succeeded."
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds: how long a call is held, and the pauses: while a cycle is due or runs, while none can help, after failures."""

    wait_s: int = 50
    busy_s: float = 0.5
    idle_s: float = 5.0
    first_s: float = 1.0
    longest_s: float = 60.0
    older_s: float = 600.0
    claimed_s: float = 90.0


PACE: Final = Pace()


class Wakes:
    """The wakes of one integration: one at a time, and the same reason again only after longer and longer pauses."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._pending: tuple[int, float] | None = None
        self._reasons: dict[str, tuple[Hashable, float, int]] = {}
        self.in_vain = False
        """The gateway does not answer, or refuses: a cycle would only fail."""

    def is_pending(self, token: int) -> bool:
        """Whether the cycle asked for last has not begun; for as long as a lost ticket may take to be made again."""
        if self._pending is None:
            return False
        before, since = self._pending
        if token > before or time.monotonic() - since > self._pace.claimed_s:
            self._pending = None
        return self._pending is not None

    def pause(self, kind: str, reason: Hashable, longest_s: float) -> float:
        """How long a reason has to wait still: 0 for a new one; what a cycle could not do away with waits longer and longer."""
        known, at, times = self._reasons.get(kind, (None, 0.0, 0))
        if known != reason:
            return 0.0
        return max(0.0, at + min(self._pace.first_s * 2.0**times, longest_s) - time.monotonic())

    def note(self, kind: str, reason: Hashable, token: int) -> None:
        """A cycle was asked for because of that."""
        known, _, times = self._reasons.get(kind, (None, 0.0, 0))
        self._reasons[kind] = (reason, time.monotonic(), min(times + 1, 30) if known == reason else 1)
        self._pending = (token, time.monotonic())


class Line:
    """Not to be shared between threads, but for ``end``."""

    def __init__(self, base: LiveBase, integration_id: int, wakes: Wakes, *, pace: Pace = PACE) -> None:
        self._base, self._pace, self._wakes = base, pace, wakes
        self._id = integration_id
        self._client: GatewayClient | None = None
        self._address: Address | None = None
        self._ahead: tuple[Mapping[EntitySet, str], Mapping[EntitySet, str]] | None = None
        self._troubles = 0
        self._told: str | None = ""
        self.ended = Event()

    def turn(self) -> float:
        """Look how things stand, wait for changes, have a cycle made due: seconds until the next turn. Blocks for a wait.

        Raises DatabaseProblem, KeyMissing, KeyWrong.
        """
        standing = self._base.standing(self._id)
        if standing is None or not standing.cursors:
            return self._pace.idle_s
        if standing.busy or self._wakes.is_pending(standing.token):
            return self._pace.busy_s
        if standing.failures and not self._troubles:
            self._tell(_FAILING)
            return self._pace.idle_s
        try:
            reason = self._news(standing)
        except Problem as problem:
            return self._failed(problem)
        return self._succeeded(standing, reason)

    def end(self) -> None:
        """From another thread: end the wait under way, and begin none."""
        self.ended.set()
        client = self._client
        if client is not None:
            client.interrupt()

    def close(self) -> None:
        """End the connection, once no turn is under way."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def _news(self, standing: Standing) -> Hashable | None:
        """Why a cycle is wanted, None when nothing has happened."""
        client = self._connected(standing.address)
        place = self._place(standing.cursors)
        # After trouble an answer is wanted at once: it says that the trouble is over.
        wait_s = self._pace.wait_s if self._told is None else 0
        try:
            if self.ended.is_set() or not client.wait_for_changes(place, wait_s):
                return None
            page = client.get_change_log(place, page_size=ECHO_PAGE)
            beyond = {changes.entity_set: changes.next_cursor for changes in page.change_sets}
        except RemoteFault as fault:
            if fault.problem_code != "cursor_unknown":
                raise
            # The base was replaced or restored: the cycle knows what to do.
            return tuple(place.values())
        if beyond == place or not self._is_echo(standing, page):
            return tuple(place.values())
        # The stored cursors stay where they are: the next cycle passes what it sent itself.
        self._ahead = (dict(standing.cursors), beyond)
        return None

    def _place(self, cursors: Mapping[EntitySet, str]) -> Mapping[EntitySet, str]:
        """The cursors to wait at: the stored ones, or those beyond what both sides agree on already (G6)."""
        if self._ahead is not None and self._ahead[0] != cursors:
            self._ahead = None
        return cursors if self._ahead is None else self._ahead[1]

    def _is_echo(self, standing: Standing, page: Page) -> bool:
        """Whether the changes are only tiers as both sides have agreed on them, such as those that this side has just sent."""
        if len(page.change_sets) < len(standing.cursors):
            return False
        versions: dict[str, str] = {}
        for changes in page.change_sets:
            if not changes.at_end or changes.tombstones or changes.rejected:
                return False
            if changes.entity_set is not EntitySet.TIERS and changes.records:
                return False
            versions |= {record.text("code"): record.text("version") for record in changes.records}
        return self._base.has_versions(self._id, versions)

    def _succeeded(self, standing: Standing, reason: Hashable | None) -> float:
        self._tell(None)
        if standing.failures:
            # Cycles failed as this line did; it answers again, and the back-off need not be waited for.
            reason = reason or "answers again"
        self._troubles, self._wakes.in_vain = 0, False
        if reason is None:
            return 0.0
        left = self._wakes.pause("gateway", reason, standing.interval_s)
        if left:
            return max(left, self._pace.busy_s)
        token = self._base.wake(self._id)
        if token is not None:
            self._wakes.note("gateway", reason, token)
        return self._pace.busy_s

    def _failed(self, problem: Problem) -> float:
        if self.ended.is_set():
            return self._pace.idle_s
        self._tell(_words(problem))
        if isinstance(problem, NotOffered):
            return self._pace.older_s
        self._troubles += 1
        self._wakes.in_vain = True
        return min(self._pace.first_s * 2.0 ** (self._troubles - 1), self._pace.longest_s)

    def _tell(self, problem: str | None) -> None:
        if problem == self._told:
            return
        self._base.tell(self._id, problem)
        _log.info("live", integration=self._id, problem=problem)
        self._told = problem

    def _connected(self, address: Address) -> GatewayClient:
        if self._client is None or address != self._address:
            self.close()
            password = address.password.get_secret_value()
            limit_s = min(ANSWER_S, address.timeout_s)
            self._client = GatewayClient(address.url, address.user, password, timeout_s=limit_s)
            self._address = address
        return self._client


def _words(problem: Problem) -> str:
    if isinstance(problem, NotOffered):
        return _OLDER
    if isinstance(problem, BaseReleased):
        return f"{problem.message[:1].upper()}{problem.message[1:]}: nothing is synchronised until it is reconnected."
    if problem.may_retry:
        return f"No word from the gateway ({problem.message}): cycles run at the interval until it answers."
    return f"The gateway refuses ({problem.message}): cycles run at the interval. {problem.remedy}"
