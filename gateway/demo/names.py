"""Numbers and names made from a random number: companies, phones, SIRET and VAT identifiers."""

from __future__ import annotations

import random

from contracts.siret import with_check_digit
from gateway.demo.pools import FORMS, LONG_NAME, TRADES, Pools

LONG_NAME_EVERY = 40


def company_name(position: int, last_name: str, town: str) -> str:
    """A company's name; one in forty is too long for the older versions' 35 characters."""
    form = FORMS[position % len(FORMS)]
    trade = TRADES[position // 3 % len(TRADES)]
    if position % LONG_NAME_EVERY == LONG_NAME_EVERY - 1:
        return f"{form} {last_name}{LONG_NAME}{town}"[:69].rstrip()
    return f"{form} {last_name} {trade}"


def legal_form(position: int) -> str:
    """The legal form that `company_name` put in front of this name, when it is one."""
    form = FORMS[position % len(FORMS)]
    return form if form.isupper() else ""


def phone(rng: random.Random) -> str:
    """A phone number, written in one of three ways."""
    draw = int(rng.random() * 900_000_000)
    digits = f"{draw % 100_000_000:08}"
    pairs = (f"0{1 + draw // 180_000_000}", digits[:2], digits[2:4], digits[4:6], digits[6:])
    if draw % 10 == 0:
        return ".".join(pairs)
    return "".join(pairs) if draw % 10 == 1 else " ".join(pairs)


def siret_and_vat(rng: random.Random) -> tuple[str, str]:
    """A SIRET with right check digits, and the VAT identifier of its company."""
    siren = with_check_digit(f"{10_000_000 + int(rng.random() * 89_000_000)}")
    key = (12 + 3 * (int(siren) % 97)) % 97
    return with_check_digit(f"{siren}000{1 + int(rng.random() * 9)}"), f"FR{key:02}{siren}"


def slug(pools: Pools, name: int, position: int) -> str:
    """The part of a web address that names a company."""
    return f"{pools.slugs[name]}-{position}"
