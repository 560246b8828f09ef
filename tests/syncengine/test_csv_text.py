"""CSV that Excel opens in France as it was meant."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from syncengine.core.csv_text import csv_lines


def test_each_kind_of_value_is_written_as_excel_reads_it_in_france() -> None:
    row = [
        *(None, True, False, 12, Decimal("-1234.500000"), Decimal("0.125000"), Decimal("0E-6")),
        *(dt.date(2026, 11, 2), "Vis; « M8 »", 'dit "bon"', "=1+1", "-5 %", "00012"),
    ]
    heading, line = csv_lines(["A", "É"], [row])
    assert heading == "\ufeffA;É\r\n"
    assert line == ';oui;non;12;-1234,50;0,125;0,00;02/11/2026;"Vis; « M8 »";"dit ""bon""";\'=1+1;\'-5 %;00012\r\n'


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)))
def test_any_text_comes_back_and_none_is_a_formula(rows: list[list[str]]) -> None:
    text = "".join(csv_lines(["a", "b"], rows))
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=";"))[1:]
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in read for cell in row)
