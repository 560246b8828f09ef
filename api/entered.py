"""Bodies made from the fields of the contract: what may be entered in a record is declared there, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field, create_model

from api.forms import Form, Text
from contracts.fields import Struct


def entry_form(name: str, struct: Struct, attrs: Iterable[str], *, own: Mapping[str, Any], doc: str) -> type[Form]:
    """A form with these fields of a record, each optional, and ``own`` fields beside them; null empties a value."""
    fields: dict[str, Any] = {}
    for attr in attrs:
        field = struct.field(attr)
        fields[attr] = (Text | None, Field(default=None, description=field.label or field.doc or None))
    return create_model(name, __base__=Form, __doc__=doc, **fields, **own)
