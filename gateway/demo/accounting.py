"""Accounting entries and payments of a demonstration base: posted invoices, and what was paid of them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.demo.calendar import Calendar
from gateway.demo.companies import Made
from gateway.demo.sink import Sink
from gateway.demo.summary import Tally
from gateway.sage import F_CREGLEMENT, F_ECRITUREC, F_REGLECH
from gateway.sage.defaults import COLLECTIVE_ACCOUNTS, TiersType

DEBIT, CREDIT = 0, 1
BANK = "5120000"
DAYS_TO_PAY = 30
STAMP = ("cbModification", "cbCreation")
ENTRY_COLUMNS = (
    "EC_No", "JO_Num", "JM_Date", "EC_Jour", "EC_Date", "CG_Num", "CT_Num", "EC_Piece", "EC_RefPiece",
    "EC_Intitule", "EC_Sens", "EC_Montant", "EC_Echeance", "EC_Lettre", "EC_Lettrage", "N_Reglement",
)  # fmt: skip
PAYMENT_COLUMNS = (
    "RG_No", "CT_NumPayeur", "RG_Date", "RG_Reference", "RG_Libelle", "RG_Montant", "N_Reglement", "EC_No",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A posted invoice: `day` is its place in the calendar, `due` the number of its due date."""

    made: Made
    type: int
    piece: str
    day: int
    net: float
    gross: float
    due: int


class Accounting:
    """Writes the entries of invoices, and entries and payments of those that were paid."""

    def __init__(self, sink: Sink, calendar: Calendar, tally: Tally) -> None:
        self._calendar, self._tally = calendar, tally
        fixed: dict[str, str | int] = {"cbCreateur": "COLS"}
        self._entries = sink.rows(F_ECRITUREC, *ENTRY_COLUMNS, *STAMP, **fixed)
        bank: dict[str, str | int] = {"JO_Num": "BQ", "CG_Num": BANK, "RG_Impute": 1, "RG_Compta": 1}
        self._payments = sink.rows(F_CREGLEMENT, *PAYMENT_COLUMNS, *STAMP, **bank, **fixed)
        settled = ("RG_No", "DR_No", "DO_Domaine", "DO_Type", "DO_Piece", "RC_Montant", *STAMP)
        self._settled = sink.rows(F_REGLECH, *settled, **fixed)

    def post(self, invoice: Invoice, *, paid: bool) -> None:
        """Write the three entries of an invoice; when paid, the payment with its two, lettered together."""
        supplier = invoice.made.supplier
        account = COLLECTIVE_ACCOUNTS[TiersType.SUPPLIER if supplier else TiersType.CLIENT]
        lettering = _letters(invoice.made.position + self._tally.payments) if paid else ""
        vat = round(invoice.gross - invoice.net, 2)
        sense, counter = (CREDIT, DEBIT) if supplier else (DEBIT, CREDIT)
        journal, goods, taxes = ("ACH", "6070000", "4456600") if supplier else ("VTE", "7070000", "4457100")
        self._entry(invoice, journal, account, sense, invoice.gross, lettering=lettering)
        self._entry(invoice, journal, goods, counter, invoice.net)
        self._entry(invoice, journal, taxes, counter, vat)
        if paid:
            self._pay(invoice, account, sense, lettering)

    def _pay(self, invoice: Invoice, account: str, sense: int, lettering: str) -> None:
        self._tally.payments += 1
        number, day = self._tally.payments, self._calendar.days[invoice.day + DAYS_TO_PAY]
        stamp = self._calendar.moments[number % len(self._calendar.moments)]
        self._entry(invoice, "BQ", account, 1 - sense, invoice.gross, lettering=lettering, late=DAYS_TO_PAY)
        self._entry(invoice, "BQ", BANK, sense, invoice.gross, late=DAYS_TO_PAY)
        self._payments.append((
            number, invoice.made.payer, day.stamp, invoice.piece, f"Règlement {invoice.piece}",
            invoice.gross, 1 + invoice.made.position % 6, self._tally.entries, stamp, stamp,
        ))  # fmt: skip
        domain = int(invoice.made.supplier)
        settled = (number, invoice.due, domain, invoice.type, invoice.piece, invoice.gross, stamp, stamp)
        self._settled.append(settled)

    def _entry(
        self,
        invoice: Invoice,
        journal: str,
        account: str,
        sense: int,
        amount: float,
        *,
        lettering: str = "",
        late: int = 0,
    ) -> None:
        self._tally.entries += 1
        number, days = self._tally.entries, self._calendar.days
        day, stamp = days[invoice.day + late], self._calendar.moments[number % len(self._calendar.moments)]
        collective = account.startswith("4") and not account.startswith("445")
        # A credit note turns the entry round: Sage 100 keeps amounts positive.
        turned = sense if amount >= 0 else 1 - sense
        self._entries.append((
            number, journal, day.month, day.number, day.stamp, account,
            invoice.made.code if collective else "", invoice.piece, invoice.piece, invoice.made.name[:69],
            turned, abs(amount), days[invoice.day + 30].stamp if collective else self._calendar.empty,
            int(bool(lettering)), lettering, 1 + invoice.made.position % 6, stamp, stamp,
        ))  # fmt: skip


def _letters(number: int) -> str:
    """The lettering code: AAA, AAB, … per tiers, here by a running number."""
    return "".join(chr(65 + number // power % 26) for power in (676, 26, 1))
