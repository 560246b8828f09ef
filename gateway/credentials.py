"""HTTP Basic: who calls. A password that was found right is known by a keyed hash, so that scrypt is not paid with every call."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable
from threading import Lock

from gateway.passwords import hash_password, verify_password
from gateway.refusals import CredentialsRefused
from gateway.settings import User

REMEMBERED = 1_000


class Credentials:
    """The users of the gateway; safe to share between threads."""

    def __init__(self, users: Iterable[User]) -> None:
        self._hashes = {user.name: user.password_hash.get_secret_value() for user in users}
        self._key = os.urandom(32)
        self._right: set[bytes] = set()
        self._lock = Lock()
        # Checked for an unknown name, so that the time taken does not tell which names exist.
        self._nobody = hash_password(os.urandom(16).hex())

    def check(self, header: str | None) -> str:
        """The name of the caller, from the Authorization header. Raises CredentialsRefused."""
        name, password = _name_and_password(header)
        seal = hmac.digest(self._key, f"{name}\0{password}".encode(), hashlib.sha256)
        with self._lock:
            if seal in self._right:
                return name
        if not verify_password(password, self._hashes.get(name, self._nobody)) or name not in self._hashes:
            raise CredentialsRefused("the user name or the password is wrong")
        with self._lock:
            if len(self._right) >= REMEMBERED:
                self._right.clear()
            self._right.add(seal)
        return name


def _name_and_password(header: str | None) -> tuple[str, str]:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        raise CredentialsRefused("the call carries no user name and password")
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise CredentialsRefused("the user name and password cannot be read") from None
    name, _, password = _text(raw).partition(":")
    return name, password


def _text(raw: bytes) -> str:
    # UTF-8 as this gateway announces; older stacks send Latin-1.
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
