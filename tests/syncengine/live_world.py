"""Both sides with one client whose documents and entries are written by hand, and an engine that looks at it live."""

from __future__ import annotations

import datetime as dt
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, update

from gateway.demo.edits import insert_tiers
from gateway.sage import F_DOCENTETE
from syncengine.engine import Engine
from syncengine.rtdv import whom
from syncengine.rtdv.whom import Whom
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from tests.gateway.base import LONG_AGO
from tests.gateway.view_world import add_document, add_entry, add_line
from tests.syncengine.world import World, world

CODE = "MAIN"
DAY = dt.date(2026, 3, 2)


@dataclass(kw_only=True)
class Looking:
    """A world and an engine over its CRM base; ``account_id`` is that of the client written by hand."""

    world: World
    engine: Engine
    account_id: int
    company_id: int

    @property
    def whom(self) -> Whom:
        """The client, as the operator sees it."""
        return self.seen_by(None)

    def seen_by(self, user_id: int | None) -> Whom:
        """The client, as that user may see it."""
        with self.engine.store.reading() as session:
            return whom.of_account(session, self.account_id, by=user_id)


@contextmanager
def looking(folder: Path, crm_url: str) -> Iterator[Looking]:
    """The client is in the ERP and, after one cycle, in the CRM."""
    with world(folder, crm_url, tiers=6) as made:
        with made.erp() as erp:
            insert_tiers(erp, CODE, "Client à la main", at=LONG_AGO, CT_Encours=Decimal(1000))
            write_documents(erp)
        assert made.cycle().problem is None
        engine = Engine(
            settings=(settings := settings_from({"home": folder / "engine"})),
            store=made.store,
            secrets=Secrets(settings),
        )
        password = engine.secrets.encrypt(SecretStr(made.gateway.password))
        made.set(erp_user=made.gateway.user, erp_password=password)
        account = made.account(CODE)
        try:
            yield Looking(world=made, engine=engine, account_id=account["id"], company_id=account["company_id"])
        finally:
            engine.lines.close()


def write_documents(erp: Connection) -> None:
    """What the client bought; amounts before tax, each document with one line of that amount but the first, which has two.

    FA FA1 2026-03-02   100.50 + 20       invoices of 2026: 120.50 + 40.25 − 20 (credit note) = 140.75
    FC FC1 2026-03-05    40.25            invoices of 2025: 7
    FC FC2 2026-03-06   −20, DO_Provenance 2
    FC FC3 2025-12-31     7
    BC BC1 2026-03-07   300 (open), BC BC2 2026-03-08 500 (closed): order book 300
    DE DE1 2026-03-09    80
    """
    for number, (kind, piece, day, amounts) in enumerate(
        (
            ("FA", "MFA1", DAY, ("100.50", "20")),
            ("FC", "MFC1", dt.date(2026, 3, 5), ("40.25",)),
            ("FC", "MFC2", dt.date(2026, 3, 6), ("-20",)),
            ("FC", "MFC3", dt.date(2025, 12, 31), ("7",)),
            ("BC", "MBC1", dt.date(2026, 3, 7), ("300",)),
            ("BC", "MBC2", dt.date(2026, 3, 8), ("500",)),
            ("DE", "MDE1", dt.date(2026, 3, 9), ("80",)),
        )
    ):
        total = sum(map(Decimal, amounts))
        add_document(
            erp, kind, piece, day, DO_Tiers=CODE, DO_TotalHT=total, DO_TotalTTC=total * 2, DO_Ref=f"=REF{number}"
        )
        for amount in amounts:
            half = Decimal(amount) / 2
            article = {"AR_Ref": f"ART{number}", "DL_Design": "Vis; « M8 »", "DL_Qte": 2, "DL_PrixUnitaire": half}
            add_line(erp, kind, piece, CT_Num=CODE, DL_MontantHT=Decimal(amount), **article)
    set_document(erp, "MFC2", DO_Provenance=2)
    set_document(erp, "MBC2", DO_Cloture=1)
    # Balance 60 − 10 = 50; overdue: 60 was due in April, the credit is due in 2027.
    add_entry(erp, DAY, 60, due=dt.date(2026, 4, 1), code=CODE, JO_Num="VTE")
    add_entry(erp, DAY, -10, due=dt.date(2027, 1, 1), code=CODE, JO_Num="BQ")


def set_document(erp: Connection, piece: str, **columns: object) -> None:
    """Somebody changes a document in the ERP."""
    erp.execute(update(F_DOCENTETE).where(F_DOCENTETE.c.DO_Piece == piece).values(**columns))


@contextmanager
def deaf_server() -> Iterator[str]:
    """A server that takes calls and never says a word; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def take() -> None:
        try:
            while True:
                taken.append(listener.accept()[0])
        except OSError:
            return

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for line in taken:
            line.close()
