"""docs/errors.md says what the code says."""

from __future__ import annotations

from pathlib import Path

from syncengine.document import TARGET, document

ROOT = Path(__file__).parents[2]


def test_the_page_of_errors_is_as_the_code_has_it() -> None:
    assert (ROOT / TARGET).read_text("utf-8") == document()
