"""Passwords of people: argon2id, and how good one has to be."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr

from syncengine.core.refusals import refused

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 200
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter is taken for another
_GROUPS: Final = 4

# 46 MiB, one pass: the first of the settings that OWASP's password storage sheet recommends.
_HASHER: Final = PasswordHash((Argon2Hasher(memory_cost=47_104, time_cost=1, parallelism=1),))
# Each check takes that memory: many at once may not exhaust the machine.
_AT_ONCE: Final = threading.Semaphore(4)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Whether the password is right, and its hash by today's parameters when the stored one is older."""

    right: bool
    renewed: str | None = None


def hashed(password: SecretStr) -> str:
    """What is stored of a password."""
    with _AT_ONCE:
        return _HASHER.hash(password.get_secret_value())


def check(stored: str | None, password: SecretStr) -> Checked:
    """Compare with what is stored; it takes as long when nothing is, so that time does not tell who exists."""
    text = password.get_secret_value()
    with _AT_ONCE:
        try:
            right, renewed = _HASHER.verify_and_update(text[: LENGTH_MAX + 1], stored or _nobody())
        except (UnknownHashError, UnicodeEncodeError):
            return Checked(right=False)
    if stored is None or len(text) > LENGTH_MAX:
        return Checked(right=False)
    return Checked(right=right, renewed=renewed if right else None)


def require_good(password: SecretStr, *, login: str) -> None:
    """Raises InputRefused (password_weak) for one that is too short, too long, no text, or the login over again."""
    text = password.get_secret_value()
    readable = text.isprintable()
    varied = len(set(text.lower().replace(login.lower(), ""))) >= 5
    if not (LENGTH_MIN <= len(text) <= LENGTH_MAX and readable and varied):
        raise refused(
            "password_weak",
            "this password is too easy to guess, or cannot be typed",
            field="password",
            remedy=f"Choose {LENGTH_MIN} to {LENGTH_MAX} characters that are not the login: a few words make a good one.",
        )


@dataclass(frozen=True, kw_only=True)
class OneTime:
    """A password to be handed over and changed at the first sign-in: 79 bits, easy to read out."""

    password: SecretStr
    password_hash: str = field(repr=False)


def one_time() -> OneTime:
    """A new one. Make it before the transaction that stores it: hashing takes a while."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(_GROUPS))
    password = SecretStr("-".join(groups))
    return OneTime(password=password, password_hash=hashed(password))


def confirm(stored: str | None, present: SecretStr) -> None:
    """Raises InputRefused (password_wrong) unless it is the password there is."""
    if not check(stored, present).right:
        raise refused("password_wrong", "this is not your password", field="current", remedy="Type it again.")


def chosen(stored: str | None, password: SecretStr, *, login: str) -> str:
    """The hash of a password somebody chose. Raises InputRefused (password_weak, password_same)."""
    require_good(password, login=login)
    if check(stored, password).right:
        raise refused(
            "password_same", "this is the password there is already", field="password", remedy="Choose another one."
        )
    return hashed(password)


@cache
def _nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe())
