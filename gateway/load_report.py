"""What loading a file of companies did to each row that did not go in as it was."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from types import TracebackType


class Outcome(StrEnum):
    """What became of a row, as one finding tells it."""

    ADJUSTED = "adjusted"  # loaded, with another value than the file's
    NOTED = "noted"  # loaded as it is, but worth a look
    REFUSED = "refused"
    ALREADY_THERE = "already_there"


class Reason(StrEnum):
    """Why; the codes of the report."""

    BLANKS_TIDIED = "blanks_tidied"
    BRAND_AS_NAME = "brand_as_name"
    CHARACTERS_REPLACED = "characters_replaced"
    CUT = "cut"
    DATE_UNREADABLE = "date_unreadable"
    ENCODING_REPAIRED = "encoding_repaired"
    MOVED_TO_COMPLEMENT = "moved_to_complement"
    NAF_NORMALISED = "naf_normalised"
    NAF_UNUSUAL = "naf_unusual"
    POSTCODE_PADDED = "postcode_padded"
    SIRET_CHECK_DIGIT = "siret_check_digit"
    SIRET_NORMALISED = "siret_normalised"
    SIRET_UNUSUAL = "siret_unusual"
    LIKELY_DUPLICATE = "likely_duplicate"
    ALREADY_THERE = "already_there"
    DUPLICATE_ROW = "duplicate_row"
    MALFORMED_ROW = "malformed_row"
    NO_NAME = "no_name"
    DATABASE_REFUSED = "database_refused"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to tell about one row: its line in the file, the field, what was there and what it became."""

    line: int
    outcome: Outcome
    reason: Reason
    name: str = ""
    code: str = ""
    field: str = ""
    was: str = ""
    became: str = ""


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """The counts of a load: `read` = `loaded` + `refused` + `already_there`; `adjusted` are among the loaded.

    `reasons` counts findings, of which one row may have several.
    """

    read: int
    loaded: int
    adjusted: int
    refused: int
    already_there: int
    likely_duplicates: int
    reasons: dict[str, int]


@dataclass(kw_only=True)
class LoadTally:
    """The counts while they grow."""

    read: int = 0
    loaded: int = 0
    adjusted: int = 0
    refused: int = 0
    already_there: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def summary(self) -> LoadSummary:
        """The counts as they stand."""
        return LoadSummary(
            read=self.read,
            loaded=self.loaded,
            adjusted=self.adjusted,
            refused=self.refused,
            already_there=self.already_there,
            likely_duplicates=self.reasons[Reason.LIKELY_DUPLICATE],
            reasons=dict(sorted(self.reasons.items())),
        )


class ReportFile:
    """A CSV file with one line per finding; it opens in a French Excel (semicolons, UTF-8 with its mark)."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="", encoding="utf-8-sig")
        self._writer = csv.DictWriter(self._file, [column.name for column in fields(Finding)], delimiter=";")
        self._writer.writeheader()

    def __enter__(self) -> ReportFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, finding: Finding) -> None:
        """Add one finding."""
        self._writer.writerow(asdict(finding))
