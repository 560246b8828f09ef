"""A page being made: who asks, in which language, what was typed; and its answer: a page, a way on, a form to be typed again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import Depends
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api import idempotency
from api.console import flash
from api.console.flash import Flash
from api.console.formats import Formats
from api.console.language import Words, language_of, words
from api.console.navigation import MENU, TABS
from api.console.posted import Posted
from api.console.problem_words import told
from api.console.templating import environment
from api.idempotency import Ticket
from api.identity import ADMIN, ANYONE, EDIT, FRESH, OPEN, READ, SYNC, Caller, engine_of, identify, now
from api.work import Work
from contracts.errors import Problem
from syncengine.desk.bearings import Bearings, bearings

THEMES: Final = ("auto", "light", "dark")
THEME_COOKIE: Final = "syncengine_theme"
_FORM: Final = "application/x-www-form-urlencoded"
_SEE_OTHER: Final = 303
_AGAIN: Final = 422


class Screen:
    """What a page's function is given. ``caller`` is known on every page but those anybody may see (``Visitor``)."""

    def __init__(
        self,
        request: Request,
        caller: Caller | None,
        posted: Posted,
        ticket: Ticket | None = None,
        at: datetime | None = None,
    ) -> None:
        self.request, self.engine, self.posted = request, engine_of(request), posted
        self._caller, self._ticket, self._answered, self._at = caller, ticket, False, at
        self.language = language_of(request, caller.language if caller else None)
        self.formats = Formats(self.language)
        self._: Words = words(self.language)

    @property
    def caller(self) -> Caller:
        """Who asks. Raises RuntimeError on a page that anybody may see."""
        if self._caller is None:
            raise RuntimeError("nobody is signed in on this page")
        return self._caller

    @property
    def at(self) -> datetime:
        """The present instant."""
        return self._at or (self._caller.at if self._caller else now(self.request))

    @property
    def path(self) -> str:
        """The address of this page with its query."""
        query = self.request.url.query
        return f"{self.request.url.path}?{query}" if query else self.request.url.path

    def address_of(self, page: str, integration_id: int | None) -> str:
        """The address of a page of an integration; '' when there is no such page, or no integration."""
        pages: frozenset[str] = getattr(self.request.app.state, "pages", frozenset())
        known = integration_id is not None and page in pages
        return page.replace("{integration_id}", str(integration_id)) if known else ""

    def show(self, template: str, *, status: int = 200, of: int | None = None, **context: Any) -> Response:
        """The page of a template; ``of`` is the integration it is about. Raises IntegrationUnknown."""
        with self.engine.store.reading() as session:
            around = bearings(session, of) if self._caller else Bearings(integration=None)
        answer = HTMLResponse(self.render(template, flash=flash.take(self.request), around=around, **context), status)
        flash.forget(self.request, answer)
        return answer

    def render(self, template: str, **context: Any) -> str:
        """A template as text."""
        known: dict[str, Any] = {
            "flash": None,
            "typed": self.posted,
            "wrong": {},
            "problem": None,
            "around": Bearings(integration=None),
        }
        return environment(self.language).get_template(template).render({**known, **self._surroundings(), **context})

    def _surroundings(self) -> dict[str, Any]:
        theme = self.request.cookies.get(THEME_COOKIE, "")
        pages: frozenset[str] = getattr(self.request.app.state, "pages", frozenset())
        return {
            "screen": self,
            "me": self._caller,
            "language": self.language,
            "theme": theme if theme in THEMES else THEMES[0],
            "now": self.at,
            "path": self.request.url.path,
            "MENU": MENU,
            "TABS": TABS,
            "here": self.path,
            "pages": pages,
        }

    @property
    def work(self) -> Work:
        """For functions of the API that write by themselves; such a page has no protection against a second click."""
        return Work(self.request, self.caller)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """The transaction of an order; ``done`` is its last statement. A second click gets the answer of the first one."""
        with self.engine.store.writing() as session:
            if self._ticket is not None:
                idempotency.begin(session, self._ticket, at=self.at)
            yield session
            if not self._answered:
                self.done(session, self.posted.back or "/")

    def audit(
        self, session: Session, action: str, subject: str | None = None, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Tell the audit log, as ``audit_log.record``."""
        self.work.audit(session, action, subject, detail)

    def done(self, session: Session, path: str, message: str = "", *, tone: str = "success") -> Response:
        """The end of ``writing``: on to another page, which shows the message."""
        answer = self.go(path, message, tone=tone)
        self._answered = True
        if self._ticket is not None:
            kept = {name: value for name, value in answer.headers.items() if name in {"location", "set-cookie"}}
            idempotency.keep(session, self._ticket, status=_SEE_OTHER, headers=kept, body=None)
        return answer

    def go(self, path: str, message: str = "", *, tone: str = "success", remedy: str = "") -> Response:
        """On to another page, which shows the message."""
        answer = RedirectResponse(path, _SEE_OTHER)
        if message:
            flash.leave(self.request, answer, Flash(text=message, tone=tone, remedy=remedy))
        return answer

    def again(self, template: str, problem: Problem, *, of: int | None = None, **context: Any) -> Response:
        """The form as it was typed (422), with what is wrong beside the field, or above the form."""
        what = told(problem, self.language)
        wrong = {what.field: what} if what.field else {}
        return self.show(template, status=_AGAIN, of=of, problem=what, wrong=wrong, **context)


async def _posted(request: Request) -> Posted:
    """The form that came along; anything but a form is an empty one."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in {"GET", "HEAD"} or kind != _FORM:
        return Posted()
    text = (await request.body()).decode("utf-8", "replace")
    posted = Posted(parse_qsl(text, keep_blank_values=True))
    # What is done about a refused order: back to its page, or kept until somebody has signed in again.
    request.state.back, request.state.posted = posted.back, posted
    return posted


_Posted = Annotated[Posted, Depends(_posted)]


def _asks(requires: Callable[[Request], Caller]) -> Any:
    async def screen(request: Request, posted: _Posted, caller: Caller = Depends(requires)) -> Screen:
        request.state.caller = caller
        ticket = None
        if posted.once:
            # A form that was changed after all is another order: the mark counts together with what was typed.
            digest = hashlib.sha256(posted.once.encode() + await request.body()).hexdigest()
            ticket = await idempotency.ticket(request, caller, digest)
        return Screen(request, caller, posted, ticket)

    return screen


def _visitor(request: Request, posted: _Posted) -> Screen:
    OPEN(request)
    return Screen(request, identify(request), posted)


Visitor = Annotated[Screen, Depends(_visitor)]
"""Anybody, signed in or not."""
FreshScreen = Annotated[Screen, Depends(_asks(FRESH))]
"""Somebody signed in, even with a password that is to be changed."""
AnyScreen = Annotated[Screen, Depends(_asks(ANYONE))]
ReadScreen = Annotated[Screen, Depends(_asks(READ))]
SyncScreen = Annotated[Screen, Depends(_asks(SYNC))]
EditScreen = Annotated[Screen, Depends(_asks(EDIT))]
AdminScreen = Annotated[Screen, Depends(_asks(ADMIN))]
