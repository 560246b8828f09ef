"""Whatever an update says, the base reads back what was sent as the ERP stores it, and the version is that of what was read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from contracts.client import GatewayClient
from contracts.fault_codes import RESULT_CODES
from contracts.fields import ABSENT, Field, Record
from contracts.stored import clean
from contracts.tables import ADDRESS, CONTACT, TIERS
from gateway.database import writing
from gateway.sage import P_CATTARIF
from tests.gateway.base import make_base
from tests.gateway.live import live_gateway
from tests.gateway.writes import deliveries, execute, now, tiers_of, update

TEXTS = ("short_name", "contact_person", "web_site", "naf_code", "siret", "phone", "fax", "email")
CHOICES: dict[str, tuple[str, ...]] = {
    "currency": ("0",),
    "language": ("0", "1", "2"),
    "accounting_category": ("1", "3"),
    "price_category": ("2", "4"),
    "representative": ("1", "2"),
}
FIRST = {"currency": "0", "language": "0", "accounting_category": "1", "price_category": "2", "representative": ""}
PLACE = ("street", "complement", "postcode", "town", "region", "country")
PERSON = ("function", "phone", "mobile", "fax", "email")
LETTERS = st.characters(codec="cp1252", exclude_categories=("Cc", "Cs", "Cf")) | st.sampled_from("Łőœ日\u202f  -.")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayClient]:
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_server").new_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('base') / 'sage.db'}"
    base = make_base(url)
    with writing(base) as connection:
        connection.execute(insert(P_CATTARIF), [{"cbIndice": n, "CT_Intitule": f"Tarif {n}"} for n in (2, 4)])
    with live_gateway(base) as live, live.client() as client:
        yield client
    base.dispose()


def _text(field: Field, *, least: int = 0) -> st.SearchStrategy[str | None]:
    words = st.text(LETTERS, max_size=(field.length or 35) // 2)  # a likeness may be two characters long
    return words.filter(lambda text: len(clean(text)) >= least).map(lambda text: text or None)


def _values(struct: Any, names: tuple[str, ...]) -> dict[str, st.SearchStrategy[Any]]:
    return {name: _text(struct.field(name)) for name in names}


def _choices() -> dict[str, st.SearchStrategy[Any]]:
    return {name: st.sampled_from((None, *values)) for name, values in CHOICES.items()}


HEAD = st.fixed_dictionaries(
    {"name": _text(TIERS.field("name"), least=1)},
    optional={**_values(TIERS, TEXTS), **_choices(), "dormant": st.booleans()},
)
BILLING = st.fixed_dictionaries({"kind": st.just("billing")}, optional=_values(ADDRESS, PLACE))
DELIVERY = st.fixed_dictionaries({"kind": st.just("delivery")}, optional=_values(ADDRESS, ("title", *PLACE)))
CONTACT_VALUES = st.fixed_dictionaries(
    {"last_name": _text(CONTACT.field("last_name"), least=1), "first_name": _text(CONTACT.field("first_name"))},
    optional=_values(CONTACT, PERSON),
)


def _apart(items: list[dict[str, Any]], *names: str) -> bool:
    keys = [tuple(clean(item.get(name) or "").casefold() for name in names) for item in items]
    said = [key for key in keys if any(key)]
    return len(set(said)) == len(said)


ADDRESSES = st.tuples(BILLING, st.lists(DELIVERY, max_size=3).filter(lambda items: _apart(items, "title")))
CONTACTS = st.lists(CONTACT_VALUES, max_size=3).filter(lambda items: _apart(items, "last_name", "first_name"))


def _stored(attr: str, value: Any, before: Any) -> Any:
    if isinstance(value, bool):
        return value
    if (value or None) == (before or None) and attr not in FIRST:
        return before
    text = clean(value or "")
    if attr == "siret":
        text = re.sub(r"[\s.\-]", "", text)
    return text or FIRST.get(attr) or None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(head=HEAD, addresses=st.none() | ADDRESSES, contacts=st.none() | CONTACTS, keep=st.integers(0, 3))
@pytest.mark.req("CRM-37", "CRM-38", "CRM-39", "CRM-45")
def test_what_is_sent_is_read_back(
    client: GatewayClient, head: dict[str, Any], addresses: Any, contacts: Any, keep: int
) -> None:
    present = tiers_of(client)
    said = dict(head)
    if addresses is not None:
        said["addresses"] = [ADDRESS.record(**addresses[0]), *_keyed(addresses[1], deliveries(present), keep)]
    if contacts is not None:
        said["contacts"] = _keyed(contacts, present.many("contacts"), keep)

    (result,) = execute(client, update(present, **said))

    assert result.text("status") == "done", result
    after = now(result)
    assert after == tiers_of(client)
    assert result.text("version") == after.text("version")
    _assert_values(said, after, present)
    if addresses is None:
        assert deliveries(after) == deliveries(present)
    else:
        _assert_children(said["addresses"][1:], deliveries(after), deliveries(present))
    if contacts is None:
        assert after["contacts"] == present["contacts"]
    else:
        _assert_children(said["contacts"], after.many("contacts"), present.many("contacts"))
    assert (after == present) == (result.text("version") == present.text("version"))


def _keyed(items: list[dict[str, Any]], present: list[Record], keep: int) -> list[Record]:
    """The first of them are given the keys of children that are there; the others are new."""
    struct = CONTACT if items and "last_name" in items[0] else ADDRESS
    keys = [one.text("key") for one in present][:keep]
    return [
        struct.record(**item, key=keys[at]) if at < len(keys) else struct.record(**item)
        for at, item in enumerate(items)
    ]


def _assert_values(said: dict[str, Any], after: Record, before: Record) -> None:
    for attr, value in said.items():
        if attr not in {"addresses", "contacts"}:
            assert (after[attr] or None) == (_stored(attr, value, before[attr]) or None), attr


def _assert_children(said: list[Record], after: list[Record], before: list[Record]) -> None:
    was = {one.text("key"): one for one in before}
    there = {one.text("key"): one for one in after}
    given_keys = [one.text("key") for one in said if one.text("key")]
    # Numbers only grow: those without a key come after the others, in the order they were sent.
    made = [key for key in there if key not in given_keys]
    assert set(there) == {*given_keys, *made}
    assert len(after) == len(said)
    fresh = iter(made)
    for one in said:
        key = one.text("key") or next(fresh)
        for attr, value in one.items():
            if value is ABSENT or attr in {"key", "kind"}:
                continue
            if attr == "title" and not clean(value or ""):  # type: ignore[arg-type]
                assert there[key].text("title")
                continue
            then = was[key][attr] if key in was else None
            assert (there[key][attr] or None) == (_stored(attr, value, then) or None), attr
    titles = [one.text("title").casefold() for one in after if one.of is ADDRESS]
    assert len(set(titles)) == len(titles)


def test_every_code_of_the_table_is_one_a_result_can_have() -> None:
    sources = [path.read_text("utf-8") for path in (Path(__file__).parents[2] / "gateway").glob("*.py")]
    assert [known.code for known in RESULT_CODES if not any(f'"{known.code}"' in text for text in sources)] == []
    assert len({known.code for known in RESULT_CODES}) == len(RESULT_CODES)
