"""The desk of the demonstration: what somebody does in Sage 100 and reads there, order by order."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from gateway.cli import main
from gateway.database import create_base, reading, writing
from gateway.demo import build_base, work
from gateway.demo.edits import edit_tiers, insert_contact, insert_delivery, insert_tiers
from gateway.errors import GatewayProblem, InputInvalid
from gateway.sage import F_COLLABORATEUR, F_COMPTET

AT = dt.datetime.fromisoformat("2026-06-01 09:30")


@pytest.fixture
def base(sage_engine: Engine) -> Engine:
    """A base of two tiers, one with a contact and a delivery address."""
    create_base(sage_engine)
    with writing(sage_engine) as connection:
        insert_tiers(connection, "A", "Alpha", at=AT, CT_Telephone="1", CT_Ville="Lyon")
        insert_tiers(connection, "B", "Bêta")
        insert_contact(connection, "A", "Martin", at=AT, CT_Fonction="Achats")
        insert_delivery(connection, "A", "Dépôt", LI_Ville="Sète")
    return sage_engine


def ask(base: Engine, **order: Any) -> Any:
    """The answer to one order."""
    (line,) = work(base, ["\n", json.dumps(order) + "\n"])
    assert line.isascii()
    return json.loads(line)


def test_a_tiers_is_read_by_the_names_of_the_contract(base: Engine) -> None:
    found = ask(base, do="show", code="A")
    assert (found["tiers"]["name"], found["tiers"]["phone"], found["billing"]["town"]) == ("Alpha", "1", "Lyon")
    assert [(one["title"], one["town"]) for one in found["deliveries"]] == [("Alpha", "Lyon"), ("Dépôt", "Sète")]
    assert [(one["last_name"], one["function"]) for one in found["contacts"]] == [("Martin", "Achats")]
    assert ask(base, do="show", code="NOBODY") == {"tiers": {}, "billing": {}, "deliveries": [], "contacts": []}


def test_tiers_are_changed_as_a_user_does(base: Engine) -> None:
    ask(base, do="edit", codes=["A", "B"], values={"phone": "2", "dormant": 1})
    with reading(base) as connection:
        query = select(F_COMPTET.c.CT_Telephone, F_COMPTET.c.CT_Sommeil).order_by(F_COMPTET.c.CT_Num)
        assert [tuple(row) for row in connection.execute(query)] == [("2", 1), ("2", 1)]
    assert dt.datetime.fromisoformat(ask(base, do="show", code="A")["tiers"]["modified"]) > AT


def test_a_representative_comes_and_goes_unless_a_tiers_has_it(base: Engine) -> None:
    code = ask(base, do="hire", last_name="Remplacement", first_name="Été")["code"]
    with writing(base) as connection:
        edit_tiers(connection, "A", CO_No=int(code))
    with pytest.raises(GatewayProblem, match="representative"):
        ask(base, do="dismiss", code=code)
    with writing(base) as connection:
        edit_tiers(connection, "A", CO_No=0)
    ask(base, do="dismiss", code=code)
    with reading(base) as connection:
        assert connection.scalars(select(F_COLLABORATEUR.c.CO_No)).all() == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hello", "no order: hello"),
        ("[]", "no order"),
        ('{"do": "fly"}', "no order"),
        ('{"do": "show"}', "show"),
        ('{"do": "edit", "codes": ["A"], "values": {"wings": 2}}', "wings"),
    ],
)
def test_what_is_no_order_is_told_and_nothing_is_done(base: Engine, line: str, words: str) -> None:
    with pytest.raises(InputInvalid, match=words):
        list(work(base, [line]))


def test_the_command_answers_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sqlite_engine: Engine
) -> None:
    build_base(sqlite_engine, tiers=2, dirt=False)
    with reading(sqlite_engine) as connection:
        code = connection.scalar(select(F_COMPTET.c.CT_Num))
    orders = [{"do": "edit", "codes": [code], "values": {"name": "Renommée"}}, {"do": "show", "code": code}]
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{json.dumps(order)}\n" for order in orders)))
    monkeypatch.setattr("sys.argv", ["sage-gateway", "demo-desk", str(tmp_path / "base.db")])
    with pytest.raises(SystemExit) as ended:
        main()
    first, second = capsys.readouterr().out.splitlines()
    assert (ended.value.code or 0, first, json.loads(second)["tiers"]["name"]) == (0, "{}", "Renommée")
