"""One value by its path, as undo, the resolution of a conflict and the repair of an error change it (NEW-03, NEW-04, CRM-49)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.tables import BILLING_KEY
from syncengine.core.paths import Place, place, row_id
from syncengine.core.refusals import refused
from syncengine.crm.address_edits import ATTRS as ADDRESS_ATTRS
from syncengine.crm.address_edits import add_address_to, edit_address, remove_address
from syncengine.crm.company_edits import edit_unit
from syncengine.crm.contact_edits import ATTRS as CONTACT_ATTRS
from syncengine.crm.contact_edits import add_contact_to, edit_contact, remove_contact
from syncengine.crm.unit import Unit, open_account
from syncengine.cycle.act import Act, Edited
from syncengine.model import Address, Contact, RecordStatus
from syncengine.model.link import Entity


def edit_path(session: Session, account_id: int, path: str, value: Any, act: Act) -> Edited:
    """Set one value of a tiers; of a path that is a whole child, None removes it and a mapping puts it back.

    'dormant' takes a flag or its text, as the journal keeps it. Of a mapping only what people enter counts. The answer's id is the
    Account's for a value of the tiers itself, else the child's. Raises InputRefused as ``edit_company`` and the others.
    """
    at = place(path)
    unit = open_account(session, account_id, act)
    if at.entity is Entity.ACCOUNT:
        return _own(unit, account_id, at.attr, value)
    if at.attr:
        row = _child(unit, at)
        if row is None:
            raise _gone(unit, path)
        edit = edit_contact if at.entity is Entity.CONTACT else edit_address
        return edit(session, row.id, {at.attr: value}, act)
    return _whole(unit, at, path, value)


def _own(unit: Unit, account_id: int, attr: str, value: Any) -> Edited:
    if attr == "dormant":
        attr, value = "status", RecordStatus.INACTIVE if value in (True, "true") else RecordStatus.ACTIVE
    done = edit_unit(unit, {attr: value})
    return Edited(id=account_id, changed=done.changed, warnings=done.warnings, marked=done.marked)


def _whole(unit: Unit, at: Place, path: str, value: Any) -> Edited:
    """A child that is to go or to come back; one that is there takes the values."""
    row, contact = _child(unit, at), at.entity is Entity.CONTACT
    if value is None:
        if row is None:
            return unit.done(0)
        return (remove_contact if contact else remove_address)(unit.session, row.id, unit.act)
    if not isinstance(value, Mapping):
        raise refused(
            "not_a_text", f"{path}: {value!r} is no record", record=unit.record, field=path, remedy="Give its values."
        )
    attrs = CONTACT_ATTRS if contact else ADDRESS_ATTRS
    if row is not None:
        said = {attr: value.get(attr) for attr in attrs}
        return (edit_contact if contact else edit_address)(unit.session, row.id, said, unit.act)
    said = {attr: value[attr] for attr in attrs if value.get(attr)}
    return (add_contact_to if contact else add_address_to)(unit, said)


def _child(unit: Unit, at: Place) -> Address | Contact | None:
    """The row of a child: by its number in the ERP; by its id while the ERP has none; the billing address by its kind too."""
    account_id = 0 if unit.account is None else unit.account.id
    entity: type[Any] = Contact if at.entity is Entity.CONTACT else Address
    key = at.key or ""
    which = entity.id == row_id(key) if row_id(key) is not None else entity.erp_key == key
    query = select(entity).where(entity.account_id == account_id)
    found: Address | Contact | None = unit.session.scalar(query.where(which))
    if found is None and key == BILLING_KEY:
        found = unit.session.scalar(query.where(entity.is_default))
    return found


def _gone(unit: Unit, path: str) -> Exception:
    code = "contact_unknown" if path.startswith("contacts") else "address_unknown"
    return refused(
        code,
        f"{path}: it is no longer there",
        record=unit.record,
        field=path,
        remedy="See what the Company has now: `syncengine company show`.",
    )
