"""Pull: the pages of the change log, the next one under way while this one is dealt with."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from threading import Event
from typing import Final, TypeVar

import structlog
from lxml import etree
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from contracts.client import GatewayClient, answer
from contracts.errors import ContractError, Problem
from contracts.messages import CHANGE_SET, NAMESPACE, EntitySet
from contracts.page import Page, read_page

T = TypeVar("T")

IDLE_PAGES_MAX = 100
_log = structlog.get_logger(__name__)
_SETS = f"{{{NAMESPACE}}}ChangeSets/{{{NAMESPACE}}}{CHANGE_SET.name}"


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often a call is made before its error counts, and the pauses between, in seconds: growing from first to longest."""

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 10.0


PATIENCE: Final = Patience()


def pages(
    client: GatewayClient,
    cursors: Mapping[EntitySet, str],
    *,
    page_size: int | None = None,
    patience: Patience = PATIENCE,
) -> Generator[Page]:
    """The pages after these cursors, until every entity set is at its end.

    The next page is asked for as soon as the cursor of this one is known, so the gateway reads while the engine writes. Errors:
    those of ``GatewayClient``, once repeating the call has not helped.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="pull") as fetcher, _closing() as closing:

        def ask(position: Mapping[EntitySet, str]) -> Future[etree._Element]:
            asked = dict(position)

            def fetch() -> etree._Element:
                # Parsed in this thread: lxml lets the other one work meanwhile.
                return answer(client.change_log_reply(asked, page_size=page_size))

            # With this thread's context: what is logged while asking belongs to the same integration.
            return fetcher.submit(copy_context().run, persistently, fetch, patience, closing)

        position = dict(cursors)
        pending = ask(position)
        idle = 0
        while True:
            body = pending.result()
            before = dict(position)
            at_end = _advance(body, position)
            idle = 0 if position != before else idle + 1
            if idle > IDLE_PAGES_MAX:
                raise ContractError("the gateway sends page after page without moving its cursor")
            if not at_end:
                pending = ask(position)
            yield read_page(body)
            if at_end:
                return


@contextmanager
def _closing() -> Iterator[Event]:
    """An event set at the end of the block: whoever stops reading need not wait for calls to be repeated."""
    event = Event()
    try:
        yield event
    finally:
        event.set()


def _advance(body: etree._Element, position: dict[EntitySet, str]) -> bool:
    """Move the cursors to where the page ends; whether every set is at its end."""
    ended = 0
    for change_set in body.iterfind(_SETS):
        name = change_set.findtext(f"{{{NAMESPACE}}}Name") or ""
        known = next((entity_set for entity_set in position if entity_set.value == name), None)
        if known is not None:
            position[known] = change_set.findtext(f"{{{NAMESPACE}}}NextCursor") or ""
            ended += change_set.findtext(f"{{{NAMESPACE}}}AtEnd") in {"true", "1"}
    return ended == len(position)


def persistently(call: Callable[[], T], patience: Patience = PATIENCE, closing: Event | None = None) -> T:
    """The call's result, the call repeated with growing pauses while its error says that this may help.

    Raises CancelledError instead of repeating it once ``closing`` is set.
    """
    event = closing or Event()

    def pause(seconds: float) -> None:
        if event.wait(seconds):
            raise CancelledError

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Problem) and error.may_retry),
        stop=stop_after_attempt(patience.attempts),
        wait=wait_exponential(multiplier=patience.first_s, max=patience.longest_s) + wait_random(0, patience.first_s),
        sleep=pause,
        before_sleep=_tell,
        reraise=True,
    )
    return retrying(call)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Problem):
        _log.warning("call_repeated", attempt=state.attempt_number, code=error.problem_code, reason=error.message)
