"""The live tabs of a client in the console: what Sage 100 says at the click, or precisely why it says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from syncengine.model import Integration, User
from tests.api.clients import person
from tests.console.browser import NARROW, looking, violations
from tests.console.prepared import Prepared

TABS = ("solvency", "cumulated-figures", "entries", "documents", "sales-lines")


@pytest.fixture
def claire(console: Prepared) -> TestClient:
    """Somebody who works with the demonstration."""
    return person(console.app, "claire")


@contextmanager
def changed(console: Prepared, **values: object) -> Iterator[None]:
    """The integration with other settings for a while."""
    with console.engine.store.writing() as session:
        one = session.get_one(Integration, console.integration_id)
        before = {name: getattr(one, name) for name in values}
        for name, value in values.items():
            setattr(one, name, value)
    try:
        yield
    finally:
        with console.engine.store.writing() as session:
            one = session.get_one(Integration, console.integration_id)
            for name, value in before.items():
                setattr(one, name, value)


def numbers(page: str) -> list[str]:
    """The documents of a list, in its order."""
    return re.findall(r'<th scope="row"><a href="/companies/1/documents/(\w+/\w+)">', page)


@pytest.mark.req("CRM-54")
@pytest.mark.parametrize("tab", TABS)
def test_each_tab_is_read_at_the_click_and_refused_where_there_is_nothing(claire: TestClient, tab: str) -> None:
    """A client has figures; a supplier has the reason why not, and the way on."""
    shown = claire.get(f"/companies/1/{tab}")
    assert shown.status_code == 200
    assert "Lu à l'instant dans Sage 100" in shown.text.replace("&#39;", "'")
    refused = claire.get(f"/companies/2/{tab}")
    assert 'id="problem"' in refused.text
    assert "fournisseur" in refused.text


@pytest.mark.req("CRM-54", "CRM-55")
def test_documents_are_sorted_filtered_paged_and_shown_with_their_lines(claire: TestClient) -> None:
    """Newest first, by type when asked; each leads to its lines; the file holds all of them."""
    path = "/companies/1/documents"
    everything = numbers(claire.get(path).text)
    assert len(everything) > 5
    by_number = numbers(claire.get(path, params={"sort": "number"}).text)
    assert by_number == sorted(everything, key=lambda one: one.partition("/")[2])
    assert numbers(claire.get(path, params={"sort": "number", "descending": "1"}).text) == by_number[::-1]
    quotes = numbers(claire.get(path, params={"type": "DE"}).text)
    assert quotes
    assert set(quotes) == {one for one in everything if one.startswith("DE/")}

    first = claire.get(path, params={"limit": 3}).text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    assert (numbers(first) + numbers(claire.get(following[1].replace("&amp;", "&")).text))[:3] == everything[:3]

    lines = claire.get(path, params={"format": "csv"}).text.splitlines()
    assert len(lines) == len(everything) + 1
    one = claire.get(f"{path}/{everything[0]}").text
    assert everything[0].partition("/")[2] in one
    assert "Désignation" in one
    assert 'id="problem"' in claire.get(f"{path}/FA/RIEN").text


@pytest.mark.req("CRM-55")
def test_types_that_are_withheld_are_neither_listed_nor_shown(console: Prepared) -> None:
    """Whoever may see quotes only sees quotes only."""
    client = person(console.app, "quotes")
    with console.engine.store.writing() as session:
        session.query(User).filter_by(login="quotes").one().document_types = ["DE"]
    shown = client.get("/companies/1/documents").text
    assert {one.partition("/")[0] for one in numbers(shown)} == {"DE"}
    assert 'value="FA"' not in shown
    assert 'id="problem"' in client.get("/companies/1/documents", params={"type": "FA"}).text


@pytest.mark.req("CRM-54", "CRM-58")
def test_a_sage_100_that_does_not_answer_is_told_and_leaves_the_rest_alone(
    claire: TestClient, console: Prepared
) -> None:
    """Down or released for exclusive work: what happened, what to do, and the Company is there all the same."""
    with changed(console, url="http://127.0.0.1:9"):
        down = claire.get("/companies/1/solvency")
        assert down.status_code == 200
        assert "ne peut pas être lu" in down.text
        assert "Réessayer" in down.text
        assert claire.get("/companies/1").status_code == 200
    with changed(console, connected=False):
        released = claire.get("/companies/1/entries").text
        assert 'id="problem"' in released
    assert "Lu à l'instant" in claire.get("/companies/1/solvency").text.replace("&#39;", "'")


def test_what_cannot_be_a_filter_is_refused(claire: TestClient) -> None:
    """No text of an address reaches Sage 100 unread."""
    assert claire.get("/companies/1/documents", params={"from": "hier"}).status_code == 400
    assert claire.get("/companies/1/documents", params={"search": "a\x00b"}).status_code == 422
    hostile = claire.get("/companies/1/documents", params={"search": "<script>alert(1)</script>' OR 1=1"})
    assert hostile.status_code == 200
    assert "<script>alert" not in hostile.text
    assert claire.get("/companies/9999999/documents").status_code == 404


def test_the_tabs_in_a_browser(console: Prepared, browser: Browser) -> None:
    """At 390 px nothing keeps people from using them; a filter replaces the list alone."""
    with looking(browser, console.url, [console.session("admin")], size=NARROW) as page:
        for tab in (*TABS, "documents?type=FA"):
            page.goto(f"/companies/1/{tab}")
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        page.goto("/companies/1/documents")
        page.select_option("select[name=type]", "DE")
        page.wait_for_url("**type=DE**")
        assert set(page.locator("#list abbr").all_inner_texts()) == {"DE"}
