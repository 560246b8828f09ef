"""Commercial documents of a demonstration base: headers, lines, due dates; posted invoices go to accounting."""

from __future__ import annotations

import random

from gateway.demo.accounting import Accounting, Invoice
from gateway.demo.calendar import Calendar, Day
from gateway.demo.companies import Made
from gateway.demo.sink import Sink
from gateway.demo.summary import Tally
from gateway.sage import F_DOCENTETE, F_DOCLIGNE, F_DOCREGL

Article = tuple[str, str, float]

SALES, PURCHASES = 0, 1
SALE_TYPES = 8
ORDER, DELIVERY_NOTE, RETURN, INVOICE, POSTED = 1, 3, 4, 6, 7
PREFIXES = ("DE", "BC", "PL", "BL", "BR", "BA", "FA", "FC")
OFTEN = (0, 0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 6, 6, 6, 7, 7, 7, 7, 7, 7)
"""Types as often as they occur: quotes, orders, and above all posted invoices."""
PURCHASED = (2, 2, 3, 6, 7, 7, 7)
VAT = 0.2
STAMP = ("cbModification", "cbCreation")
HEADER_COLUMNS = (
    "DO_Domaine", "DO_Type", "DO_Piece", "DO_Date", "DO_DateLivr", "DO_Ref", "DO_Tiers", "CO_No", "LI_No",
    "CT_NumPayeur", "DO_Tarif", "DO_Statut", "DO_Cloture", "DO_Provenance", "DO_TotalHT", "DO_TotalHTNet",
    "DO_TotalTTC", "DO_NetAPayer", "DO_MontantRegle",
)  # fmt: skip
LINE_COLUMNS = (
    "DL_No", "DO_Domaine", "DO_Type", "DO_Piece", "DO_Date", "CT_Num", "AR_Ref", "DL_Design", "DL_Ligne",
    "DL_Qte", "DL_QteBC", "DL_QteBL", "DL_PieceBC", "DL_DateBC", "DL_PrixUnitaire", "DL_PUTTC",
    "DL_MontantHT", "DL_MontantTTC", "DL_Remise01REM_Valeur", "DL_Remise01REM_Type", "CO_No",
)  # fmt: skip
DUE_COLUMNS = (
    "DR_No", "DO_Domaine", "DO_Type", "DO_Piece", "DR_TypeRegl", "DR_Date", "DR_Libelle", "DR_Pourcent",
    "DR_Montant", "DR_Equil", "DR_Regle", "N_Reglement",
)  # fmt: skip


class Documents:
    """Writes the documents of one tiers after the other; the first client gets one of every sale type."""

    def __init__(
        self, *, sink: Sink, articles: list[Article], calendar: Calendar, rng: random.Random, tally: Tally
    ) -> None:
        self._articles, self._calendar, self._rng, self._tally = articles, calendar, rng, tally
        fixed: dict[str, str | int] = {"cbCreateur": "COLS"}
        self._headers = sink.rows(F_DOCENTETE, *HEADER_COLUMNS, *STAMP, DO_Cours=1, **fixed)
        self._lines = sink.rows(F_DOCLIGNE, *LINE_COLUMNS, *STAMP, DL_Taxe1=20, DL_Valorise=1, **fixed)
        self._dues = sink.rows(F_DOCREGL, *DUE_COLUMNS, *STAMP, **fixed)
        self._accounting = Accounting(sink, calendar, tally)
        self._due_dates = 0

    def write(self, made: Made, average: float) -> None:
        """Write this tiers' documents, `average` of them on average; none at all when it is 0."""
        if average <= 0:
            return
        if made.position == 0:
            for kind in range(SALE_TYPES):
                self._write_one(made, kind)
        for _ in range(int(average * 2 * self._rng.random() + 0.5)):
            often = PURCHASED if made.supplier else OFTEN
            self._write_one(made, often[int(self._rng.random() * len(often))])

    def _write_one(self, made: Made, kind: int) -> None:
        self._tally.documents += 1
        number, rng, days = self._tally.documents, self._rng, self._calendar.days
        day_at = int(rng.random() * self._calendar.past)
        if kind not in (INVOICE, POSTED):
            # What is still a quote, an order or a delivery note is recent; older ones became invoices.
            day_at = max(self._calendar.past - 1 - int(rng.random() * 200), 0)
        piece = f"{'A' if made.supplier else ''}{PREFIXES[kind]}{number:07}"
        returned = kind in (INVOICE, POSTED) and number % 25 == 0
        stamp = self._calendar.moments[number % len(self._calendar.moments)]
        sense = -1 if returned or kind == RETURN else 1
        total = self._write_lines(made, kind, piece, days[day_at], sense, stamp)
        gross = round(total * (1 + VAT), 2)
        paid = kind == POSTED and day_at + 45 < self._calendar.past and number % 3 != 0
        domain, type_ = (PURCHASES, kind + 10) if made.supplier else (SALES, kind)
        self._headers.append((
            domain, type_, piece, days[day_at].stamp, days[day_at + 7].stamp, f"REF{number % 9999:04}",
            made.code, made.representative, made.delivery, made.payer, made.price_category,
            2 if kind else number % 3, int(kind == ORDER and number % 5 == 0),
            (1 + number % 2) if returned else 0, total, total, gross, gross, gross if paid else 0,
            stamp, stamp,
        ))  # fmt: skip
        if kind in (INVOICE, POSTED):
            self._write_due(made, type_, piece, day_at, gross, paid=paid)
        if kind == POSTED:
            invoice = Invoice(
                made=made, type=type_, piece=piece, day=day_at, net=total, gross=gross, due=self._due_dates
            )
            self._accounting.post(invoice, paid=paid)

    def _write_lines(self, made: Made, kind: int, piece: str, day: Day, sense: int, stamp: str) -> float:
        domain, type_ = (PURCHASES, kind + 10) if made.supplier else (SALES, kind)
        total, rng = 0.0, self._rng
        for line in range(1 + int(rng.random() * 4)):
            self._tally.lines += 1
            reference, design, price = self._articles[int(rng.random() * len(self._articles))]
            quantity, discount = sense * (1 + int(rng.random() * 12)), 5 * (self._tally.lines % 5 == 0)
            amount = round(quantity * price * (1 - discount / 100), 2)
            total += amount
            order = f"BC{self._tally.lines:07}" if kind >= DELIVERY_NOTE and line % 2 == 0 else ""
            self._lines.append((
                self._tally.lines, domain, type_, piece, day.stamp, made.code, reference, design,
                (line + 1) * 10000, quantity, quantity if kind >= ORDER else 0,
                quantity if kind >= DELIVERY_NOTE else 0, order, day.stamp if order else self._calendar.empty,
                price, round(price * (1 + VAT), 2), amount, round(amount * (1 + VAT), 2), discount,
                int(discount > 0), made.representative, stamp, stamp,
            ))  # fmt: skip
        return round(total, 2)

    def _write_due(self, made: Made, type_: int, piece: str, day_at: int, gross: float, *, paid: bool) -> None:
        self._due_dates += 1
        stamp = self._calendar.moments[self._due_dates % len(self._calendar.moments)]
        self._dues.append((
            self._due_dates, PURCHASES if made.supplier else SALES, type_, piece, 2,
            self._calendar.days[day_at + 30].stamp, f"Échéance {piece}", 100, gross, 1, int(paid),
            1 + made.position % 6, stamp, stamp,
        ))  # fmt: skip
