"""Passwords of the gateway's users, kept as `scrypt$n$r$p$salt$hash`, the last two in base64."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

COST, BLOCK, LANES = 2**14, 8, 1
MEMORY = 64 * 1024 * 1024
MAX_COST = 2**17


def hash_password(password: str) -> str:
    """Hash a password with a fresh salt."""
    salt = os.urandom(16)
    digest = _scrypt(password, salt, COST, BLOCK, LANES)
    return f"scrypt${COST}${BLOCK}${LANES}${_encode(salt)}${_encode(digest)}"


def verify_password(password: str, hashed: str) -> bool:
    """Whether the password is the one hashed; False too for a hash that cannot be read."""
    try:
        scheme, cost, block, lanes, salt, digest = hashed.split("$")
        if scheme != "scrypt" or int(cost) > MAX_COST:
            return False
        candidate = _scrypt(password, base64.b64decode(salt), int(cost), int(block), int(lanes))
        return hmac.compare_digest(candidate, base64.b64decode(digest))
    except ValueError:
        return False


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    secret = password.encode()
    return hashlib.scrypt(secret, salt=salt, n=cost, r=block, p=lanes, maxmem=2 * MEMORY, dklen=32)


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
