"""The transactions executed so far: each id with its result, in a side table, committed together with the rows it wrote.

An id is the key of its row: of two callers who send the same one at once, the second to keep a result waits for the first, and is
then refused the key with everything it wrote.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Column, Connection, Index, String, Table, UnicodeText, bindparam, delete, insert, select

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
_FIND = select(_C.fingerprint, _C.result).where(_C.id == bindparam("identity"))
_KEEP = insert(GW_TRANSACTION)


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A transaction of before: what it said, and what was answered."""

    fingerprint: str
    result: str


def fingerprint_of(transaction: Record) -> str:
    """128 bits of everything a transaction says."""
    return blake2b(writer(transaction.of)(transaction).encode(), digest_size=16).hexdigest()


def executed(connection: Connection, identity: str) -> Executed | None:
    """The transaction of that id, if there was one."""
    row = connection.execute(_FIND, {"identity": identity}).first()
    return None if row is None else Executed(fingerprint=row.fingerprint, result=row.result)


def keep(connection: Connection, identity: str, fingerprint: str, at: dt.datetime, result: str) -> None:
    """Keep the result of an id, in the transaction that wrote the rows.

    When somebody else kept one meanwhile the base refuses the row (IntegrityError), and with it all that was written: asked again,
    the answer is there.
    """
    row = {"id": identity, "fingerprint": fingerprint, "executed": at.isoformat(), "result": result}
    connection.execute(_KEEP, [row])


def forget_before(connection: Connection, instant: dt.datetime) -> None:
    """Drop the results of long ago."""
    connection.execute(delete(GW_TRANSACTION).where(_C.executed < instant.isoformat()))
