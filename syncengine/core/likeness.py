"""How alike two Companies, or two contacts of one, are, and why. Pure (CRM-31).

Each reason is evidence of its own: the score is what is left of the doubt after all of them, in per cent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import prod
from typing import Any, Final

from contracts.stored import clean, without_accents, without_fillers
from syncengine.core.account_code import sent_code

SIREN_LENGTH: Final = 9
PHONE_DIGITS: Final = 9
"""The last digits of a number: the same with 0 and with +33 before them."""
THRESHOLD: Final = 50
"""A score from which on two Companies are likely duplicates."""
_FORMS: Final = frozenset(
    [
        *("sa", "sas", "sasu", "sarl", "eurl", "snc", "sci", "scop", "selarl", "gie"),
        *("ets", "etablissements", "ste", "societe", "cie", "et", "de", "la", "le", "les", "du", "des", "l", "d"),
    ]
)
"""Words of a name that tell no company from another."""


class Reason(StrEnum):
    """What two Companies have in common."""

    SIRET = "siret"
    SIREN = "siren"
    CODE = "code"
    NAME = "name"
    NAME_WORDS = "name_words"
    EMAIL = "email"
    PHONE = "phone"
    PLACE = "place"


WEIGHT: Final = {
    Reason.SIRET: 0.95,
    Reason.SIREN: 0.5,  # another establishment of the same company is another tiers
    Reason.CODE: 0.7,
    Reason.NAME: 0.6,
    Reason.NAME_WORDS: 0.3,
    Reason.EMAIL: 0.6,
    Reason.PHONE: 0.5,
    Reason.PLACE: 0.4,  # others may be in the same building
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a Company is recognised by; ``places`` are (postcode, street)."""

    siret: str = ""
    code: str = ""
    words: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    places: frozenset[tuple[str, str]] = frozenset()


def profile(
    *,
    siret: str | None,
    code: str | None,
    name: str | None,
    emails: Iterable[str | None],
    phones: Iterable[str | None],
    places: Iterable[tuple[str | None, str | None]],
) -> Profile:
    """The profile of these values as they are kept; an address counts only with postcode and street."""
    where = ((without_fillers(postcode or ""), plain(street)) for postcode, street in places)
    return Profile(
        siret=without_fillers(siret or ""),
        code=sent_code(code).upper(),
        words=name_words(name),
        emails=frozenset(email.strip().lower() for email in emails if email and "@" in email),
        phones=frozenset(digits for number in phones if (digits := phone_digits(number))),
        places=frozenset(place for place in where if all(place)),
    )


def compare(one: Profile, other: Profile) -> tuple[int, tuple[Reason, ...]]:
    """Score from 0 to 100, and the reasons, the strongest first."""
    reasons = sorted(_reasons(one, other), key=lambda reason: -WEIGHT[reason])
    doubt = prod(1 - WEIGHT[reason] for reason in reasons)
    return round(100 * (1 - doubt)), tuple(reasons)


def _reasons(one: Profile, other: Profile) -> Iterable[Reason]:
    if one.siret and one.siret == other.siret:
        yield Reason.SIRET
    elif len(one.siret) >= SIREN_LENGTH and one.siret[:SIREN_LENGTH] == other.siret[:SIREN_LENGTH]:
        yield Reason.SIREN
    if one.code and one.code == other.code:
        yield Reason.CODE
    if one.words and one.words == other.words:
        yield Reason.NAME
    elif _share_words(one.words, other.words):
        yield Reason.NAME_WORDS
    for reason, mine, theirs in (
        (Reason.EMAIL, one.emails, other.emails),
        (Reason.PHONE, one.phones, other.phones),
        (Reason.PLACE, one.places, other.places),
    ):
        if mine & theirs:
            yield reason


def _share_words(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one name holds the other, or most words are in both."""
    common = one & other
    if not any(len(word) > 2 for word in common):
        return False
    return common in (one, other) or 2 * len(common) > max(len(one), len(other))


def plain(text: str | None) -> str:
    """A text without case, accents and signs."""
    return " ".join(re.findall(r"[a-z0-9]+", without_accents(clean(text or "")).lower()))


def name_words(name: str | None) -> frozenset[str]:
    """The words of a name that tell it from another, whatever their order; all of them when there is no such word."""
    words = plain((name or "").replace(".", "")).split()  # S.A. is SA
    return frozenset(word for word in words if word not in _FORMS) or frozenset(words)


def phone_digits(number: str | None) -> str:
    """The last digits of a number; '' for one that is too short to tell anybody by."""
    digits = re.sub(r"\D", "", number or "")
    return digits[-PHONE_DIGITS:] if len(digits) >= PHONE_DIGITS else ""


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Two contacts of one Company that may be the same person."""

    one: int
    other: int
    reasons: tuple[str, ...]


def alike_contacts(contacts: Sequence[dict[str, Any]]) -> tuple[Alike, ...]:
    """Pairs of contacts ('id' and the contract's fields) with the same e-mail or mobile, or names the other way round."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for contact in contacts:
        for reason, sign in _signs(contact):
            groups[reason, sign].append(contact["id"])
    pairs: dict[tuple[int, int], list[str]] = defaultdict(list)
    for (reason, _), ids in groups.items():
        for pair in pairwise(ids):
            pairs[pair].append(reason)
    return tuple(Alike(one=one, other=other, reasons=tuple(why)) for (one, other), why in sorted(pairs.items()))


def _signs(contact: dict[str, Any]) -> Iterable[tuple[str, str]]:
    email = (contact.get("email") or "").strip().lower()
    names = sorted(plain(contact.get(attr)) for attr in ("last_name", "first_name"))
    yield from (
        (reason, sign)
        for reason, sign in (
            ("email", email),
            ("mobile", phone_digits(contact.get("mobile"))),
            ("name", " ".join(names) if all(names) else ""),
        )
        if sign
    )
