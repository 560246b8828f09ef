"""Whatever people enter, in whatever order: Company and Account agree, what travels is marked, what was there is in the journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.core.marker import MARKER
from syncengine.crm import edits
from syncengine.crm.alignment import differences
from syncengine.cycle.crm_rows import load_rows
from syncengine.errors import InputRefused
from syncengine.model import Address, AssignmentRule, Base, Contact, Email, JournalEntry, Link, Phone
from syncengine.storage.bulk import Bulk
from syncengine.storage.store import Store
from tests.syncengine.tied import ACT, Tied, get, tied
from tests.syncengine.world import ENTITY, UNJOURNALLED, unexplained

WORDS = st.sampled_from(("", None, "BIJOU SA", "Martin", "Luc", "Dépôt", "dépôt", "01", MARKER))
ODD = st.one_of(st.sampled_from((" ", "x" * 80, "a\x07", "Ł ☃", f"{MARKER}02")), st.text(max_size=8))
NUMBERS = st.one_of(st.sampled_from((MARKER, f"{MARKER}02", "", None, "01", "02")), ODD)
CODE = st.sampled_from(("", None, "0", "1", "2", "7", "8", "9"))


def few(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Values for one to three of these fields: one that is refused takes all with it."""
    some = [st.tuples(st.just(name), values) for name, values in fields.items()]
    return st.lists(st.one_of(some), min_size=1, max_size=3).map(dict)


def texts(*names: str) -> dict[str, st.SearchStrategy[Any]]:
    return dict.fromkeys(names, st.one_of(WORDS, WORDS, WORDS, ODD))


COMPANY = few(
    texts("name", "short_name", "contact_person", "web_site", "siret", "payer")
    | dict.fromkeys(("phone", "fax", "email"), NUMBERS)
    | dict.fromkeys(("currency", "price_category", "language", "representative"), CODE)
    | {
        "status": st.sampled_from(("active", "inactive")),
        "company_type": st.sampled_from(("client", "prospect", "supplier", "partner")),
        "manager_id": st.sampled_from((None, 1, 2)),
    }
)
CONTACT = few(
    texts("last_name", "first_name", "function")
    | dict.fromkeys(("phone", "mobile", "fax", "email"), NUMBERS)
    | {"civility": st.sampled_from(("M", "MME", "", "DR")), "service": CODE}
)
NEW_CONTACT = st.builds(dict.__or__, st.sampled_from("ABC").map(lambda name: {"last_name": name}), CONTACT)
ADDRESS = few(texts("title", "street", "complement", "postcode", "town", "region", "country"))
WHICH = st.integers(min_value=0, max_value=2)
ON_CONTACT = ("remove_contact", "set_default_contact", "share_main_address")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit_company"), COMPANY),
        st.tuples(st.just("add_contact"), NEW_CONTACT),
        st.tuples(st.just("edit_contact"), WHICH, CONTACT),
        st.tuples(st.sampled_from(ON_CONTACT), WHICH),
        st.tuples(st.just("set_contact_address"), WHICH, WHICH),
        st.tuples(st.just("add_address"), ADDRESS),
        st.tuples(st.just("edit_address"), WHICH, ADDRESS),
        st.tuples(st.sampled_from(("remove_address", "set_default_address")), WHICH),
    ),
    min_size=3,
    max_size=10,
)
RULES = st.sampled_from(tuple(AssignmentRule))


@pytest.mark.req("CRM-28", "CRM-33")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, manager_rule=RULES, representative_rule=RULES)
def test_after_any_edit_both_agree_and_the_mark_says_whether_something_is_to_be_sent(
    store: Store, steps: list[Any], manager_rule: AssignmentRule, representative_rule: AssignmentRule
) -> None:
    with store.sessions() as session:
        made = tied(session, manager_rule=manager_rule, representative_rule=representative_rule)
        edits.add_contact(session, made.company, {"last_name": "Deux"}, ACT)
        for step in steps:
            _check_step(session, made, step)
        session.rollback()


def _check_step(session: Session, made: Tied, step: Any) -> None:
    get(session, Link, made.link).changed_at = None
    session.flush()
    before, cells = travelling(session, made), seen(session)
    told = len(session.scalars(select(JournalEntry.id)).all())
    try:
        done = _do(session, made, step)
    except InputRefused:
        done = None
    changed = travelling(session, made) != before
    if done is None:
        assert (changed, seen(session), _told(session, told)) == (False, cells, []), "a refused edit wrote something"
    assert (get(session, Link, made.link).changed_at is not None) is changed
    assert done is None or done.marked is changed
    assert done is None or bool(done.changed) is (seen(session) != cells or changed or _told(session, told) != [])
    assert differences(session, made.company) == []
    assert unexplained(cells, seen(session), _told(session, told)) == []
    _check_children(session, made)


def _told(session: Session, before: int) -> list[JournalEntry]:
    return list(session.scalars(select(JournalEntry).order_by(JournalEntry.id)))[before:]


def _do(session: Session, made: Tied, step: Any) -> Any:
    name, *arguments = step
    act: Callable[..., Any] = getattr(edits, name)
    if name in {"edit_company", "add_contact", "add_address"}:
        values = arguments[0]
        if "manager_id" in values:
            values = values | {"manager_id": {1: made.manager, 2: made.other_manager}.get(values["manager_id"])}
        return act(session, made.company, values, ACT)
    entity = Address if name.endswith("address") and not name.startswith(("set_contact", "share")) else Contact
    first = pick(session, entity, arguments[0])
    rest = [pick(session, Address, arguments[1])] if name == "set_contact_address" else arguments[1:]
    return act(session, first, *rest, ACT)


def pick(session: Session, entity: type[Any], which: int) -> int:
    """The id of one of the rows, or of none."""
    ids = session.scalars(select(entity.id).order_by(entity.id)).all()
    return ids[which] if which < len(ids) else 0


def travelling(session: Session, made: Tied) -> dict[str, Any]:
    """What of the Account is sent, as the cycle will read it."""
    session.flush()
    snapshot = load_rows(Bulk(session.connection()), [made.account])[made.account].snapshot()
    assert {"payer", "free_fields"} & {name for name, value in snapshot.items() if value} == set()
    return snapshot


def seen(session: Session) -> dict[tuple[str, int, str], Any]:
    """Every value of the records that people see, by table, id and column."""
    session.flush()
    return {
        (table, row.id, column): str(value) if column == "manager_id" else value
        for table in ENTITY
        for row in session.execute(select(Base.metadata.tables[table]))
        for column, value in row._mapping.items()
        if column not in UNJOURNALLED
    }


def _check_children(session: Session, made: Tied) -> None:
    """One default address and contact, numbers of one kind once, all of them the tiers' own; the Account's columns are the rows."""
    owner = {(made.company, made.account)}
    tables: tuple[type[Any], ...] = (Address, Contact, Phone, Email)
    for entity in tables:
        rows = session.scalars(select(entity)).all()
        assert {(row.company_id, row.account_id) for row in rows} <= owner
        if entity in (Address, Contact):
            assert sum(row.is_default for row in rows) == min(len(rows), 1)
        else:
            assert len({(row.contact_id, row.kind) for row in rows}) == len(rows)
    account = next(session.execute(select(Base.metadata.tables["accounts"]).filter_by(id=made.account)).mappings())
    phones = {row.kind.value: row.number for row in session.scalars(select(Phone).where(Phone.contact_id.is_(None)))}
    emails = [row.address for row in session.scalars(select(Email).where(Email.contact_id.is_(None)))]
    assert (account["phone"], account["fax"]) == (phones.get("standard"), phones.get("fax"))
    assert (account["email"] or "") == "".join(emails)
    assert MARKER not in json.dumps([*phones.values(), *emails], ensure_ascii=False)
