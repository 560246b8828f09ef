"""ExecuteTransactions over SQL: each transaction with its result in one database transaction, once and only once for each id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from contracts.codec import writer
from contracts.fields import Record
from contracts.messages import TRANSACTION_RESULT
from gateway.company import Company, CompanyWatch
from gateway.database import transacting, writer_connection, writing
from gateway.errors import DatabaseRefused
from gateway.ground import Ground, Readers
from gateway.rejection import Rejected, is_rejection, rejection
from gateway.settings import Synchronise
from gateway.sweep import Clock, Moment, moment_of, utc_now
from gateway.transactions import KEPT, Executed, executed, fingerprint_of, forget_before, keep
from gateway.writer import Answer, TiersWriter

ATTEMPTS = 12
"""How often a transaction is tried when others take the numbers it was about to."""
TURN_S = 5.0
"""How long it waits for its turn to take numbers: somebody may hold up the one before, who is at work in Sage 100."""

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
        self._numbers = Lock()
        self._readers: tuple[Company, Readers] | None = None
        self._forgot = dt.datetime.min.replace(tzinfo=dt.UTC)

    def execute(self, transactions: Sequence[Record]) -> list[str]:
        """The results in the same order, as XML. Raises DatabaseProblem: what was done before it stays done."""
        self._forget()
        with writer_connection(self._engine) as connection:
            batch = _Batch(connection, self._ground, lambda: moment_of(connection, self._clock, self._zone))
            return [self._result(batch, transaction) for transaction in transactions]

    def _result(self, batch: _Batch, transaction: Record) -> str:
        if is_rejection(transaction):
            return _xml(Answer(result=transaction))
        if not transaction.text("id"):
            return _xml(_refusal(transaction, "invalid_transaction", "a transaction has an id", "Id"))
        with self._turn(transaction):
            return self._settled(batch, transaction)

    @contextmanager
    def _turn(self, transaction: Record) -> Iterator[None]:
        """Who takes numbers waits for those before it: two who take the same one cost each other an attempt."""
        took = _takes_numbers(transaction) and self._numbers.acquire(timeout=TURN_S)
        try:
            yield
        finally:
            if took:
                self._numbers.release()

    def _settled(self, batch: _Batch, transaction: Record) -> str:
        refusal: Answer | None = None
        for _ in range(ATTEMPTS):
            try:
                return batch.once(transaction, refusal)
            except Rejected as problem:
                # Kept like any other result, in a transaction of its own: the first one is rolled back.
                refusal = Answer(result=rejection(transaction.text("id"), problem, key=_code(transaction)))
            except DatabaseRefused as problem:
                # A number, a code or the id was taken meanwhile: look again, and take the next one.
                if not isinstance(problem.__cause__, IntegrityError):
                    self._watch.forget()
                    batch.forget()
                    refusal = _database_refusal(transaction)
        return batch.once(transaction, refusal or _database_refusal(transaction))

    def _ground(self, connection: Connection, today: dt.date) -> Ground:
        company = self._watch.look(connection, today)
        return Ground.of(connection, company, self._readers_of(company))

    def _readers_of(self, company: Company) -> Readers:
        with self._lock:
            if self._readers is None or self._readers[0] is not company:
                self._readers = (company, Readers.of(company, self._options, self._zone))
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


class _Batch:
    """The transactions of one call: over one connection, on the base as the first of them found it."""

    def __init__(
        self,
        connection: Connection,
        look: Callable[[Connection, dt.date], Ground],
        moment: Callable[[], Moment],
    ) -> None:
        self._connection = connection
        self._look = look
        self._moment = moment
        self._ground: Ground | None = None

    def forget(self) -> None:
        """Look at the base afresh."""
        self._ground = None

    def once(self, transaction: Record, refusal: Answer | None) -> str:
        """Do the transaction, or keep its refusal, unless its id was treated before; its result either way. Raises Rejected."""
        identity, fingerprint = transaction.text("id"), fingerprint_of(transaction)
        with transacting(self._connection):
            known = executed(self._connection, identity)
            if known is not None:
                return _again(transaction, known, fingerprint)
            # A mark older than the overlap of the polls would be passed over: each transaction has its own moment.
            moment = self._moment()
            answer = refusal or self._writer(moment).write(transaction)
            result = _xml(answer)
            keep(self._connection, identity, fingerprint, moment.utc, result)
            return result

    def _writer(self, moment: Moment) -> TiersWriter:
        if self._ground is None:
            self._ground = self._look(self._connection, moment.wall.date())
        return TiersWriter(self._connection, self._ground, moment.wall.replace(microsecond=0))


def _takes_numbers(transaction: Record) -> bool:
    tiers = transaction.one("tiers")
    if tiers is None or transaction.text("action") == "create":
        return True
    return any(not child.text("key") for part in ("addresses", "contacts") for child in tiers.many(part))


def _again(transaction: Record, known: Executed, fingerprint: str) -> str:
    if known.fingerprint == fingerprint:
        return known.result
    return _xml(_refusal(transaction, "transaction_id_reused", "the id was used for another transaction", "Id"))


def _database_refusal(transaction: Record) -> Answer:
    return _refusal(transaction, "database_refused", "the Sage 100 database refused the write")


def _refusal(transaction: Record, code: str, words: str, field: str = "") -> Answer:
    problem = Rejected(code, words, field=field)
    return Answer(result=rejection(transaction.text("id"), problem, key=_code(transaction)))


def _code(transaction: Record) -> str:
    tiers = transaction.one("tiers")
    return tiers.text("code") if tiers else ""


def _xml(answer: Answer) -> str:
    xml = _write_result(answer.result)
    return xml.removesuffix(_END) + answer.tiers + _END if answer.tiers else xml
