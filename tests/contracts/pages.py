"""Pages of the change log as a gateway would send them, to be broken by the tests."""

from __future__ import annotations

from lxml import etree

from contracts.client import answer
from contracts.codec import writer
from contracts.envelope import envelope, message
from contracts.fields import Record, Value
from contracts.messages import CHANGE_SET, CONTRACT_VERSION, GET_CHANGE_LOG, NAMESPACE, SET_RECORDS, EntitySet
from contracts.page import Page, read_page
from contracts.tables import ADDRESS, CONTACT, FREE_FIELD_VALUE, TIERS


def tiers(code: str) -> Record:
    """A tiers with children of every kind."""
    contacts = [CONTACT.record(key=str(number), last_name=f"Nom {number}", email=None) for number in (1, 2)]
    return TIERS.record(
        code=code,
        version="v1",
        type="client",
        name=f"Société {code}",
        dormant=False,
        siret="01234567890123",
        free_fields=[FREE_FIELD_VALUE.record(name="Chiffre clé", value="12.5")],
        addresses=[ADDRESS.record(key="billing", kind="billing", town="Épinal")],
        contacts=contacts,
    )


def change_set(entity_set: EntitySet, records: list[Record], **more: Value) -> Record:
    """The changes of one entity set."""
    said: dict[str, Value] = {"name": entity_set.value, "next_cursor": "e-9-0", "at_end": True, "remaining": 0}
    return CHANGE_SET.record(**(said | {SET_RECORDS[entity_set]: records} | more))


def document(*sets: Record, version: str = CONTRACT_VERSION) -> str:
    """The element in the body of a reply of GetChangeLog, without its namespace."""
    response = GET_CHANGE_LOG.response
    return writer(response)(response.record(contract_version=version, company="BIJOU SA", change_sets=list(sets)))


def body(content: str, *, namespace: str = NAMESPACE) -> etree._Element:
    """The element as it comes out of an envelope."""
    start, rest = content.split(">", 1)
    return answer(envelope(f'{start} xmlns="{namespace}">{rest}'))


def page(content: str) -> Page:
    """What the reader makes of it."""
    return read_page(body(content))


def whole(record: Record) -> etree._Element:
    """A message as it comes out of an envelope."""
    return answer(message(record))
