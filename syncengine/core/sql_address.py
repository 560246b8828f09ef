"""The address of an ERP database that is read directly (CRM-59), and how it is opened so that nothing can be written."""

from __future__ import annotations

from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVERS: Final = {"mssql": "mssql+pyodbc", "postgresql": "postgresql+psycopg", "sqlite": "sqlite+pysqlite"}
_FORMS: Final = "mssql://user:password@server/base, postgresql://user:password@server/base or sqlite:///file"


def parsed(text: str) -> URL:
    """The address with the driver it is opened with. Raises ValueError, which repeats nothing of it: it may hold a password."""
    try:
        url = make_url(text.strip())
        driver = DRIVERS[url.get_backend_name()]
        url.port  # noqa: B018 - a port that is none is noticed when it is read
    except (ArgumentError, ValueError, KeyError):
        raise ValueError(f"the ERP database is named as {_FORMS}") from None
    if not url.database:
        raise ValueError("the address of the ERP database names no base")
    return url.set(drivername=driver)


def wrong(text: str) -> str:
    """What is wrong with an address, empty when nothing is."""
    try:
        parsed(text)
    except ValueError as error:
        return str(error)
    return ""
