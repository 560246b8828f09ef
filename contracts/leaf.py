"""Short ways to write the leaf fields of messages: name, what it means, where it is from."""

from __future__ import annotations

from contracts.fields import Field, Kind


def text(name: str, doc: str = "", *, length: int | None = None, required: bool = False, erp: str = "") -> Field:
    """A text."""
    return Field(name=name, length=length, required=required, doc=doc, erp=erp)


def integer(name: str, doc: str = "", *, required: bool = False, erp: str = "") -> Field:
    """A whole number of 32 bits."""
    return Field(name=name, kind=Kind.INTEGER, required=required, doc=doc, erp=erp)


def flag(name: str, doc: str = "", *, required: bool = False, erp: str = "") -> Field:
    """True or false."""
    return Field(name=name, kind=Kind.FLAG, required=required, doc=doc, erp=erp)


def instant(name: str, doc: str = "") -> Field:
    """A moment, UTC."""
    return Field(name=name, kind=Kind.INSTANT, doc=doc)


def amount(name: str, doc: str = "", *, erp: str = "") -> Field:
    """An amount, quantity or price."""
    return Field(name=name, kind=Kind.AMOUNT, doc=doc, erp=erp)


def day(name: str, doc: str = "", *, erp: str = "") -> Field:
    """A date."""
    return Field(name=name, kind=Kind.DATE, doc=doc, erp=erp)
