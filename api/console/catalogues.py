"""``python -m api.console.catalogues``: brings the catalogues up to date with the texts of templates, code and engine.

Known translations stay; what is new has an empty one, what is gone goes. Nothing is compiled: pages read the .po files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from api.console.engine_words import from_english, from_french
from api.console.language import FOLDER

_HERE: Final = Path(__file__).parent
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "templates/**.html": {
        "trimmed": "false",
        "silent": "false",
        "newstyle_gettext": "true",
        "extensions": "jinja2.ext.do",
    }
}
_KEYWORDS: Final[dict[str, Any]] = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}


def texts() -> dict[str, list[Any]]:
    """What each catalogue is to hold: the French one all English texts, the English one what the engine says in French."""
    pages = [message for _file, _line, message, _comments, _context in _extracted()]
    return {"fr": _unique([*pages, *from_english()]), "en": _unique(list(from_french()))}


def _extracted() -> Iterator[tuple[Any, ...]]:
    yield from extract_from_dir(str(_HERE), _METHODS, _OPTIONS, _KEYWORDS)


def _unique(found: list[Any]) -> list[Any]:
    return sorted(set(found), key=lambda message: (message if isinstance(message, str) else message[0]).casefold())


def catalogue(language: str) -> Catalog:
    """A catalogue as it is on disk."""
    with path_of(language).open("rb") as source:
        return read_po(source, locale=language)


def path_of(language: str) -> Path:
    """Where a catalogue is."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def brought_up_to_date(language: str, wanted: list[Any]) -> Catalog:
    """The catalogue with exactly the wanted texts, in order."""
    before, made = catalogue(language), Catalog(locale=language, project="console", fuzzy=False, header_comment="#")
    for message in wanted:
        known = before.get(message if isinstance(message, str) else message[0])
        made.add(message, string=known.string if known and known.string else None)
    return made


def missing(language: str) -> list[str]:
    """The texts without a translation."""
    found = catalogue(language)
    wanted = (message if isinstance(message, str) else message[0] for message in texts()[language])
    return [text for text in wanted if not ((known := found.get(text)) and _filled(known.string))]


def _filled(string: Any) -> bool:
    return all(string) if isinstance(string, tuple | list) else bool(string)


def main() -> None:
    """Write both, and tell what is missing."""
    for language, wanted in texts().items():
        made = brought_up_to_date(language, wanted)
        with path_of(language).open("wb") as target:
            write_po(target, made, width=120, no_location=True, omit_header=False, sort_output=False)
        _stamp(path_of(language))
        sys.stdout.write(f"{language}: {len(wanted)} texts, {len(missing(language))} to be translated\n")


def _stamp(path: Path) -> None:
    """Without dates and tool names: a catalogue changes when a text does."""
    kept = [line for line in path.read_text("utf-8").splitlines() if not line.startswith(_NOISE)]
    path.write_text("\n".join(kept) + "\n", "utf-8")


_NOISE: Final = (
    '"POT-Creation-Date',
    '"PO-Revision-Date',
    '"Last-Translator',
    '"Language-Team',
    '"Generated-By',
    '"Report-',
)


if __name__ == "__main__":
    main()
