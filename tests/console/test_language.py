"""Texts and formats: French first, nothing left untranslated, values written as people here write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from api.console import catalogues
from api.console.assets import FOLDER as STATIC
from api.console.formats import Formats
from api.console.templating import FOLDER as TEMPLATES

FR, EN = Formats("fr"), Formats("en")
NOON = datetime(2026, 11, 21, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_text_lacks_its_translation(language: str) -> None:
    """Run `python -m api.console.catalogues`, then translate what is empty."""
    assert catalogues.missing(language) == []


def test_translations_take_the_same_values() -> None:
    """A %(name)s that a translation adds or forgets would fail, or say less, on the page."""
    found = catalogue_pairs()
    wrong = {text: said for text, said in found if said and sorted(_values(text)) != sorted(_values(said))}
    assert wrong == {}


def catalogue_pairs() -> list[tuple[str, str]]:
    """The French texts that are one sentence, with what they stand for."""
    return [(str(one.id), str(one.string)) for one in catalogues.catalogue("fr") if one.id and isinstance(one.id, str)]


def _values(text: str) -> list[str]:
    return re.findall(r"%\(\w+\)s|%%", text)


def test_icons_that_pages_name_are_there() -> None:
    """A name that is not in the sprite would leave a hole."""
    known = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text("utf-8")))
    named: set[str] = set()
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text("utf-8")
        named |= set(re.findall(r'icon\("([a-z0-9-]+)"\)', text)) | set(re.findall(r'sign="([a-z0-9-]+)"', text))
    assert named - known == set()


def test_no_page_has_a_style_or_script_of_its_own() -> None:
    """The policy of the pages forbids them: they would silently do nothing."""
    inline = re.compile(r"\sstyle=|<style|\son[a-z]+=|<script>|javascript:", re.IGNORECASE)
    assert [str(path) for path in Path(TEMPLATES).rglob("*.html") if inline.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (FR.amount(Decimal("1234567.5")), "1 234 567,50 €"),
        (FR.number(1234567), "1 234 567"),
        (FR.percent(Decimal("99.98")), "99,98 %"),
        (FR.moment(NOON), "21 novembre 2026 à 12:30:00"),
        (FR.when(NOON, NOON + timedelta(hours=1)), "12:30"),
        (FR.when(NOON, NOON + timedelta(days=2)), "21 nov. 12:30"),
        (FR.when(NOON, NOON + timedelta(days=400)), "21 nov. 2026 12:30"),
        (FR.ago(NOON, NOON + timedelta(minutes=12, seconds=20)), "il y a 12 min"),
        (FR.ago(NOON + timedelta(hours=3), NOON), "dans 3 h"),
        (FR.ago(NOON, NOON), "à l'instant"),
        (FR.span(timedelta(days=2, hours=3, minutes=4)), "2 j 3 h"),
        (FR.span(0.42), "0,4 s"),
        (FR.span(3600), "1 h"),
        (FR.day(date(2026, 11, 21)), "21 nov. 2026"),
        (FR.size(12_345), "12,3 ko"),
        (FR.schedule(60, time(2)), "toutes les 60 minutes, resynchronisation complète chaque jour à 02:00"),
        (FR.schedule(1440, None), "une fois par jour"),
        (FR.schedule(120, None, live=True), "dès qu'une donnée change, et toutes les 2 heures"),
        (FR.amount(None), "—"),
        (EN.schedule(60, None), "every 60 minutes"),
        (EN.moment(NOON), "November 21, 2026 at 12:30:00"),
    ],
)
def test_values_in_words(written: str, wanted: str) -> None:
    """Spaces that do not break a line are written as plain ones here."""
    assert re.sub(r"[\u00a0\u202f]", " ", written) == wanted
