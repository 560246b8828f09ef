"""``syncengine user``: who may sign in, with which password, sessions and keys; what was done is in the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from syncengine.access import audit_log, keys, passwords, sessions, users
from syncengine.access.actor import OPERATOR
from syncengine.access.audit_log import Search
from syncengine.access.keys import KeyOrder
from syncengine.access.scopes import Scope
from syncengine.access.sessions import Lasting
from syncengine.access.users import UserDraft
from syncengine.commands.answers import tell
from syncengine.commands.options import LIMIT, After, AsJson, Limit, now
from syncengine.commands.pages import page_of, show_page
from syncengine.core.refusals import refused
from syncengine.engine import opened
from syncengine.model import ApiKey, AuditEvent, User, UserSession
from syncengine.screen import show_json, show_table

app = typer.Typer(no_args_is_help=True, help="The users of the CRM: passwords, sessions, API keys, audit log.")

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The user.")]
Email = Annotated[str | None, typer.Option(help="E-mail address; nothing empties it.")]
Language = Annotated[str | None, typer.Option(help="fr or en; else what the browser asks for.")]
Types = Annotated[
    str | None, typer.Option("--types", help="Types of document the user sees, as DE,BC,FA; 'all' for every one.")
]


@app.command("list")
def list_all(
    *, text: Annotated[str | None, typer.Option(help="Words of login, name or e-mail.")] = None, as_json: AsJson = False
) -> None:
    """List the users."""
    with opened() as engine, engine.store.reading() as session:
        found = users.list_users(session, text=text, limit=None)
    if as_json:
        show_json([_facts(user) for user in found])
    else:
        show_table(("Utilisateur", "Nom", "E-mail", "Administrateur", "Actif"), map(_row, found))


@app.command()
def create(
    login: Login,
    *,
    name: Annotated[str, typer.Option(help="Name and first name.")],
    email: Email = None,
    administrator: Annotated[bool, typer.Option("--administrator", help="May do everything.")] = False,
    language: Language = None,
    types: Types = None,
    as_json: AsJson = False,
) -> None:
    """Make a user; the password for the first sign-in is shown once."""
    draft = UserDraft(
        login=login,
        name=name,
        email=email,
        administrator=administrator,
        language=language,
        document_types=_types(types),
    )
    one_time = passwords.one_time()
    with opened() as engine, engine.store.writing() as session:
        user = users.create(session, draft, one_time, at=now())
        _audit(session, "user.created", user, {"login": [None, user.login]})
    _show_password(user.login, one_time.password.get_secret_value(), as_json=as_json)


@app.command()
def modify(
    login: Login,
    *,
    name: Annotated[str | None, typer.Option(help="Name and first name.")] = None,
    email: Email = None,
    administrator: Annotated[bool | None, typer.Option(help="May do everything, or not.")] = None,
    active: Annotated[bool | None, typer.Option(help="May sign in, or not.")] = None,
    language: Language = None,
    types: Types = None,
    as_json: AsJson = False,
) -> None:
    """Change a user; who is deactivated is signed out everywhere."""
    said = {"name": name, "email": email, "administrator": administrator, "active": active, "language": language}
    values: dict[str, Any] = {field: value for field, value in said.items() if value is not None}
    if types is not None:
        values["document_types"] = _types(types)
    with opened() as engine, engine.store.writing() as session:
        user = _user(session, login)
        changed = users.modify(session, user, values)
        if changed:
            _audit(session, "user.changed", user, changed)
    tell(
        {"login": user.login, "changed": changed},
        f"{user.login} : {', '.join(changed) or 'rien à changer'}",
        as_json=as_json,
    )


@app.command()
def password(login: Login, *, as_json: AsJson = False) -> None:
    """A new password for one sign-in, shown once: signs the user out everywhere and ends a lock-out."""
    one_time = passwords.one_time()
    with opened() as engine, engine.store.writing() as session:
        user = _user(session, login)
        users.reset(session, user, one_time)
        _audit(session, "user.password_reset", user)
    _show_password(user.login, one_time.password.get_secret_value(), as_json=as_json)


@app.command("sessions")
def list_sessions(
    login: Login,
    *,
    end: Annotated[bool, typer.Option("--end", help="Sign the user out everywhere.")] = False,
    as_json: AsJson = False,
) -> None:
    """Where a user is signed in; with --end nowhere any more."""
    with opened() as engine:
        if end:
            with engine.store.writing() as session:
                user = _user(session, login)
                count = sessions.end_all(session, user.id)
                _audit(session, "session.all_ended", user, {"sessions": count})
            tell({"login": user.login, "ended": count}, f"{user.login} : {count} session(s) fermée(s)", as_json=as_json)
            return
        with engine.store.reading() as session:
            of = _user(session, login).id
            found = sessions.list_sessions(session, of, lasting=Lasting.by(engine.settings), at=now())
    if as_json:
        show_json([_session_facts(one) for one in found])
    else:
        show_table(
            ("Depuis", "Vu", "Adresse", "Navigateur"), ((s.created_at, s.seen_at, s.address, s.agent) for s in found)
        )


@app.command("keys")
def list_keys(
    *,
    login: Annotated[
        str | None, typer.Option("--of", metavar="LOGIN", help="Only keys that act for this user.")
    ] = None,
    limit: Limit = LIMIT,
    after: After = 0,
    as_json: AsJson = False,
) -> None:
    """List the API keys, the newest first, without their secrets."""
    with opened() as engine, engine.store.reading() as session:
        of = None if login is None else _user(session, login).id
        found = keys.list_keys(session, of, limit=limit + 1, before_id=after or None)
    page = page_of([_key_facts(key) for key in found], limit, lambda key: int(key["id"]))
    show_page(page, ("N°", "Nom", "Préfixe", "Portée", "Fin", "Dernier emploi", "Révoquée"), _key_row, as_json=as_json)


@app.command("create-key")
def create_key(
    login: Login,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    *,
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeat for several.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=730, help="How long it lasts; else until it is revoked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key that acts for a user; its text is shown once."""
    at = now()
    order = KeyOrder(name=name, scopes=frozenset(scope), expires_at=None if days is None else at + timedelta(days=days))
    with opened() as engine, engine.store.writing() as session:
        key, text = keys.create(session, _user(session, login), order, at=at)
        detail = {"name": key.name, "scopes": key.scopes}
        audit_log.record(session, OPERATOR, "api_key.created", f"api_key/{key.id}", detail, at=at)
        facts = _key_facts(key)
    if as_json:
        show_json({**facts, "key": text.get_secret_value()})
        return
    typer.echo(text.get_secret_value())
    typer.echo("Affichée cette seule fois.", err=True)


@app.command("revoke-key")
def revoke_key(
    number: Annotated[int, typer.Argument(metavar="KEY", help="Its number in `user keys`.")], *, as_json: AsJson = False
) -> None:
    """End an API key at once."""
    with opened() as engine, engine.store.writing() as session:
        key = keys.find(session, number)
        keys.revoke(session, key, at=now())
        audit_log.record(session, OPERATOR, "api_key.revoked", f"api_key/{key.id}", {"name": key.name}, at=now())
    tell({"id": number, "revoked": True}, f"clé n° {number} révoquée", as_json=as_json)


@app.command("events")
def list_events(
    *,
    actor: Annotated[str | None, typer.Option(help="A login, key:NAME, or operator.")] = None,
    action: Annotated[str | None, typer.Option(help="user.created, or a group: user.")] = None,
    subject: Annotated[str | None, typer.Option(help="user/3, integration/1, …")] = None,
    limit: Limit = LIMIT,
    after: After = 0,
    as_json: AsJson = False,
) -> None:
    """The audit log: who did what, the newest first."""
    search = Search(actor=actor, action=action, subject=subject)
    with opened() as engine, engine.store.reading() as session:
        found = audit_log.list_events(session, search, limit=limit + 1, before_id=after or None)
    page = page_of([_event_facts(event) for event in found], limit, lambda event: int(event["id"]))
    show_page(page, ("N°", "Le", "Qui", "Quoi", "Sur", "Détail"), _event_row, as_json=as_json)


def _user(session: Session, login: str) -> User:
    user = users.by_login(session, login)
    if user is None:
        raise refused(
            "unknown_user", "there is no user of that login", record=login, remedy="See `syncengine user list`."
        )
    return user


def _types(text: str | None) -> list[str] | None:
    if text is None or text == "all":
        return None
    return [word.strip().upper() for word in text.split(",") if word.strip()]


def _audit(session: Session, action: str, user: User, detail: dict[str, Any] | None = None) -> None:
    audit_log.record(session, OPERATOR, action, f"user/{user.id}", detail, at=now())


def _show_password(login: str, one_time: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"login": login, "password": one_time})
        return
    typer.echo(f"{login} : {one_time}")
    typer.echo("Affiché cette seule fois ; à changer à la première connexion.", err=True)


def _facts(user: User) -> dict[str, Any]:
    return {"login": user.login} | {field: getattr(user, field) for field in users.FIELDS}


def _row(user: User) -> tuple[object, ...]:
    return user.login, user.name, user.email, user.administrator, user.active


def _session_facts(found: UserSession) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("id", "created_at", "seen_at", "expires_at", "address", "agent")}


def _key_facts(key: ApiKey) -> dict[str, Any]:
    names = ("id", "name", "prefix", "scopes", "expires_at", "used_at", "revoked_at")
    return {name: getattr(key, name) for name in names}


def _key_row(key: dict[str, Any]) -> tuple[object, ...]:
    return tuple(" ".join(value) if isinstance(value, list) else value for value in key.values())


def _event_facts(event: AuditEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in ("id", "at", "actor", "action", "subject", "detail")}


def _event_row(event: dict[str, Any]) -> tuple[object, ...]:
    return tuple(event.values())
