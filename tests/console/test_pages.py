"""Every page can be used by everybody: axe finds nothing, nothing overflows, and without scripts it is all there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.console.browser import NARROW, WIDE, looking, violations
from tests.console.pages import PAGES, SIGNED_OUT
from tests.console.prepared import Prepared


def _flaws(page: Page, paths: tuple[str, ...], integration_id: int) -> dict[str, list[str]]:
    found = {}
    for path in paths:
        page.goto(path.replace("{id}", str(integration_id)))
        flaws = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            flaws.append("the page is wider than the window")
        found[path] = flaws
    return {path: flaws for path, flaws in found.items() if flaws}


@pytest.mark.parametrize(("size", "theme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide-light", "narrow-dark"])
def test_axe_finds_nothing(console: Prepared, browser: Browser, size: ViewportSize, theme: str) -> None:
    """Each page at 1280 and 390 px; light and dark have the same structure, contrasts are checked in both."""
    for cookies, paths in (([], SIGNED_OUT), ([console.session()], PAGES)):
        with looking(browser, console.url, cookies, size=size, theme=theme) as page:
            assert _flaws(page, paths, console.integration_id) == {}


def test_contrasts_hold_in_the_other_theme(console: Prepared, browser: Browser) -> None:
    """The pages with most colours, dark on a wide screen and light on a narrow one."""
    coloured = ("/", "/integrations/{id}", "/integrations/{id}/analysis")
    for size, theme in ((WIDE, "dark"), (NARROW, "light")):
        with looking(browser, console.url, [console.session()], size=size, theme=theme, language="en") as page:
            assert _flaws(page, coloured, console.integration_id) == {}


def test_everything_is_there_without_scripts(console: Prepared, browser: Browser) -> None:
    """Given a browser without JavaScript, when somebody deactivates and activates the integration, then it happens."""
    with looking(browser, console.url, [console.session("sober")], scripts=False) as page:
        page.goto(f"/integrations/{console.integration_id}")
        page.get_by_role("button", name="Désactiver").click()
        page.get_by_role("dialog").get_by_role("button", name="Désactiver").click()
        assert "est désactivée" in page.get_by_role("status").first.inner_text()
        page.get_by_role("button", name="Activer").click()
        assert "est active" in page.get_by_role("status").first.inner_text()
