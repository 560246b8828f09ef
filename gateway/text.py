"""Fitting texts into the lengths of Sage 100's columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A value that fits, and the part cut off its end (empty when nothing was)."""

    value: str
    cut: str


def fit(text: str, length: int) -> Fitted:
    """Cut a text to a length, between words when that keeps at least half of it."""
    if len(text) <= length:
        return Fitted(value=text, cut="")
    space = text.rfind(" ", 0, length + 1)
    end = space if space >= length // 2 else length
    return Fitted(value=text[:end].rstrip(), cut=text[end:].lstrip())
