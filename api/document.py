"""Writes the calls of docs/api.md: ``python -m api.document`` makes them over a demonstration base, and shows what it answered.

What stands above them in that page is written by hand.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from rich.console import Console

from api.app import create_app
from api.examples import Caller, Exchange, useful_calls
from syncengine.access import keys, users
from syncengine.access.keys import KeyOrder
from syncengine.access.passwords import one_time
from syncengine.access.scopes import Scope
from syncengine.access.users import UserDraft
from syncengine.demo.erp_side import COMPANY, GatewaySide
from syncengine.demo.opening import make_integration
from syncengine.engine import Engine
from syncengine.secrets import Secrets
from syncengine.service.run_requests import carry_out
from syncengine.settings import settings_from
from syncengine.storage.store import open_store
from syncengine.sync import synchronise

TARGET: Final = Path("docs/api.md")
TIERS: Final = 60
HEADING: Final = "## The ten most useful calls\n"
_BELOW: Final = """
Made against a demonstration base by `python -m api.document`; of each list in an answer the first item is shown.

"""
SCOPES: Final = frozenset({Scope.READ, Scope.SYNC, Scope.EDIT})


def page(prose: str, exchanges: list[Exchange]) -> str:
    """The whole page: what stands above the calls, and the calls."""
    above = prose.partition(HEADING)[0]
    return above + HEADING + _BELOW + "\n".join(_section(number, one) for number, one in enumerate(exchanges, 1))


def shortened(value: Any) -> Any:
    """An answer with only the first item of each list."""
    if isinstance(value, dict):
        return {name: shortened(inner) for name, inner in value.items()}
    return [shortened(inner) for inner in value[:1]] if isinstance(value, list) else value


def api_key(engine: Engine, login: str = "etl") -> str:
    """A key of a new user that reads, synchronises and edits."""
    with engine.store.writing() as session:
        at = engine.store.clock()
        user = users.create(session, UserDraft(login=login, name="ETL"), one_time(), at=at)
        _, text = keys.create(session, user, KeyOrder(name="ETL", scopes=SCOPES), at=at)
    return text.get_secret_value()


def calls_of(engine: Engine, url: str, integration_id: int) -> list[Exchange]:
    """The calls, made at that address; runs are carried out as a worker would."""
    caller = Caller(url=url, key=api_key(engine))
    useful_calls(caller, integration_id, lambda number: carry_out(engine, number, bool))
    return caller.exchanges


def main() -> int:
    """Write the page."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        _demonstration(Path(name)) as (engine, number),
    ):
        synchronise(engine, number, screen=False)
        with _served(engine) as url:
            exchanges = calls_of(engine, url, number)
        engine.lines.close()
    TARGET.write_text(page(TARGET.read_text("utf-8"), exchanges), "utf-8")
    return 0


@contextmanager
def _demonstration(folder: Path) -> Iterator[tuple[Engine, int]]:
    """A CRM base and an integration for a small Sage 100 company behind its gateway."""
    erp = GatewaySide(folder)
    erp.command("demo-base", str(erp.base), "--tiers", str(TIERS), "--company", COMPANY)
    erp.write_settings()
    settings = settings_from({"home": folder / "crm"})
    with erp.serving() as url:
        engine = Engine(settings=settings, store=open_store(settings.database), secrets=Secrets(settings))
        try:
            yield engine, make_integration(engine, url, erp.password, Console(quiet=True))
        finally:
            engine.store.close()


@contextmanager
def _served(engine: Engine) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app(engine), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _section(number: int, one: Exchange) -> str:
    asked = [f"{one.method} {one.path}", *(f"{name}: {value}" for name, value in one.headers.items())]
    if one.body is not None:
        asked += ["", json.dumps(one.body, ensure_ascii=False)]
    told = [f"{one.status}", *(f"{name}: {value}" for name, value in one.answered.items())]
    answer = json.dumps(shortened(one.answer), ensure_ascii=False, indent=1)
    lines = (
        f"### {number}. {one.title}",
        "",
        one.words,
        "",
        *("```http", *asked, "```", ""),
        *("```http", *told, "```", ""),
        *("```json", answer, "```", ""),
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
