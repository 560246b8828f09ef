"""Conflits: both values and the common one side by side, decided one by one or all that were counted (NEW-03)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select
from starlette.testclient import TestClient

from syncengine.model import Account, Conflict, ConflictState, Link
from tests.api.clients import person
from tests.console.browser import looking
from tests.console.prepared import Prepared

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def parked(console: Prepared) -> Iterator[list[int]]:
    """Two fields of two tiers that both sides changed, gone again afterwards."""
    with console.engine.store.writing() as session:
        pairs = session.execute(
            select(Link, Account).join(Account, Account.id == Link.local_id).where(Link.id.in_((41, 42)))
        )
        rows = [
            Conflict(
                integration_id=console.integration_id,
                link_id=link.id,
                field="contact_person",
                crm_value=account.contact_person,
                base_value="Base",
                erp_value=f"{HOSTILE[:20]} {link.id}",
                rule="asked",
                opened_at=datetime(2026, 1, 2, tzinfo=UTC),
            )
            for link, account in pairs
        ]
        session.add_all(rows)
        session.flush()
        ids = [row.id for row in rows]
    yield ids
    with console.engine.store.writing() as session:
        session.query(Conflict).filter(Conflict.id.in_(ids)).delete()


def _path(console: Prepared) -> str:
    return f"/integrations/{console.integration_id}/conflicts"


def _found(console: Prepared, number: int) -> Conflict:
    with console.engine.store.reading() as session:
        found = session.get_one(Conflict, number)
        session.expunge(found)
        return found


@pytest.fixture
def claire(console: Prepared) -> TestClient:
    return person(console.app, "claire")


@pytest.mark.req("NEW-03")
def test_all_three_values_are_side_by_side(console: Prepared, claire: TestClient, parked: list[int]) -> None:
    page = claire.get(_path(console)).text
    assert page.count("&lt;img src=x onerror") == 2
    assert "<img src=x" not in page
    assert "2 conflits" in page
    one = claire.get(f"{_path(console)}/{parked[0]}").text
    assert [one.count(f'name="order" value="{take}"') for take in ("crm", "base", "erp", "own")] == [1, 1, 1, 1]
    lines = claire.get(_path(console), params={"format": "csv"}).text.splitlines()
    assert len(lines) == 3


@pytest.mark.req("NEW-03")
def test_decided_in_bulk_only_as_many_as_were_counted(console: Prepared, claire: TestClient, parked: list[int]) -> None:
    order = {"order": "erp", "all": "1", "state": "", "tiers": "", "field": ""}
    claire.post(f"{_path(console)}/resolutions", data=order | {"counted": "1", "confirmation": "1"})
    assert _found(console, parked[0]).state is ConflictState.OPEN
    claire.post(f"{_path(console)}/resolutions", data=order | {"counted": "2", "confirmation": "2"})
    assert "Conflits tranchés : 2." in claire.get(_path(console)).text
    assert {(_found(console, number).state, _found(console, number).closed_by) for number in parked} == {
        (ConflictState.RESOLVED, "claire")
    }
    with console.engine.store.reading() as session:
        taken = session.scalars(
            select(Account.contact_person).join(Link, Link.local_id == Account.id).where(Link.id == 41)
        )
        assert taken.one() == f"{HOSTILE[:20]} 41"


@pytest.mark.req("NEW-03")
def test_a_value_of_ones_own_is_checked_beside_its_field(
    console: Prepared, browser: Browser, parked: list[int]
) -> None:
    with looking(browser, console.url, [console.session("paul", administrator=False)]) as page:
        page.goto(f"{_path(console)}/{parked[1]}")
        page.get_by_label("Interlocuteur").fill("y" * 200)
        page.get_by_role("button", name="Prendre cette valeur").click()
        assert page.get_by_label("Interlocuteur").input_value() == "y" * 200
        assert page.locator("#own-wrong").inner_text()
        page.get_by_label("Interlocuteur").fill("Service achats")
        page.get_by_role("button", name="Prendre cette valeur").click()
        page.get_by_text("Tranché.").first.wait_for()
    assert _found(console, parked[1]).state is ConflictState.RESOLVED
