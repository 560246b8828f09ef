"""The usual way: zeep's own objects, and `session.merge` for each record. Measured on a sample of one page and scaled."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from requests import Session as Http
from zeep import Client
from zeep.transports import Transport

from benchmarks.crm import PASSWORD, USER
from contracts.messages import CONTRACT_VERSION
from contracts.schema import WSDL_FILE, contract_file
from contracts.tables import ADDRESS, CONTACT, TIERS
from syncengine.core.replicate import COMPANY_LEAVES
from syncengine.core.snapshot import LEAVES
from syncengine.cycle.arrivals import CONTACT_LEAVES, CONTACT_PHONES, TIERS_PHONES
from syncengine.cycle.run import utc_now
from syncengine.model import Account, Address, Company, Contact, Email, Link, Phone
from syncengine.storage.store import Store


@dataclass(frozen=True, kw_only=True)
class NaiveResult:
    """Seconds for a sample of tiers."""

    seconds: float
    tiers: int


def run_naive(url: str, store: Store, integration_id: int, *, sample: int) -> NaiveResult:
    """Fetch a page of ``sample`` tiers as zeep objects and merge each record with its children."""
    http = Http()
    http.auth, http.trust_env = (USER, PASSWORD), False
    transport = Transport(session=http, operation_timeout=600)  # type: ignore[no-untyped-call]
    client = Client(str(contract_file(WSDL_FILE)), transport=transport)  # type: ignore[no-untyped-call]
    service = client.create_service(next(iter(client.wsdl.bindings)), url)  # type: ignore[no-untyped-call]
    start = time.perf_counter()
    reply = service.GetChangeLog(
        ContractVersion=CONTRACT_VERSION,
        PageSize=sample,
        EntitySets={"EntitySetRequest": [{"Name": "tiers", "Cursor": ""}]},
    )
    records = reply.ChangeSets.ChangeSet[0].TiersList.Tiers
    with store.writing() as session:
        for number, record in enumerate(records, 1):
            _merge(session, record, number, integration_id)
            session.flush()
    return NaiveResult(seconds=time.perf_counter() - start, tiers=len(records))


def _merge(session: Any, record: Any, number: int, integration_id: int) -> None:
    now = utc_now()
    values = {attr: getattr(record, TIERS.field(attr).name) for attr in LEAVES}
    free = {item.Name: item.Value for item in record.FreeFields.FreeFieldValue} if record.FreeFields else None
    stamps = {"created_at": now, "updated_at": now}
    owner = {"company_id": number, "account_id": number}
    company = {attr: values[attr] for attr in COMPANY_LEAVES}
    session.merge(Company(id=number, company_type="client", free_values=free, **company, **stamps))
    account = Account(
        id=number, integration_id=integration_id, company_id=number, is_main=True, free_values=free, **values, **stamps
    )
    session.merge(account)
    session.merge(
        Link(id=number, integration_id=integration_id, entity="account", local_id=number, erp_key=record.Code)
    )
    for attr, kind in TIERS_PHONES:
        if values[attr]:
            session.merge(Phone(kind=kind, number=values[attr], **owner))
    if values["email"]:
        session.merge(Email(kind="information", address=values["email"], **owner))
    for place, address in enumerate(record.Addresses.Address if record.Addresses else ()):
        own = {"erp_key" if a == "key" else a: getattr(address, ADDRESS.field(a).name) for a in ADDRESS.index}
        session.merge(Address(id=number * 1000 + place, position=place, **own, **owner))
    for place, contact in enumerate(record.Contacts.Contact if record.Contacts else ()):
        _merge_contact(session, contact, number * 1000 + place, owner)


def _merge_contact(session: Any, contact: Any, identity: int, owner: dict[str, int]) -> None:
    own = {attr: getattr(contact, CONTACT.field(attr).name) for attr in CONTACT_LEAVES}
    session.merge(Contact(id=identity, erp_key=contact.Key, **own, **owner))
    for attr, kind in CONTACT_PHONES:
        if phone := getattr(contact, CONTACT.field(attr).name):
            session.merge(Phone(kind=kind, number=phone, contact_id=identity, **owner))
    if contact.Email:
        session.merge(Email(kind="email", address=contact.Email, contact_id=identity, **owner))
