"""SIRET numbers: nine digits of the company, five of the establishment, checked by the Luhn formula."""

from __future__ import annotations

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_LA_POSTE = "356000000"


def is_siret(number: str) -> bool:
    """Whether this is a SIRET with a right check digit; La Poste's establishments follow a rule of their own."""
    if len(number) != 14 or not (number.isascii() and number.isdigit()):
        return False
    if number.startswith(_LA_POSTE) and sum(map(int, number)) % 5 == 0:
        return True
    return luhn_sum(number) % 10 == 0


def luhn_sum(number: str) -> int:
    """The Luhn sum: every second digit from the right is doubled, and nine taken off what exceeds nine."""
    digits = [*map(int, number)]
    return sum(digits[-1::-2]) + sum([_DOUBLED[digit] for digit in digits[-2::-2]])


def with_check_digit(number: str) -> str:
    """The number with the digit appended that makes its Luhn sum a multiple of ten."""
    return f"{number}{-luhn_sum(number + '0') % 10}"
