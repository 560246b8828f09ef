"""Documents commerciaux, Interrogation commerciale and one whole document, against rows written by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from contracts.errors import RemoteFault
from contracts.fields import Record
from contracts.messages import VIEW_DOCUMENT, VIEW_DOCUMENT_LINES, VIEW_DOCUMENTS, Operation
from gateway.database import writing
from gateway.sage import P_DEVISE
from tests.gateway.base import make_base
from tests.gateway.view_world import Ask, add_document, add_line, asking, rows_of

JANUARY, MARCH = dt.date(2026, 1, 10), dt.date(2026, 3, 20)


@pytest.fixture
def base(database_url: str) -> Iterator[Engine]:
    """T001 has one document of each type, and two more quotes; T002 has one; there are an archive and a purchase too.

    Number    Date         Reference     Representative    Status            Currency  Heading 1
    DE-1      2026-01-10   Été 100%      Moreau Dominique  Accepté           EUR       Chantier Nord
    BC-1      2026-01-11   ref[7]        Petit Dominique   À préparer        USD
    PL-1      2026-01-12   AB_C                            À livrer          EUR
    BL-1      2026-01-13   ABXC                            À facturer        EUR
    BR-1      2026-01-14                                   À facturer        EUR
    BA-1      2026-01-15                                   À facturer        EUR
    FA-1      2026-03-20   ÉTÉ           Moreau Dominique  À comptabiliser   EUR
    FC-1      2026-03-20                                   Comptabilisé      EUR
    DE-2      2026-03-20                                   Saisi             EUR
    DE-3      (none)                                       Confirmé          EUR
    """
    engine = make_base(database_url)
    with writing(engine) as connection:
        currencies = (("Euro", "EUR"), ("Dollar US", "USD"))
        rows = [{"cbIndice": n, "D_Intitule": label, "D_CodeISO": iso} for n, (label, iso) in enumerate(currencies, 1)]
        connection.execute(insert(P_DEVISE), rows)

        def document(kind: str, number: int, day: dt.date | None, status: int = 2, **columns: Any) -> None:
            add_document(connection, kind, f"{kind}-{number}", day, DO_Statut=status, **columns)

        document("DE", 1, JANUARY, DO_Ref="Été 100%", CO_No=1, DO_Coord01="Chantier Nord", CT_NumPayeur="T009")
        document("BC", 1, dt.date(2026, 1, 11), DO_Ref="ref[7]", CO_No=2, DO_Devise=2, DO_Cloture=1)
        document("PL", 1, dt.date(2026, 1, 12), DO_Ref="AB_C")
        document("BL", 1, dt.date(2026, 1, 13), DO_Ref="ABXC")
        document("BR", 1, dt.date(2026, 1, 14))
        document("BA", 1, dt.date(2026, 1, 15))
        totals: dict[str, Any] = {
            "DO_TotalHT": 100.5,
            "DO_TotalTTC": 120.6,
            "DO_NetAPayer": 110.6,
            "DO_MontantRegle": 20.1,
        }
        document("FA", 1, MARCH, DO_Ref="ÉTÉ", CO_No=1, **totals)
        document("FC", 1, MARCH)
        document("DE", 2, MARCH, 0)
        document("DE", 3, None, 1)
        document("FA", 8, MARCH, DO_Tiers="T002")
        document("FA", 9, MARCH, DO_Domaine=1)
        add_document(connection, "FA", "ARCH", MARCH, DO_Type=8)
        percent, amount, free = {"01": 1}, {"01": 0}, {"01": 1, "02": 1, "03": 2}
        for article, quantity, kinds, values in (
            ("B-200", 2, percent, (5,)),
            ("A-100", -1, amount, (12.5,)),
            ("", 0, free, (10, 5, 3)),
        ):
            discounts = {f"DL_Remise{n}REM_Type": kind for n, kind in kinds.items()} | {
                f"DL_Remise{n:02}REM_Valeur": value for n, value in enumerate(values, 1)
            }
            design, price = f"Désignation {article}", {"DL_PrixUnitaire": 50.25, "DL_MontantHT": 100.5}
            add_line(connection, "FA", "FA-1", AR_Ref=article, DL_Design=design, DL_Qte=quantity, **price, **discounts)
        add_line(connection, "DE", "DE-1", AR_Ref="A-100", DL_Design="Pompe", CO_No=2, DL_MontantTTC=60.3)
        add_line(connection, "BC", "BC-1", AR_Ref="C-300", DL_Design="Scie")
        add_line(connection, "FA", "FA-8", AR_Ref="A-100", DL_Design="D'un autre")
    yield engine
    engine.dispose()


def numbers(ask: Ask, operation: Operation = VIEW_DOCUMENTS, **said: Any) -> list[str]:
    reply = ask(operation, code="T001", **said)
    return [one.text("number") for one in rows_of(operation, reply)]


def since(day: dt.date) -> dict[str, Any]:
    return {"from": day}


def refusal(ask: Ask, operation: Operation, **said: Any) -> RemoteFault:
    with pytest.raises(RemoteFault) as refused:
        ask(operation, **said)
    assert not refused.value.may_retry
    assert refused.value.remedy
    return refused.value


NEWEST_FIRST = ["FC-1", "FA-1", "DE-2", "BA-1", "BR-1", "BL-1", "PL-1", "BC-1", "DE-1", "DE-3"]


@pytest.mark.req("CRM-54", "CRM-55")
def test_newest_first_or_by_date_type_and_number(base: Engine) -> None:
    with asking(base) as ask:
        assert numbers(ask) == NEWEST_FIRST
        assert numbers(ask, sort="Date", descending=True) == NEWEST_FIRST
        # On one day the latest stage of a sale comes first, in either direction.
        oldest = ["DE-3", "DE-1", "BC-1", "PL-1", "BL-1", "BR-1", "BA-1", "FC-1", "FA-1", "DE-2"]
        assert numbers(ask, sort="Date") == oldest
        by_type = ["DE-2", "DE-1", "DE-3", "BC-1", "PL-1", "BL-1", "BR-1", "BA-1", "FA-1", "FC-1"]
        assert numbers(ask, sort="Type") == by_type
        assert numbers(ask, sort="Type", descending=True)[-3:] == ["DE-2", "DE-1", "DE-3"]
        assert numbers(ask, sort="Number") == sorted(NEWEST_FIRST)
        assert numbers(ask, sort="Number", descending=True) == sorted(NEWEST_FIRST, reverse=True)


@pytest.mark.req("CRM-54", "CRM-55")
def test_a_header_in_words(base: Engine) -> None:
    with asking(base) as ask:
        found = {one.text("number"): one for one in rows_of(VIEW_DOCUMENTS, ask(VIEW_DOCUMENTS, code="T001"))}

    statuses = {number: one.text("status") for number, one in found.items()}
    assert statuses == {
        "DE-1": "Accepté",
        "BC-1": "À préparer",
        "PL-1": "À livrer",
        **dict.fromkeys(("BL-1", "BR-1", "BA-1"), "À facturer"),
        "FA-1": "À comptabiliser",
        "FC-1": "Comptabilisé",
        "DE-2": "Saisi",
        "DE-3": "Confirmé",
    }
    quote, order, invoice = found["DE-1"], found["BC-1"], found["FA-1"]
    assert (quote.text("type"), quote["date"], quote["delivery_date"]) == ("DE", JANUARY, JANUARY)
    assert (quote.text("tiers"), quote.text("tiers_name"), quote.text("payer")) == ("T001", "Client 1", "T009")
    assert (quote.text("heading1"), quote.text("heading2")) == ("Chantier Nord", "")
    assert (quote.text("currency"), order.text("currency")) == ("EUR", "USD")
    assert (quote.text("representative"), order.text("representative")) == ("Moreau Dominique", "Petit Dominique")
    assert found["PL-1"].text("representative") == ""
    assert (quote["closed"], order["closed"]) == (False, True)
    amounts = ("total_before_tax", "total_with_tax", "net_to_pay", "settled")
    assert [invoice[name] for name in amounts] == [Decimal(text) for text in ("100.5", "120.6", "110.6", "20.1")]
    assert found["DE-3"].day("date") is None


@pytest.mark.req("CRM-55")
def test_types_and_days_narrow_the_list(base: Engine) -> None:
    with asking(base) as ask:
        assert numbers(ask, types=["DE", "FA"]) == ["FA-1", "DE-2", "DE-1", "DE-3"]
        # A user who may see no type sees nothing: an empty list is a list.
        assert numbers(ask, types=[]) == []
        assert ask(VIEW_DOCUMENTS, code="T001", types=["FC"]).integer("total") == 1
        span: dict[str, Any] = {"from": dt.date(2026, 1, 12), "to": dt.date(2026, 1, 14)}
        assert numbers(ask, **span) == ["BR-1", "BL-1", "PL-1"]
        assert numbers(ask, to=JANUARY) == ["DE-1"]
        assert numbers(ask, **since(dt.date.min)) == NEWEST_FIRST[:-1]
        assert numbers(ask, to=dt.date.max) == NEWEST_FIRST[:-1]
        assert numbers(ask, **since(MARCH), to=JANUARY) == []
        assert refusal(ask, VIEW_DOCUMENTS, code="T001", types=["DE", "XX"]).field == "Type"


FOUND = {
    "fa-": ["FA-1"],
    "BC-1": ["BC-1"],
    "bc": ["BC-1"],
    "été": ["FA-1", "DE-1"],
    "Été": ["FA-1", "DE-1"],
    "  ÉTÉ ": ["FA-1", "DE-1"],
    "100%": ["DE-1"],
    "%": ["DE-1"],
    "ref[7]": ["BC-1"],
    "[": ["BC-1"],
    "ab_c": ["PL-1"],
    "/": [],
    "moreau dom": ["FA-1", "DE-1"],
    "à fact": ["BA-1", "BR-1", "BL-1"],
    "usd": ["BC-1"],
    "nord": ["DE-1"],
    "t009": ["DE-1"],
    "client 1": NEWEST_FIRST,
    "10/01/2026": ["DE-1"],
    "2026-01-10": ["DE-1"],
    "'; DROP TABLE F_COMPTET --": [],
    "99/99/2026": [],
    "120.6": [],
    " ": NEWEST_FIRST,
}


@pytest.mark.req("CRM-55")
def test_quick_search_over_the_columns_of_the_header(base: Engine) -> None:
    with asking(base) as ask:
        found = {term: numbers(ask, search=term) for term in FOUND}
        assert found == FOUND
        assert numbers(ask, search="été", types=["DE"]) == ["DE-1"]


@pytest.mark.req("CRM-54")
def test_lines_of_one_tiers(base: Engine) -> None:
    with asking(base) as ask:
        rows = rows_of(VIEW_DOCUMENT_LINES, ask(VIEW_DOCUMENT_LINES, code="T001"))
        articles = [(one.text("number"), one.text("article")) for one in rows]
        by_article = rows_of(VIEW_DOCUMENT_LINES, ask(VIEW_DOCUMENT_LINES, code="T001", sort="Article"))
        found = numbers(ask, VIEW_DOCUMENT_LINES, search="pompe")
        of_type = numbers(ask, VIEW_DOCUMENT_LINES, types=["BC"])
        of_header = numbers(ask, VIEW_DOCUMENT_LINES, search="petit")
        refused = refusal(ask, VIEW_DOCUMENT_LINES, code="T001", sort="Quantity")

    of_invoice = [("FA-1", "B-200"), ("FA-1", "A-100"), ("FA-1", "")]
    assert articles == [*of_invoice, ("BC-1", "C-300"), ("DE-1", "A-100")]
    assert [one.text("article") for one in by_article] == ["", "A-100", "A-100", "B-200", "C-300"]
    # Two lines of one article: the newest document first.
    assert [one.text("number") for one in by_article][1:3] == ["FA-1", "DE-1"]
    assert (found, of_type, of_header) == (["DE-1"], ["BC-1"], ["BC-1"])
    assert "Date, Type, Number, Article" in refused.message
    assert [one.text("discount") for one in rows] == ["5 %", "12,5", "10 % + 5 % + 3 U", "", ""]
    first, quote = rows[0], rows[-1]
    assert (first["date"], first.text("type"), first["quantity"], first["unit_price"]) == (
        MARCH,
        "FA",
        2,
        Decimal("50.25"),
    )
    assert (first["amount_before_tax"], first.text("designation")) == (Decimal("100.5"), "Désignation B-200")
    assert (quote.text("representative"), quote["amount_with_tax"]) == ("Petit Dominique", Decimal("60.3"))
    assert first.text("representative") == ""


@pytest.mark.req("CRM-55")
def test_one_document_with_its_lines(base: Engine) -> None:
    with asking(base) as ask:
        whole = ask(VIEW_DOCUMENT, type="FA", number="FA-1").one("document")
        header = rows_of(VIEW_DOCUMENTS, ask(VIEW_DOCUMENTS, code="T001", search="FA-1"))[0]
        empty = ask(VIEW_DOCUMENT, type="PL", number="PL-1").one("document")
        missing = refusal(ask, VIEW_DOCUMENT, type="FA", number="FA-7")
        purchase = refusal(ask, VIEW_DOCUMENT, type="FA", number="FA-9")
        nameless = refusal(ask, VIEW_DOCUMENT, type="ZZ", number="FA-1")

    assert isinstance(whole, Record)
    assert isinstance(empty, Record)
    assert {name: value for name, value in whole.items() if name != "lines"} == dict(header.items())
    assert [one.text("article") for one in whole.many("lines")] == ["B-200", "A-100", ""]
    assert empty.many("lines") == []
    assert (missing.problem_code, missing.record, missing.field) == ("unknown_document", "FA-7", "Number")
    assert purchase.problem_code == "unknown_document"
    assert (nameless.problem_code, nameless.field) == ("invalid_request", "Type")


@pytest.mark.req("CRM-54", "CRM-55")
def test_pages_are_bounded_and_the_refusal_says_how(base: Engine) -> None:
    with asking(base) as ask:
        first, second = numbers(ask, page_size=4), numbers(ask, page_size=4, page=2)
        beyond = ask(VIEW_DOCUMENTS, code="T001", page=2_000_000_000, page_size=500)
        for wrong, field in (({"page_size": 501}, "PageSize"), ({"page_size": 0}, "PageSize"), ({"page": 0}, "Page")):
            assert refusal(ask, VIEW_DOCUMENTS, code="T001", **wrong).field == field
        refused = refusal(ask, VIEW_DOCUMENTS, code="T001", sort="TotalWithTax")

    assert first + second == NEWEST_FIRST[:8]
    assert (beyond.integer("total"), beyond.many("documents")) == (10, [])
    assert (refused.problem_code, refused.field) == ("invalid_request", "Sort")
    assert "Date, Type, Number" in refused.message


@pytest.mark.req("CRM-55")
@pytest.mark.parametrize("term", ["<script>&amp;", "𝄞 clef", "عربي", "' OR 1=1 --", "%'; DELETE", "\\", "Îïœ" * 20])
def test_a_hostile_search_finds_what_is_there_and_nothing_else(sqlite_url: str, term: str) -> None:
    base = make_base(sqlite_url)
    with writing(base) as connection:
        add_document(connection, "FA", "FA-1", MARCH, DO_Coord01=term[:25], DO_Ref="x" * 40)
        add_document(connection, "FA", "FA-2", MARCH, DO_Coord02="another")

    with asking(base) as ask:
        rows = rows_of(VIEW_DOCUMENTS, ask(VIEW_DOCUMENTS, code="T001", search=term[:25].upper()))

    # A text the base holds beyond the contract's length is cut, and the page arrives.
    assert [(one.text("number"), one.text("heading1"), one.text("reference")) for one in rows] == [
        ("FA-1", term[:25], "x" * 17)
    ]
    base.dispose()
