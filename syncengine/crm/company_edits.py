"""Companies as people create and change them: checked, replicated to the Account at once, marked, journalled (CRM-28)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.tables import TIERS
from syncengine.core.account_code import initial_code
from syncengine.core.entries import LISTS, Entry, Lists, unknown_field
from syncengine.core.refusals import refused
from syncengine.core.replicate import COMPANY_LEAVES, assigned
from syncengine.crm.company_code import checked_code, set_code
from syncengine.crm.company_entries import CUSTOM, OWN, custom_value
from syncengine.crm.numbers import TIERS_KINDS, Numbers, numbers_of
from syncengine.crm.unit import Unit, new_unit, open_company, same
from syncengine.cycle.act import Act, Edited
from syncengine.model import WORLD, Account, Company, CustomField, RecordStatus, Representative, Territory
from syncengine.model.journal import Rule
from syncengine.model.link import Entity


@dataclass(kw_only=True)
class _Wanted:
    """What an edit changes, checked: columns, numbers, the CRM's own fields by bare name, and the code as typed."""

    columns: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, str | None] = field(default_factory=dict)
    custom: dict[str, str | None] = field(default_factory=dict)
    code: str | None = None


def create_company(session: Session, values: Mapping[str, Any], act: Act) -> Edited:
    """A new Company, without tiers; ``values`` as for ``edit_company``, with a name and a company type. Raises InputRefused."""
    company = Company(created_at=act.at, updated_at=act.at)
    unit = new_unit(session, company, act)
    wanted = _wanted(unit, values, Numbers(session, {}, None, []))
    for attr in ("name", "company_type"):
        if attr not in wanted.columns:
            raise refused("field_required", f"a Company has a {attr}", field=attr, remedy="Enter a value.")
    columns = _defaults(unit) | wanted.columns | _followers(unit, wanted.columns)[0]
    if wanted.code:
        columns["code"] = checked_code(session, company, wanted.code)
    for attr, value in columns.items():
        setattr(company, attr, value)
    company.custom = _said(wanted.custom) or None
    session.add(company)
    session.flush()
    numbers = numbers_of(unit)
    for attr, number in wanted.numbers.items():
        numbers.set(attr, number)
    custom = {f"{CUSTOM}{name}": value for name, value in wanted.custom.items()}
    after = _said(columns | wanted.numbers | custom)
    unit.journal.row(Entity.COMPANY, company.id, None, before=None, after=after, rule=act.rule)
    unit.note(after)
    return unit.done()


def edit_company(session: Session, company_id: int, values: Mapping[str, Any], act: Act) -> Edited:
    """Change a Company: its columns, ``phone``, ``fax``, ``email``, and ``custom.<name>``; '' and None empty a value.

    Raises InputRefused with nothing written. A value that is as it was is not looked at, not even one of CRM-40.
    """
    return edit_unit(open_company(session, company_id, act), values)


def edit_unit(unit: Unit, values: Mapping[str, Any]) -> Edited:
    """``edit_company`` for a unit that is open; of an Account without Company of its own, the Account itself changes."""
    numbers = numbers_of(unit)
    wanted = _wanted(unit, values, numbers)
    if wanted.code is not None:
        _set_code(unit, wanted.code)
    followers, rules = _followers(unit, wanted.columns)
    unit.write(wanted.columns | followers, rules)
    for attr, value in wanted.numbers.items():
        _set_number(unit, numbers, attr, value)
    if wanted.custom:
        _set_custom(unit, wanted.custom)
    return unit.done()


def _wanted(unit: Unit, values: Mapping[str, Any], numbers: Numbers) -> _Wanted:
    listed = any(attr in LISTS or attr == "representative" for attr in values)
    entry = Entry(struct=TIERS, record=unit.record, lists=unit.lists() if listed else Lists(), warnings=unit.warnings)
    row = unit.account if unit.company is None else unit.company
    wanted = _Wanted()
    for attr, given in values.items():
        if attr.startswith(CUSTOM) and unit.company is not None:
            wanted.custom[attr.removeprefix(CUSTOM)] = custom_value(unit, attr, given)
        elif attr in TIERS_KINDS:
            value = numbers.get(attr) if same(numbers.get(attr), given) else entry.value(entry.field(attr), given)
            if value != numbers.get(attr):
                wanted.numbers[attr] = value
        elif attr not in COMPANY_LEAVES and (attr not in OWN or not hasattr(row, attr)):
            raise unknown_field(attr, unit.record)
        elif not same(getattr(row, attr), given):
            _want(unit, entry, wanted, attr, given)
    return wanted


def _want(unit: Unit, entry: Entry, wanted: _Wanted, attr: str, given: Any) -> None:
    if attr == "code":
        # Its rules are those of the integration's mode (CRM-20..22).
        wanted.code = "" if given is None else str(given)
    elif attr in OWN:
        wanted.columns[attr] = OWN[attr](unit, given)
    else:
        wanted.columns[attr] = entry.value(entry.field(attr), given)


def _defaults(unit: Unit) -> dict[str, Any]:
    world = unit.session.scalar(select(Territory.id).where(Territory.name == WORLD))
    code = None if unit.integration is None else initial_code(unit.integration.code_mode)
    return {"status": RecordStatus.ACTIVE, "territory_id": world, "code": code}


def _set_code(unit: Unit, code: str) -> None:
    if unit.company is None:
        raise refused(
            "read_only_field",
            "the code comptable of a tiers without Company comes from Sage 100",
            record=unit.record,
            field="code",
            remedy="Renumber the tiers in Sage 100.",
        )
    before = unit.company.code
    set_code(unit.session, unit.company.id, code, at=unit.act.at, by=unit.act.by)
    unit.note(["code"] if unit.company.code != before else [])


def _followers(unit: Unit, columns: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Rule]]:
    """Representative ← manager, and manager ← representative, as the integration's rules say (CRM-17).

    Only for somebody's own edit: undo and the resolution of a conflict write what they say and nothing else.
    """
    integration, company = unit.integration, unit.company
    if integration is None or company is None or unit.act.rule is not Rule.EDITED:
        return {}, {}
    tied = select(Representative).where(Representative.integration_id == integration.id, Representative.active)
    if columns.get("manager_id") is not None and "representative" not in columns:
        mine = tied.where(Representative.user_id == columns["manager_id"]).order_by(Representative.code)
        codes = [row.code for row in unit.session.scalars(mine)]
        follower = assigned(integration.representative_rule, company.representative, codes)
        return {"representative": follower}, {"representative": Rule.REPRESENTATIVE}
    if columns.get("representative") is not None and "manager_id" not in columns:
        one = tied.where(Representative.code == columns["representative"], Representative.user_id.is_not(None))
        users = [row.user_id for row in unit.session.scalars(one) if row.user_id is not None]
        return {"manager_id": assigned(integration.manager_rule, company.manager_id, users)}, {
            "manager_id": Rule.MANAGER
        }
    return {}, {}


def _set_number(unit: Unit, numbers: Numbers, attr: str, value: str | None) -> None:
    before = numbers.get(attr)
    numbers.set(attr, value)
    if unit.company is None:
        unit.set_account({attr: value}, unit.act.rule)
        return
    unit.journal.value(Entity.COMPANY, unit.company.id, unit.erp_key, attr, before, value, unit.act.rule)
    unit.company.updated_at = unit.act.at
    unit.note([attr])
    unit.set_account({attr: value}, Rule.REPLICATED)


def _set_custom(unit: Unit, values: Mapping[str, str | None]) -> None:
    """CRM-47: a pair that is replicated goes to the Account at once."""
    if unit.company is None:
        return
    unit.write({"custom": _said({**(unit.company.custom or {}), **values}) or None})
    pairs = set(unit.session.scalars(select(CustomField.name).where(CustomField.replicated)))
    replicas = {name: value for name, value in values.items() if name in pairs}
    if unit.account is not None and replicas:
        unit.set_account({"custom": with_custom(unit.account, replicas)}, Rule.REPLICATED)


def with_custom(account: Account, replicas: Mapping[str, str | None]) -> dict[str, Any] | None:
    """The Account's own fields with these values."""
    return _said({**(account.custom or {}), **replicas}) or None


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
