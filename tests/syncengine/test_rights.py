"""Rights of users: all granted until withdrawn (CRM-61)."""

from __future__ import annotations

import pytest

from syncengine.crm.rights import allowed, grant, require, withdraw
from syncengine.model import Right, User
from syncengine.storage.store import Store
from tests.syncengine.conftest import NOW
from tests.syncengine.tied import refusal


@pytest.mark.req("CRM-61")
def test_every_right_is_granted_and_each_can_be_withdrawn_and_given_back(store: Store) -> None:
    with store.writing() as session:
        users = [
            User(login=login, name=login, created_at=NOW, active=login != "parti") for login in ("un", "deux", "parti")
        ]
        session.add_all(users)
        session.flush()
        one, two, gone = (user.id for user in users)
        for right in Right:
            assert [allowed(session, user, right) for user in (None, one, two, gone, 99)] == [
                *(True, True, True, False, False),
            ]
            withdraw(session, one, right, at=NOW)
            withdraw(session, one, right, at=NOW)
            assert not allowed(session, one, right)
            assert allowed(session, two, right)
            require(session, two, right)
        grant(session, one, Right.BREAK_LINK)
        grant(session, one, Right.BREAK_LINK)
        assert [right for right in Right if allowed(session, one, right)] == [Right.BREAK_LINK]

    problem = refusal(store, lambda session: require(session, one, Right.CREATE_TIERS))
    assert (problem.problem_code, problem.field) == ("right_withdrawn", "create_tiers")
    problem = refusal(store, lambda session: withdraw(session, 99, Right.REASSIGN, at=NOW))
    assert problem.problem_code == "unknown_user"
