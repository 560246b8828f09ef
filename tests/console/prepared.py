"""A console with data worth looking at: the demonstration's two bases, its gateway, and the application over them."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from rich.console import Console
from sqlalchemy import update

from api.app import create_app
from api.identity import COOKIE
from syncengine.access import sessions
from syncengine.access.sessions import Lasting, Place
from syncengine.demo.erp_side import GatewaySide
from syncengine.demo.play import run_demo
from syncengine.engine import Engine
from syncengine.model import Integration, User
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from syncengine.storage.store import open_store
from tests.api.serving import served

TIERS = 120


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The application as it is served, and its base."""

    app: FastAPI
    engine: Engine
    url: str
    integration_id: int

    def session(self, login: str = "admin", *, administrator: bool = True) -> dict[str, str]:
        """A cookie of somebody who is signed in; the user is made if there is none of that login."""
        at = self.engine.store.clock()
        with self.engine.store.writing() as session:
            user = session.query(User).filter_by(login=login).one_or_none()
            if user is None:
                user = User(login=login, name=login.title(), administrator=administrator, created_at=at)
                session.add(user)
                session.flush()
            lasting = Lasting.by(self.engine.settings)
            token = sessions.begin(session, user, place=Place(agent="test"), lasting=lasting, at=at)
        return {"name": COOKIE, "value": token.get_secret_value(), "url": self.url}


def make_demo(folder: Path) -> Path:
    """The folder of a demonstration that has been played; made once, it is copied for each use."""
    run_demo(folder, tiers=TIERS, console=Console(file=io.StringIO()))
    return folder


@contextmanager
def prepared(folder: Path) -> Iterator[Prepared]:
    """The application over the demonstration in ``folder``, and its gateway, both listening."""
    side = GatewaySide(folder)
    # Left by the gateway of the demonstration: it would be taken for that of this one.
    (folder / "gateway.port").unlink(missing_ok=True)
    with side.serving() as url:
        settings = settings_from({"home": folder / "crm", "requests_per_minute": 100_000, "sign_ins_per_minute": 1_000})
        store = open_store(settings.database)
        engine = Engine(settings=settings, store=store, secrets=Secrets(settings))
        with store.writing() as session:
            session.execute(update(Integration).values(url=url))
            number = session.query(Integration.id).order_by(Integration.id).limit(1).scalar()
        app = create_app(engine)
        try:
            with served(app) as address:
                yield Prepared(app=app, engine=engine, url=address, integration_id=number or 0)
        finally:
            store.close()


def copied(demo: Path, folder: Path) -> Path:
    """A copy of a demonstration, to be changed."""
    shutil.copytree(demo, folder)
    return folder
