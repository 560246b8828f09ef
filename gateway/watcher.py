"""The watcher: looks at the change log for all the calls that wait, every half second while one does, and wakes them (NEW-07).

A call that waits costs neither a thread nor a scan of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import anyio
import structlog

from contracts.errors import Problem
from gateway.heads import Heads, Places

EVERY_S: Final = 0.5
SHARE: Final = 4
"""A look that takes long is followed by a pause so many times as long: the database has other work."""

log = structlog.get_logger("gateway")


class Watcher:
    """Of one base. ``look`` scans and tells where the log ends; everything here happens in the one event loop."""

    def __init__(self, look: Callable[[], Awaitable[Heads]], *, every_s: float = EVERY_S) -> None:
        self._look = look
        self._every_s = every_s
        self._waiting = 0
        self._wanted = anyio.Event()
        self._turn = anyio.Event()
        self._seen: Heads | Problem | None = None
        self._stopped = False

    async def run(self) -> None:
        """Look while somebody waits, for as long as the gateway runs."""
        while True:
            await self._wanted.wait()
            if not self._waiting:
                self._wanted = anyio.Event()
                continue
            began = anyio.current_time()
            self._seen = await self._looked()
            self._wake()
            await anyio.sleep(max(self._every_s, SHARE * (anyio.current_time() - began)))

    async def beyond(self, places: Places, until: float) -> bool:
        """Wait until there is something after these places; False when the time (of the event loop) or the gateway ends before.

        Raises what the look ran into, and CursorUnknown.
        """
        self._waiting += 1
        self._wanted.set()
        try:
            with anyio.CancelScope(deadline=until):
                return await self._next(places)
        finally:
            self._waiting -= 1
        return False

    async def _next(self, places: Places) -> bool:
        if isinstance(self._seen, Heads) and self._seen.beyond(places):
            return True
        while not self._stopped:
            await self._turn.wait()
            if isinstance(self._seen, Problem):
                raise self._seen
            if self._seen is not None and self._seen.beyond(places):
                return True
        return False

    def stop(self) -> None:
        """End every wait now, and those to come at once."""
        self._stopped = True
        self._wake()

    def _wake(self) -> None:
        self._turn.set()
        self._turn = anyio.Event()

    async def _looked(self) -> Heads | Problem | None:
        try:
            return await self._look()
        except Problem as problem:
            return problem
        except Exception:
            # The loop must outlive it: who waits goes on waiting, and is answered when the time is up.
            log.exception("the look at the change log broke off")
            return None
