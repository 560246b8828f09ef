"""Erreurs de synchronisation: why, what to do, and orders for one record or for all that were counted (CRM-49, CRM-50)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from syncengine.model import AuditEvent, Side, SyncError, SyncErrorState
from tests.api.clients import person
from tests.console.browser import looking
from tests.console.prepared import Prepared

HOSTILE = "<script>alert(1)</script>'; DROP TABLE sync_errors; --\u202e𝕏"


@pytest.fixture
def errors(console: Prepared) -> Any:
    """Three records of their own kind of error, gone again afterwards."""
    rows = [
        SyncError(
            integration_id=console.integration_id,
            entity="account",
            side=Side.ERP,
            erp_key=f"QZ{number:05}",
            code="too_long",
            field="Name",
            message=HOSTILE,
            state=SyncErrorState.OPEN,
            first_at=datetime(2025, 3, 4, 12, tzinfo=UTC),
            last_at=datetime(2025, 3, 5, 12, number, tzinfo=UTC),
        )
        for number in range(3)
    ]
    with console.engine.store.writing() as session:
        session.add_all(rows)
        session.flush()
        ids = [row.id for row in rows]
    yield ids
    with console.engine.store.writing() as session:
        session.query(SyncError).filter(SyncError.id.in_(ids)).delete()


def _state(console: Prepared, number: int) -> SyncErrorState:
    with console.engine.store.reading() as session:
        return session.get_one(SyncError, number).state


def _path(console: Prepared) -> str:
    return f"/integrations/{console.integration_id}/errors"


@pytest.fixture
def claire(console: Prepared) -> TestClient:
    return person(console.app, "claire")


@pytest.mark.req("CRM-49")
def test_each_says_why_and_what_to_do(console: Prepared, claire: TestClient, errors: list[int]) -> None:
    page = claire.get(_path(console), params={"text": "qz00"}).text
    assert "La valeur de « Intitulé » est trop longue pour Sage 100" in page
    assert "QZ00002" in page
    assert "DIAS00015" not in page.partition('id="list"')[2]
    sheet = claire.get(f"{_path(console)}/{errors[0]}").text
    assert "<script>alert(1)" not in sheet
    assert "&lt;script&gt;alert(1)" in sheet
    on_day, the_day_after = (claire.get(_path(console), params={"day": f"2025-03-0{day}"}).text for day in (4, 5))
    assert ("QZ00000" in on_day, "QZ00000" in the_day_after) == (True, False)


@pytest.mark.req("CRM-49")
def test_the_list_as_a_file_has_the_same_filter(console: Prepared, claire: TestClient, errors: list[int]) -> None:
    lines = claire.get(_path(console), params={"text": "qz00", "format": "csv"}).text.splitlines()
    assert lines[0].lstrip("\ufeff").startswith("Code comptable;")
    assert [line.partition(";")[0] for line in lines[1:]] == ["QZ00002", "QZ00001", "QZ00000"]


@pytest.mark.req("CRM-50")
def test_all_that_match_are_ordered_once_their_number_is_typed(
    console: Prepared, claire: TestClient, errors: list[int]
) -> None:
    order = {"order": "take_out", "all": "1", "text": "qz00", "counted": "3", "_back": _path(console)}
    refused = claire.post(f"{_path(console)}/orders", data=order | {"confirmation": "2"})
    assert (refused.status_code, _state(console, errors[0])) == (303, SyncErrorState.OPEN)
    changed = claire.post(f"{_path(console)}/orders", data=order | {"counted": "2", "confirmation": "2"})
    assert (changed.status_code, _state(console, errors[0])) == (303, SyncErrorState.OPEN)

    done = claire.post(f"{_path(console)}/orders", data=order | {"confirmation": "3"})
    assert done.status_code == 303
    assert "Fiches sorties de la synchronisation : 3." in claire.get(_path(console)).text
    assert {_state(console, number) for number in errors} == {SyncErrorState.TAKEN_OUT}
    # Put back, one of them, by its box.
    claire.post(f"{_path(console)}/orders", data={"order": "put_back", "ids": str(errors[1])})
    assert [_state(console, number) for number in errors] == [
        SyncErrorState.TAKEN_OUT,
        SyncErrorState.RETRY,
        SyncErrorState.TAKEN_OUT,
    ]
    with console.engine.store.reading() as session:
        told = session.query(AuditEvent).filter_by(action="errors.ordered").order_by(AuditEvent.id.desc()).first()
        assert told is not None
        assert (told.actor, (told.detail or {})["order"]) == ("claire", "put_back")


@pytest.mark.req("CRM-49")
def test_a_refused_correction_is_typed_again_and_a_good_one_kept(console: Prepared, browser: Browser) -> None:
    """Given a tiers without a name, when a name too long and then a good one is typed, then the next cycle takes that."""
    with looking(browser, console.url, [console.session("paul", administrator=False)]) as page:
        page.goto(f"{_path(console)}/5")
        field = page.get_by_label("Intitulé")
        field.fill("x" * 200)
        page.get_by_role("button", name="Corriger et réessayer").click()
        assert page.get_by_label("Intitulé").input_value() == "x" * 200
        assert page.locator("[aria-invalid=true]").count() == 1
        page.get_by_label("Intitulé").fill("Établissements Gautier")
        page.get_by_role("button", name="Corriger et réessayer").click()
        page.get_by_text("le prochain cycle réessaie la fiche").first.wait_for()
    assert _state(console, 5) is SyncErrorState.RETRY


def test_what_is_not_there_is_told_so(console: Prepared) -> None:
    assert person(console.app, "claire").get(f"{_path(console)}/999999").status_code == 404
    assert person(console.app, "claire").get(f"{_path(console)}?state=nonsense").status_code == 400
