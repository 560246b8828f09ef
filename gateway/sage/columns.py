"""The few kinds of columns a Sage 100 table is made of, and the technical ones every table ends with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import CHAR, Column, Identity, Integer, MetaData, SmallInteger, String, text

from gateway.sage.types import Amount, SageDate, SageMoment

SAGE = MetaData()
"""Every table of the Sage 100 base the gateway reads or writes; lengths are those of the latest version."""


def marker() -> Column[int]:
    """`cbMarq`: the row's identity, primary key, never used twice."""
    return Column("cbMarq", Integer, Identity(), primary_key=True)


def technical() -> Iterable[Column[Any]]:
    """The columns in which Sage 100 records who wrote a row and when (local wall-clock time)."""
    return (
        Column("cbProt", SmallInteger, server_default=text("0")),
        Column("cbCreateur", CHAR(4)),
        Column("cbModification", SageMoment),
        Column("cbCreation", SageMoment),
        Column("cbReplication", Integer, server_default=text("0")),
        Column("cbFlag", SmallInteger, server_default=text("0")),
    )


def key(name: str, length: int) -> Column[str]:
    """A mandatory code."""
    return Column(name, String(length), nullable=False)


def number_key(name: str) -> Column[int]:
    """A mandatory number (`*_No`)."""
    return Column(name, Integer, nullable=False)


def label(name: str, length: int) -> Column[str]:
    """A text in cp1252; writers store the empty string, not NULL."""
    return Column(name, String(length))


def labels(pattern: str, count: int, length: int) -> Iterable[Column[str]]:
    """The numbered texts Sage likes: `labels("CT_Statistique{:02}", 10, 21)`."""
    return tuple(label(pattern.format(position), length) for position in range(1, count + 1))


def small(*names: str) -> Iterable[Column[int]]:
    """Flags, positions in a parameter list (`N_*`) and enumerations."""
    return tuple(Column(name, SmallInteger) for name in names)


def number(*names: str) -> Iterable[Column[int]]:
    """Numbers of other rows (`*_No`); 0 is none."""
    return tuple(Column(name, Integer) for name in names)


def amount(*names: str) -> Iterable[Column[Decimal]]:
    """Amounts, quantities, rates: `numeric(24,6)`."""
    return tuple(Column(name, Amount) for name in names)


def day(*names: str) -> Iterable[Column[dt.date]]:
    """Dates, in a `datetime` column."""
    return tuple(Column(name, SageDate) for name in names)
