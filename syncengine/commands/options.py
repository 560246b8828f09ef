"""What commands take alike: options and arguments, who acts, and how a record is named."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from sqlalchemy.orm import Session

from syncengine.crm import names
from syncengine.cycle.act import Act
from syncengine.errors import InputRefused, Interrupted

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Name of the integration; not needed when there is only one.")
]
OfIntegration = Annotated[
    str | None, typer.Option("--integration", help="Name of the integration; not needed when there is only one.")
]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="LOGIN", help="Who acts: a user of the CRM, whose rights count; else the operator."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
Which = Annotated[str, typer.Argument(metavar="COMPANY", help="Code comptable, or id:NUMBER of the Société.")]
Tiers = Annotated[str, typer.Argument(metavar="TIERS", help="Code comptable of the tiers, or id:NUMBER of its fiche.")]
Values = Annotated[
    list[str], typer.Argument(metavar="FIELD=VALUE...", help="Fields by name or French label; nothing after = empties.")
]
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")]
After = Annotated[int, typer.Option(min=0, help="Continue: what the page before ended with.")]

LIMIT: Final = 100
_BY_NUMBER: Final = "id:"


def named(text: str) -> str | int:
    """A record as it is named on the command line: 'id:12' → 12, anything else is a code. Raises InputRefused."""
    if not text.startswith(_BY_NUMBER):
        return text
    digits = text.removeprefix(_BY_NUMBER)
    if not digits.isascii() or not digits.isdecimal():
        raise InputRefused(f"{text} is no number", remedy="Write id:12, or a code comptable.")
    return int(digits)


def acting(session: Session, login: str | None) -> Act:
    """Who acts, and when: now. Raises InputRefused for a login that is nobody's."""
    return Act(at=now(), by=None if login is None else names.user(session, login).login)


def now() -> datetime:
    """The present instant, aware."""
    return datetime.now(UTC)


def confirm(question: str, *, yes: bool) -> None:
    """Ask at a terminal before something that is not taken back easily; elsewhere --yes is needed. Raises InputRefused."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputRefused(
            f"not confirmed: {question}", code="not_confirmed", remedy="Say --yes if it is what you want."
        )
    try:
        sure = typer.confirm(question, err=True)
    except typer.Abort:
        raise Interrupted("stopped by hand; nothing was written") from None
    if not sure:
        raise InputRefused(f"not confirmed: {question}", code="not_confirmed", remedy="Nothing was written.")
