"""ExecuteTransactions over SQL: each transaction with its result in one database transaction, once and only once for each id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from threading import Lock
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from contracts.codec import writer
from contracts.fields import Record
from contracts.messages import TRANSACTION_RESULT
from gateway.company import Company, CompanyWatch
from gateway.database import writing
from gateway.errors import DatabaseRefused
from gateway.rejection import Rejected, is_rejection, rejection
from gateway.settings import Synchronise
from gateway.sweep import Clock, moment_of, utc_now
from gateway.transactions import KEPT, Executed, claim, fingerprint_of, forget_before, settle
from gateway.writer import Answer, Readers, TiersWriter

ATTEMPTS = 12
"""How often a transaction is tried when others take the numbers it was about to: more than there are threads."""

_write_result = writer(TRANSACTION_RESULT)
_END = f"</{TRANSACTION_RESULT.name}>"


class Writing:
    """Executes transactions on one base; safe to share between threads and processes."""

    def __init__(
        self, engine: Engine, watch: CompanyWatch, *, options: Synchronise, zone: ZoneInfo, clock: Clock = utc_now
    ) -> None:
        self._engine = engine
        self._watch = watch
        self._options = options
        self._zone = zone
        self._clock = clock
        self._lock = Lock()
        self._readers: tuple[Company, Readers] | None = None
        self._forgot = dt.datetime.min.replace(tzinfo=dt.UTC)

    def execute(self, transactions: Sequence[Record]) -> list[str]:
        """The results in the same order, as XML. Raises DatabaseProblem: what was done before it stays done."""
        self._forget()
        return [self._result(transaction) for transaction in transactions]

    def _result(self, transaction: Record) -> str:
        if is_rejection(transaction):
            return _xml(Answer(result=transaction))
        if not transaction.text("id"):
            return _refused(transaction, "invalid_transaction", "a transaction has an id", "Id")
        for _ in range(ATTEMPTS):
            try:
                return self._once(transaction, lambda write: write.write(transaction))
            except DatabaseRefused as problem:
                # A number, a code or the id was taken meanwhile: look again, and take the next one.
                if not isinstance(problem.__cause__, IntegrityError):
                    self._watch.forget()
                    break
        # Kept like any other result, in a transaction of its own: the first one is rolled back.
        refusal = rejection(
            transaction.text("id"),
            Rejected("database_refused", "the Sage 100 database refused the write"),
            key=_code(transaction),
        )
        return self._once(transaction, lambda _: Answer(result=refusal))

    def _once(self, transaction: Record, work: Callable[[TiersWriter], Answer]) -> str:
        """Do the work unless this id was treated before; its result either way."""
        identity, fingerprint = transaction.text("id"), fingerprint_of(transaction)
        with writing(self._engine) as connection:
            known = claim(connection, identity, fingerprint, self._clock())
            if known is not None:
                return _again(transaction, known, fingerprint)
            result = _xml(work(self._writer(connection)))
            settle(connection, identity, result)
            return result

    def _writer(self, connection: Connection) -> TiersWriter:
        moment = moment_of(connection, self._clock, self._zone)
        company = self._watch.look(connection, moment.wall.date())
        at = moment.wall.replace(microsecond=0)
        return TiersWriter(connection, company, self._readers_of(company), at)

    def _readers_of(self, company: Company) -> Readers:
        with self._lock:
            if self._readers is None or self._readers[0] is not company:
                self._readers = (company, Readers.of(company, self._options))
            return self._readers[1]

    def _forget(self) -> None:
        """Drop the results of long ago, once a day."""
        now = self._clock()
        with self._lock:
            due = now - self._forgot >= dt.timedelta(days=1)
            self._forgot = now if due else self._forgot
        if due:
            with writing(self._engine) as connection:
                forget_before(connection, now - KEPT)


def _again(transaction: Record, known: Executed, fingerprint: str) -> str:
    if known.fingerprint == fingerprint:
        return known.result
    return _refused(transaction, "transaction_id_reused", "the id was used for another transaction", "Id")


def _refused(transaction: Record, code: str, words: str, field: str) -> str:
    problem = Rejected(code, words, field=field)
    return _xml(Answer(result=rejection(transaction.text("id"), problem, key=_code(transaction))))


def _code(transaction: Record) -> str:
    tiers = transaction.one("tiers")
    return tiers.text("code") if tiers else ""


def _xml(answer: Answer) -> str:
    xml = _write_result(answer.result)
    return xml.removesuffix(_END) + answer.tiers + _END if answer.tiers else xml
