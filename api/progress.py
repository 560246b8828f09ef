"""Progress as server-sent events: the same view that polling gives, each time it has changed, until it is final."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import ServerSentEvent
from pydantic import BaseModel

LOOKED_EVERY_S: Final = 0.5
LASTS_S: Final = 600.0
"""Then it ends without `end`, and the browser comes back: who was signed out meanwhile is noticed."""


async def watched(
    look: Callable[[], tuple[BaseModel, bool]], seen: str | None = None
) -> AsyncIterator[ServerSentEvent]:
    """What ``look`` tells, each time it has changed, and `end` with what is final; ``seen`` is the id that arrived last."""
    until = time.monotonic() + LASTS_S
    while time.monotonic() < until:
        view, final = await run_in_threadpool(look)
        text = view.model_dump_json()
        number = hashlib.sha256(text.encode()).hexdigest()[:16]
        if final:
            yield ServerSentEvent(raw_data=text, id=number, event="end")
            return
        if number != seen:
            yield ServerSentEvent(raw_data=text, id=number, event="progress")
            seen = number
        await asyncio.sleep(LOOKED_EVERY_S)
