"""One row of a file of companies, fitted into the columns of a tiers: pure, with a finding for every change.

Where each column of the file goes:

    name        CT_Intitule (the brand where the name is missing)
    brand       LI_Intitule of the delivery address the creation makes: the sign over the door
    siret, naf  CT_Siret, CT_Ape: without blanks and dots; a wrong check digit is kept and noted
    address     CT_Adresse; what is too long goes on in CT_Complement, before address2
    address2    CT_Complement
    postcode, city, website, legal_form    CT_CodePostal, CT_Ville, CT_Site, CT_Qualite
    created     CT_DateCreate
    head_office not loaded: Sage 100 has no column for it
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.siret import is_siret
from contracts.stored import clean, without_fillers
from gateway.load_report import Finding, Outcome, Reason
from gateway.text import fit

COLUMNS = (
    "siret", "name", "brand", "naf", "address", "address2", "postcode", "city", "website", "legal_form",
    "head_office", "created",
)  # fmt: skip
NAF_PATTERN = re.compile(r"\d{4}[A-Z]")
Lengths = Callable[[str], int]


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """A row as read: its line in the file and its values by column."""

    line: int
    values: Mapping[str, str]


@dataclass(kw_only=True)
class FittedRow:
    """A row ready to be created: tiers columns, title of its delivery address, and what was changed.

    `name` is empty when the row has none at all: then it must be refused. `code` is given when it is accepted.
    """

    line: int
    name: str
    code: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    delivery_title: str = ""
    findings: list[Finding] = field(default_factory=list)

    def tell(self, outcome: Outcome, reason: Reason, column: str, was: str, became: str) -> None:
        """Add a finding about this row."""
        self.findings.append(
            Finding(
                line=self.line,
                outcome=outcome,
                reason=reason,
                name=self.name,
                field=column,
                was=was,
                became=became,
            )
        )

    def told(self) -> list[Finding]:
        """The findings, under the code the row got."""
        return [replace(finding, code=self.code) for finding in self.findings]

    @property
    def loaded(self) -> bool:
        """Whether nothing kept the row out: neither a refusal nor its being there already."""
        kept_out = (Outcome.REFUSED, Outcome.ALREADY_THERE)
        return not any(finding.outcome in kept_out for finding in self.findings)

    @property
    def adjusted(self) -> bool:
        """Whether a value differs from the file's."""
        return any(finding.outcome is Outcome.ADJUSTED for finding in self.findings)

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells whether the row is in the base already: SIRET and name, or name, postcode and address."""
        return identity_of(self.columns)


def identity_of(columns: Mapping[str, Any]) -> tuple[str, ...]:
    """The identity of a tiers with these values."""
    name, siret = columns["CT_Intitule"], columns["CT_Siret"]
    return (siret, name) if siret else (name, columns["CT_CodePostal"], columns["CT_Adresse"])


def fit_row(source: SourceRow, length_of: Lengths) -> FittedRow:
    """Fit a row; `length_of` tells the length of a column of this base."""
    row = FittedRow(line=source.line, name=clean(_decoded(source.values["name"] or source.values["brand"])))
    text = {column: _cleaned(row, column, source.values[column]) for column in COLUMNS}
    if not text["name"] and text["brand"]:
        row.tell(Outcome.ADJUSTED, Reason.BRAND_AS_NAME, "name", "", text["brand"])
    row.columns = {
        "CT_Intitule": _cut(row, "name", row.name, length_of("CT_Intitule")),
        "CT_Siret": _siret(row, text["siret"], length_of("CT_Siret")),
        "CT_Ape": _naf(row, text["naf"], length_of("CT_Ape")),
        **_address(row, text["address"], text["address2"], length_of),
        "CT_CodePostal": _postcode(row, text["postcode"], length_of("CT_CodePostal")),
        "CT_Ville": _cut(row, "city", text["city"], length_of("CT_Ville")),
        "CT_Site": _cut(row, "website", text["website"], length_of("CT_Site")),
        "CT_Qualite": _cut(row, "legal_form", text["legal_form"], length_of("CT_Qualite")),
        **_created(row, text["created"]),
    }
    if text["brand"]:
        row.delivery_title = _cut(row, "brand", text["brand"], length_of("LI_Intitule"))
    return row


def _cleaned(row: FittedRow, column: str, raw: str) -> str:
    """The value in the characters and blanks Sage 100 can hold."""
    decoded = _decoded(raw)
    value = clean(decoded)
    if value != raw:
        row.tell(Outcome.ADJUSTED, _why(raw, decoded, value), column, decoded, value)
    return value


def _decoded(raw: str) -> str:
    """The text, with bytes that are not UTF-8 (they arrive as lone surrogates) read as cp1252."""
    if raw.isascii() or not any("\ud800" <= character <= "\udfff" for character in raw):
        return raw
    return raw.encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def _why(raw: str, decoded: str, value: str) -> Reason:
    if decoded != raw:
        return Reason.ENCODING_REPAIRED
    return Reason.BLANKS_TIDIED if " ".join(decoded.split()) == value else Reason.CHARACTERS_REPLACED


def _cut(row: FittedRow, column: str, text: str, length: int) -> str:
    fitted = fit(text, length)
    if fitted.cut:
        row.tell(Outcome.ADJUSTED, Reason.CUT, column, text, fitted.value)
    return fitted.value


def _address(row: FittedRow, street: str, complement: str, length_of: Lengths) -> dict[str, str]:
    """The street, its overflow before the complement; only what fits in neither is cut."""
    first = fit(street, length_of("CT_Adresse"))
    wanted = " ".join(part for part in (first.cut, complement) if part)
    second = _cut(row, "address2", wanted, length_of("CT_Complement"))
    if first.cut:
        became = f"{first.value} | {second}"
        row.tell(Outcome.ADJUSTED, Reason.MOVED_TO_COMPLEMENT, "address", street, became)
    return {"CT_Adresse": first.value, "CT_Complement": second}


def _siret(row: FittedRow, text: str, length: int) -> str:
    number = without_fillers(text)
    if number != text:
        row.tell(Outcome.ADJUSTED, Reason.SIRET_NORMALISED, "siret", text, number)
    if number and not (len(number) == 14 and number.isdigit()):
        kept = number if len(number) <= length else ""
        row.tell(Outcome.NOTED if kept else Outcome.ADJUSTED, Reason.SIRET_UNUSUAL, "siret", text, kept)
        return kept
    if number and not is_siret(number):
        row.tell(Outcome.NOTED, Reason.SIRET_CHECK_DIGIT, "siret", number, number)
    return number


def _naf(row: FittedRow, text: str, length: int) -> str:
    code = re.sub(r"[\s.]", "", text)
    # The capital of a letter cp1252 has may be one it lacks: only a real code is put in capitals.
    code = code.upper() if code.isascii() else code
    if code != text:
        row.tell(Outcome.ADJUSTED, Reason.NAF_NORMALISED, "naf", text, code)
    if code and not NAF_PATTERN.fullmatch(code):
        kept = code if len(code) <= length else ""
        row.tell(Outcome.NOTED if kept else Outcome.ADJUSTED, Reason.NAF_UNUSUAL, "naf", text, kept)
        return kept
    return code


def _postcode(row: FittedRow, text: str, length: int) -> str:
    """A French postcode has five digits; a spreadsheet drops the first one when it is 0."""
    if len(text) == 4 and text.isdigit():
        row.tell(Outcome.ADJUSTED, Reason.POSTCODE_PADDED, "postcode", text, f"0{text}")
        return f"0{text}"
    return _cut(row, "postcode", text, length)


def _created(row: FittedRow, text: str) -> dict[str, dt.date]:
    if not text:
        return {}
    try:
        return {"CT_DateCreate": dt.date.fromisoformat(text[:10])}
    except ValueError:
        row.tell(Outcome.ADJUSTED, Reason.DATE_UNREADABLE, "created", text, "")
        return {}
