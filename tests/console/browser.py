"""A real Chromium, driven through Playwright; and axe, which looks at a page for what keeps people from using it.

``python -m tests.console.browser`` installs one where none is: `make test` begins with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

AXE: Final = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
WIDE: Final[ViewportSize] = {"width": 1280, "height": 900}
NARROW: Final[ViewportSize] = {"width": 390, "height": 844}
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ARGUMENTS: Final = ("--no-sandbox", "--disable-quic", "--disable-background-networking")
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine, else Playwright's own; without any of them the tests fail and say what to do."""
    found = _of_the_machine()
    with sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            raise RuntimeError("there is no Chromium: run `python -m tests.console.browser`")
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def install() -> None:
    """Install Chromium where there is none: the system's package as root of a Debian, else Playwright's own."""
    with sync_playwright() as playwright:
        if _of_the_machine() or Path(playwright.chromium.executable_path).exists():
            return
    if (apt := shutil.which("apt-get")) and os.geteuid() == 0:
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([apt, "update", "-qq"], env=quiet, check=False)
        wanted = [apt, "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        subprocess.run(wanted, env=quiet, check=True, stdout=subprocess.DEVNULL)
        return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def _of_the_machine() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def looking(
    browser: Browser,
    url: str,
    cookies: list[dict[str, str]],
    *,
    size: ViewportSize = WIDE,
    theme: str = "light",
    language: str = "fr",
    scripts: bool = True,
) -> Iterator[Page]:
    """A page of a browser of its own, whose user wants that language and appearance; fails for errors in its console."""
    context = browser.new_context(
        base_url=url,
        viewport=size,
        locale=language,
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    _allow_cookies(context, url, [*cookies, {"name": "syncengine_language", "value": language, "url": url}])
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    # The browser itself tells of every answer that is an error: those are what the tests ask for.
    assert [text for text in complaints if "Failed to load resource" not in text] == []


def _allow_cookies(context: BrowserContext, url: str, cookies: list[dict[str, str]]) -> None:
    given: Any = cookies
    context.add_cookies(given)


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page, one line each; empty when it finds nothing."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("rules => axe.run({runOnly: rules})", _RULES)
    return [
        f"{one['id']}: {node['html'][:160]} — {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


if __name__ == "__main__":
    install()
