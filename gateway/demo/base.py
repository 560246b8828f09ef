"""Building a demonstration base: a believable Sage 100 company of any size, the same for the same seed."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable

from sqlalchemy import Connection, Engine, func, select

from gateway.clock import wall_clock
from gateway.database import create_base, writing
from gateway.demo.calendar import Calendar
from gateway.demo.companies import Companies
from gateway.demo.dirt import Dirt
from gateway.demo.documents import Article, Documents
from gateway.demo.edits import add_free_field, insert_tiers
from gateway.demo.free_fields import DEMO_FIELDS
from gateway.demo.parameters import ARTICLES, REPRESENTATIVES, write_catalogue, write_parameters
from gateway.demo.pools import Pools, make_pools
from gateway.demo.sink import Sink
from gateway.demo.summary import BaseSummary, Tally
from gateway.errors import BaseNotEmpty, InputInvalid
from gateway.sage import F_ARTICLE, F_COMPTET, P_DOSSIER
from gateway.sage.defaults import TiersType

CHUNK = 1000
DEFAULT_COMPANY = "Société de démonstration"
LEAST, MOST = 2, 200_000
EMPLOYEES, OTHERS = 3, (("URSSAF", "URSSAF"), ("DGFIP", "Direction générale des finances publiques"))


def build_base(
    engine: Engine,
    *,
    tiers: int,
    seed: int = 1,
    company: str = DEFAULT_COMPANY,
    dirt: bool = True,
    documents_per_tiers: float = 2.0,
    at: dt.datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> BaseSummary:
    """Fill an empty database with a company of `tiers` clients and suppliers, and everything around them.

    `at` is the wall-clock moment the base was last used, by default last night; nothing in it is younger.
    The same seed and `at` give the same rows; memory does not grow with `tiers`. The counts of the summary
    leave the employees' and others' children out. `progress` is told the tiers made so far. Raises BaseNotEmpty, InputInvalid.
    """
    if not LEAST <= tiers <= MOST:
        raise InputInvalid(f"a base has {LEAST} to {MOST} tiers, not {tiers}", remedy="Ask for another number.")
    rng = random.Random(seed)  # noqa: S311 - demonstration data
    calendar = Calendar(at or last_night(), engine.dialect, rng)
    pools, tally = make_pools(seed), Tally()
    create_base(engine)
    with writing(engine) as connection:
        _refuse_filled(connection)
        write_parameters(connection, company, calendar.at)
        write_catalogue(connection, pools, rng, calendar.at)
        for field in DEMO_FIELDS:
            add_free_field(connection, field.name, field.kind, field.length, items=field.items)
        articles = _articles(connection)
    sink = Sink(engine.dialect, calendar)
    spoiler = Dirt(active=dirt, wide=engine.dialect.name == "sqlite", note=tally.bad.append)
    companies = Companies(sink=sink, pools=pools, calendar=calendar, rng=rng, dirt=spoiler, tally=tally)
    documents = Documents(sink=sink, articles=articles, calendar=calendar, rng=rng, tally=tally)
    for chunk in range(0, tiers, CHUNK):
        for position in range(chunk, min(chunk + CHUNK, tiers)):
            documents.write(companies.make(position), documents_per_tiers)
        with writing(engine) as connection:
            sink.flush(connection)
        if progress:
            progress(min(chunk + CHUNK, tiers))
    with writing(engine) as connection:
        _write_outsiders(connection, pools, calendar.at, tally)
    return _summary(tally)


def last_night() -> dt.datetime:
    """Yesterday, eight in the evening: when the people of a demonstration company went home."""
    yesterday = wall_clock() - dt.timedelta(days=1)
    return yesterday.replace(hour=20, minute=0, second=0)


def _refuse_filled(connection: Connection) -> None:
    held = connection.scalar(select(func.count()).select_from(F_COMPTET)) or 0
    if held or connection.scalar(select(func.count()).select_from(P_DOSSIER)):
        raise BaseNotEmpty(f"the database already holds a company, with {held} tiers")


def _articles(connection: Connection) -> list[Article]:
    query = select(F_ARTICLE.c.AR_Ref, F_ARTICLE.c.AR_Design, F_ARTICLE.c.AR_PrixVen).order_by(F_ARTICLE.c.AR_Ref)
    return [(reference, design, float(price)) for reference, design, price in connection.execute(query)]


def _write_outsiders(connection: Connection, pools: Pools, at: dt.datetime, tally: Tally) -> None:
    """Employees and 'other' tiers, which must stay out of the synchronisation (CRM-05)."""
    for number in range(1, EMPLOYEES + 1):
        name = f"{pools.last_names[-number]} {pools.first_names[-number][0]}"
        insert_tiers(connection, f"SAL{number:03}", name, kind=TiersType.EMPLOYEE, at=at)
    for code, name in OTHERS:
        insert_tiers(connection, code, name, kind=TiersType.OTHER, at=at)
    tally.employees, tally.others = EMPLOYEES, len(OTHERS)


def _summary(tally: Tally) -> BaseSummary:
    counted = {name: value for name, value in vars(tally).items() if name != "bad"}
    catalogue = {"representatives": REPRESENTATIVES, "articles": ARTICLES, "free_fields": len(DEMO_FIELDS)}
    return BaseSummary(**counted, **catalogue, bad=tuple(tally.bad))
