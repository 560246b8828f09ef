"""docs/errors.md says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from syncengine.document import TARGET, document

ROOT = Path(__file__).parents[2]


def test_the_page_of_errors_is_as_the_code_has_it() -> None:
    assert (ROOT / TARGET).read_text("utf-8") == document()


def test_every_code_that_the_engine_gives_is_on_the_page_and_no_record_code_that_nothing_gives() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "syncengine").rglob("*.py")]
    given = {code for source in sources for code in re.findall(r'\bcode(?:: ClassVar\[str\])? ?= ?"([a-z_]+)"', source)}
    page = document()
    unknown = set(re.findall(r"`(unknown_[a-z_]+)`", page))
    aside = set(re.findall(r"`([a-z_]+)`", page.rpartition("## What sets a record aside")[2]))

    abstract = {"engine_problem", "input_refused", "record_refused"}
    assert {code for code in given - abstract if f"`{code}`" not in page} == set()
    assert aside - unknown - {"syncengine"} <= given | {"invalid_record", "duplicate_code"}
