"""``python -m tests.console.screenshots OUT [PATH…]``: every page, wide and narrow, light and dark, in French and in English."""

from __future__ import annotations

import re
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.console.browser import NARROW, WIDE, chromium, looking
from tests.console.pages import PAGES, SIGNED_OUT
from tests.console.prepared import Prepared, make_demo, prepared

SIZES: Final = {"wide": WIDE, "narrow": NARROW}
_DRAWN_MS: Final = 400


def take(browser: Browser, console: Prepared, folder: Path, paths: list[str]) -> int:
    """One file per page and look; how many."""
    count = 0
    cookie = console.session()
    for size, theme, language in product(SIZES, ("light", "dark"), ("fr", "en")):
        for cookies, some in (
            ([], [p for p in paths if p in SIGNED_OUT]),
            ([cookie], [p for p in paths if p not in SIGNED_OUT]),
        ):
            with looking(browser, console.url, cookies, size=SIZES[size], theme=theme, language=language) as page:
                for path in some:
                    page.goto(path.replace("{id}", str(console.integration_id)))
                    page.wait_for_timeout(_DRAWN_MS)
                    name = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "overview"
                    page.screenshot(path=folder / f"{name}.{size}.{theme}.{language}.png", full_page=True)
                    count += 1
    return count


def main() -> None:
    """Take them all, or those of the paths that are named."""
    folder, *paths = sys.argv[1:] or ["screenshots"]
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as demo,
        prepared(make_demo(Path(demo) / "demo")) as console,
        chromium() as browser,
    ):
        count = take(browser, console, Path(folder), paths or [*SIGNED_OUT, *PAGES])
    sys.stdout.write(f"{count} screenshots in {folder}\n")


if __name__ == "__main__":
    main()
