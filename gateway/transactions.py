"""The transactions executed so far: each id with its result, in a side table, committed together with the rows it wrote.

Claiming an id makes whoever sends the same one wait: the second insert of a key blocks until the first transaction has ended.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Column, Connection, Index, String, Table, UnicodeText, delete, insert, select, update

from contracts.codec import writer
from contracts.fields import Record
from gateway.sidetables import SIDE

KEPT = dt.timedelta(days=90)
"""How long a result is remembered: far longer than any caller asks again."""

GW_TRANSACTION = Table(
    "GW_TRANSACTION",
    SIDE,
    Column("id", String(36), primary_key=True),
    # What the transaction said, so that an id used twice for two things is found out.
    Column("fingerprint", String(32), nullable=False),
    # UTC, ISO 8601: compares as text.
    Column("executed", String(32), nullable=False),
    # The TransactionResult as it was answered, XML.
    Column("result", UnicodeText, nullable=False),
    Index("GW_IX_TRANSACTION_EXECUTED", "executed"),
)
_C = GW_TRANSACTION.c


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A transaction of before: what it said, and what was answered."""

    fingerprint: str
    result: str


def fingerprint_of(transaction: Record) -> str:
    """128 bits of everything a transaction says."""
    return blake2b(writer(transaction.of)(transaction).encode(), digest_size=16).hexdigest()


def claim(connection: Connection, identity: str, fingerprint: str, at: dt.datetime) -> Executed | None:
    """What was answered to this id before; None when it is new, and now the caller's until the transaction ends.

    When somebody else claimed it meanwhile the base refuses the row (IntegrityError): asked again, the answer is there.
    """
    known = executed(connection, identity)
    if known is not None:
        return known
    row = {"id": identity, "fingerprint": fingerprint, "executed": at.isoformat(), "result": ""}
    connection.execute(insert(GW_TRANSACTION), [row])
    return None


def executed(connection: Connection, identity: str) -> Executed | None:
    """The transaction of that id, if there was one."""
    row = connection.execute(select(_C.fingerprint, _C.result).where(_C.id == identity)).first()
    return None if row is None else Executed(fingerprint=row.fingerprint, result=row.result)


def settle(connection: Connection, identity: str, result: str) -> None:
    """Keep the result of a claimed id."""
    connection.execute(update(GW_TRANSACTION).where(_C.id == identity).values(result=result))


def forget_before(connection: Connection, instant: dt.datetime) -> None:
    """Drop the results of long ago."""
    connection.execute(delete(GW_TRANSACTION).where(_C.executed < instant.isoformat()))
