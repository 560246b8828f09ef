"""``syncengine rights``: what users may do; everything until it is withdrawn (CRM-61)."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from syncengine.access import audit_log
from syncengine.access.actor import OPERATOR
from syncengine.commands.options import AsJson, now
from syncengine.commands.words import RIGHTS
from syncengine.crm import names, rights
from syncengine.crm.users import UserView, list_users
from syncengine.engine import opened
from syncengine.model import Right, User
from syncengine.screen import show_json, show_table

app = typer.Typer(no_args_is_help=True, help="The rights of the users of the CRM; all are granted until withdrawn.")

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The user.")]
OneRight = Annotated[Right, typer.Argument(metavar="RIGHT", help=f"One of {', '.join(Right)}.")]


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List the users with the rights withdrawn from each."""
    with opened() as engine, engine.store.reading() as session:
        found = list_users(session)
    if as_json:
        show_json(found)
    else:
        show_table(("Utilisateur", "Nom", "Actif", "Droits retirés"), map(_row, found))


@app.command()
def withdraw(login: Login, right: OneRight, *, as_json: AsJson = False) -> None:
    """Take a right from a user."""
    with opened() as engine, engine.store.writing() as session:
        user = names.user(session, login)
        rights.withdraw(session, user.id, right, at=now())
        _audit(session, "user.right_withdrawn", user, right, granted=False)
    _tell(login, right, granted=False, as_json=as_json)


@app.command()
def grant(login: Login, right: OneRight, *, as_json: AsJson = False) -> None:
    """Give a right back to a user."""
    with opened() as engine, engine.store.writing() as session:
        user = names.user(session, login)
        rights.grant(session, user.id, right)
        _audit(session, "user.right_granted", user, right, granted=True)
    _tell(login, right, granted=True, as_json=as_json)


def _audit(session: Session, action: str, user: User, right: Right, *, granted: bool) -> None:
    detail = {right.value: [not granted, granted]}
    audit_log.record(session, OPERATOR, action, f"user/{user.id}", detail, at=now())


def _tell(login: str, right: Right, *, granted: bool, as_json: bool) -> None:
    if as_json:
        show_json({"login": login, "right": right, "granted": granted})
    else:
        typer.echo(f"{login} : {RIGHTS[right]} {'accordé' if granted else 'retiré'}")


def _row(user: UserView) -> tuple[object, ...]:
    return user.login, user.name, user.active, ", ".join(RIGHTS[right] for right in user.withdrawn)
