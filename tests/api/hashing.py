"""Hashing of passwords takes long by design: not in tests."""

from __future__ import annotations

from typing import Final

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from syncengine.access import passwords

REAL: Final = passwords._HASHER
QUICK: Final = PasswordHash((Argon2Hasher(memory_cost=64, time_cost=1, parallelism=1),))


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hash with other parameters."""
    monkeypatch.setattr(passwords, "_HASHER", QUICK)
