"""``syncengine user``: what the API does for users, sessions and keys, typed on the machine itself."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from syncengine.access import keys, sessions, users
from syncengine.access.logins import Attempt, LockOut, sign_in
from syncengine.access.sessions import Lasting, Place
from syncengine.cycle.run import utc_now
from syncengine.errors import SignInRefused
from syncengine.settings import settings_from
from syncengine.storage.store import Store
from tests.api.hashing import quick_hashes
from tests.syncengine.commanding import Run

__all__ = ["quick_hashes"]

SETTINGS = settings_from({})


def _enter(store: Store, password: str) -> None:
    attempt = Attempt(login="claire", password=SecretStr(password), place=Place())
    sign_in(store, attempt, lasting=Lasting.by(SETTINGS), lock_out=LockOut.by(SETTINGS), at=utc_now())


@pytest.mark.req("CRM-55")
def test_a_user_is_made_changed_and_given_a_password(run: Run, store: Store) -> None:
    made = run("user", "create", "Claire", "--name", "Claire Martin", "--types", "de, FA", "--json")
    _enter(store, made.json["password"])
    (listed,) = run("user", "list", "--json").json
    assert (listed["login"], listed["document_types"], listed["administrator"]) == ("claire", ["DE", "FA"], False)
    assert "claire" in run("user", "list", "--text", "martin").out

    changed = run("user", "modify", "claire", "--types", "all", "--administrator", "--email", "c@example.com", "--json")
    assert sorted(changed.json["changed"]) == ["administrator", "document_types", "email"]
    assert run("user", "modify", "claire", "--no-active").problem == "last_administrator"
    assert run("user", "modify", "personne", "--no-active").problem == "unknown_user"
    assert run("user", "create", "claire", "--name", "x").problem == "login_in_use"

    for _ in range(5):
        with pytest.raises(SignInRefused):
            _enter(store, "faux")
    handed = run("user", "password", "claire")
    assert "seule fois" in handed.err
    _enter(store, handed.out.split(" : ")[1].strip())  # no longer locked out
    assert len(run("user", "sessions", "claire", "--json").json) == 1
    assert run("user", "sessions", "claire", "--end").out == "claire : 1 session(s) fermée(s)\n"
    assert run("user", "sessions", "claire", "--json").json == []
    with store.reading() as session:
        assert users.by_login(session, "claire")
        assert sessions.list_sessions(session, 1, lasting=Lasting.by(SETTINGS), at=utc_now()) == []


@pytest.mark.req("CRM-61")
def test_keys_and_rights_are_given_and_taken_and_the_audit_log_tells(run: Run, store: Store) -> None:
    run("user", "create", "robot", "--name", "Robot")
    made = run(
        "user", "create-key", "robot", "ETL", "--scope", "read", "--scope", "sync", "--days", "30", "--json"
    ).json
    with store.reading() as session:
        assert keys.identify(session, made["key"], at=utc_now()) is not None
    assert made["key"] not in run("user", "keys", "--of", "robot", "--json").out
    assert run("user", "create-key", "robot", "chef", "--scope", "admin").problem == "scope_beyond_user"
    assert run("user", "revoke-key", str(made["id"])).out == "clé n° 1 révoquée\n"
    assert run("user", "revoke-key", "99").problem == "key_unknown"
    with store.reading() as session:
        assert keys.identify(session, made["key"], at=utc_now()) is None
    assert run("rights", "withdraw", "robot", "reassign").code == 0
    assert run("rights", "grant", "robot", "reassign").code == 0

    events = run("user", "events", "--limit", "2", "--json").json
    assert [event["action"] for event in events["items"]] == ["user.right_granted", "user.right_withdrawn"]
    older = run("user", "events", "--after", str(events["after"]), "--json").json["items"]
    assert [event["action"] for event in older] == ["api_key.revoked", "api_key.created", "user.created"]
    assert {event["actor"] for event in older} == {"operator"}
