"""The acts where both sides change one customer: two fields, one field, one field that somebody must decide (NEW-01, NEW-03)."""

from __future__ import annotations

from dataclasses import dataclass

from syncengine.core.labels import label_of
from syncengine.core.policies import Policies, Policy
from syncengine.cycle.run import Report, utc_now
from syncengine.demo.stage import PERSON, Stage, Tiers, shown
from syncengine.desk.conflicts import ConflictFilter, ConflictView, conflicts
from syncengine.desk.history import HistoryLine, lines_of_cycle
from syncengine.desk.resolution import Take, resolve
from syncengine.model import ConflictState, Integration

BY_CRM, BY_ERP = "phone", "contact_person"


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A cycle that both sides had a part in: values by field, before it and after it."""

    cycle_id: int
    tiers: Tiers
    before: dict[str, str | None]
    after: dict[str, str]


def two_fields(stage: Stage) -> Shared:
    """Two people change two fields of one customer, one in each system, and both edits survive."""
    stage.begin("6 · Both ways: two people, two fields of one customer")
    (one,) = stage.tiers(1)
    before = {attr: stage.crm_value(one, attr) for attr in (BY_CRM, BY_ERP)}
    after = {BY_CRM: "04 76 11 22 33", BY_ERP: "Service comptabilité"}
    stage.in_crm(one, **{BY_CRM: after[BY_CRM]})
    stage.in_erp(one, **{BY_ERP: after[BY_ERP]})
    report = stage.cycle()
    held = {attr: stage.both_hold(one, attr, after[attr]) for attr in after}
    rows = [(label_of(attr), shown(before[attr]), *held[attr]) for attr in after]
    stage.table(("Champ", "avant", "CRM, après", "Sage 100, après"), rows)
    stage.confirm("both edits survive, on both sides (read back from both bases)")
    return Shared(cycle_id=report.cycle_id, tiers=one, before=before, after=after)


def same_field(stage: Stage) -> None:
    """Two people change the same field: the policy of the field decides, and the value that lost is kept in the journal."""
    stage.begin("7 · Both ways: the same field, and the policy decides")
    (one,) = stage.tiers(1)
    wins = {"fax": Policy.ERP_WINS, "web_site": Policy.CRM_WINS}
    crm = {"fax": "04 76 00 00 01", "web_site": "www.crm.example"}
    erp = {"fax": "04 76 00 00 02", "web_site": "www.sage.example"}
    stage.in_crm(one, **crm)
    stage.in_erp(one, **erp)
    report = stage.cycle()
    stage.expect("fields decided", report.counts.decided, len(wins))
    rows = []
    for attr, policy in wins.items():
        stage.expect("the policy of the field", _policy(stage, attr), policy, attr=attr)
        winner = erp[attr] if policy is Policy.ERP_WINS else crm[attr]
        rows.append((label_of(attr), policy.label, *stage.both_hold(one, attr, winner)))
    stage.table(("Champ", "règle", "CRM, après", "Sage 100, après"), rows)
    _show_losers(stage, report, {label_of("fax"): crm["fax"], label_of("web_site"): erp["web_site"]})


def _policy(stage: Stage, attr: str) -> Policy:
    with stage.engine.store.reading() as session:
        chosen = session.get_one(Integration, stage.integration_id).policies
    return Policies(chosen=chosen).of(attr)


def _show_losers(stage: Stage, report: Report, losers: dict[str, str]) -> None:
    """The values that lost are in the journal, each with what replaced it and why."""
    with stage.engine.store.reading() as session:
        lines = lines_of_cycle(session, report.cycle_id)
    lost: dict[str, HistoryLine] = {line.label: line for line in lines if line.lost}
    stage.expect("values that lost, in the journal", {label: line.before for label, line in lost.items()}, losers)
    for line in lost.values():
        stage.confirm(f"journal: « {line.before} » → « {line.after} » · {line.why}")


def conflict_decided(stage: Stage) -> None:
    """A field whose policy is to ask: neither value is overwritten until somebody decides."""
    stage.begin("8 · Both ways: a conflict, decided by somebody")
    (one,) = stage.tiers(1)
    crm, erp = "Direction des achats", "Comptabilité"
    stage.in_crm(one, contact_person=crm)
    stage.in_erp(one, contact_person=erp)
    stage.expect("fields to decide", stage.cycle().counts.parked, 1)
    stage.hold(one, "contact_person", crm=crm, erp=erp)
    parked = _conflict(stage, one)
    values = (shown(parked.crm_value), shown(parked.base_value), shown(parked.erp_value))
    stage.table(("conflit", "Champ", "CRM", "base", "Sage 100"), [(f"n° {parked.id}", parked.label, *values)])
    stage.confirm("each side keeps its own value until somebody decides")
    stage.command(f"conflicts resolve {parked.id} --take crm")
    with stage.engine.store.writing() as session:
        result = resolve(session, parked.id, Take.CRM, at=utc_now(), by=PERSON)
    stage.expect("conflicts resolved", (result.done, result.refused), (1, ()))
    stage.cycle()
    held = stage.both_hold(one, "contact_person", crm)
    stage.expect("the state of the conflict", _conflict(stage, one).state, ConflictState.RESOLVED)
    stage.confirm(f"decided by « {PERSON} »: CRM « {held[0]} », Sage 100 « {held[1]} »")


def _conflict(stage: Stage, one: Tiers) -> ConflictView:
    with stage.engine.store.reading() as session:
        found = conflicts(session, stage.integration_id, ConflictFilter(record=one.code, state=None))
    stage.expect("conflicts of the tiers", len(found), 1, one=one)
    return found[0]
