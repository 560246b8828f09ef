"""Where Company and Account differ, and the two ways to make them one again (CRM-33)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from syncengine.crm.alignment import Difference, align_account, align_company, differences, list_differing
from syncengine.crm.custom_fields import add_pair, define
from syncengine.model import Account, Company, ErpState, Integration, Link, RecordStatus
from syncengine.storage.store import Store
from tests.syncengine import records
from tests.syncengine.conftest import NOW
from tests.syncengine.tied import ACT, Tied, get, lines, marked, pair, refusal, tied


@pytest.fixture
def made(store: Store) -> Tied:
    """A linked Company with a pair of fields of the CRM's own."""
    with store.writing() as session:
        found = tied(session)
        define(session, "budget", "Budget")
        define(session, "secret", "Pas répliqué")
        add_pair(session, "budget", ACT)
        return found


def part(session: Any, made: Tied) -> None:
    """Let another program write the Company alone."""
    company = get(session, Company, made.company)
    company.name, company.web_site, company.siret = "AUTRE", "autre.fr", None
    company.payer, company.status = "FAUX", RecordStatus.INACTIVE
    company.custom, company.free_values = {"budget": "10", "secret": "x"}, {"Origine": "Salon"}
    session.flush()


APART = {
    "name": ("AUTRE", "BIJOU SA"),
    "web_site": ("autre.fr", None),
    "siret": (None, "73282932000074"),
    "payer": ("FAUX", None),
    "status": ("inactive", "active"),
    "custom.budget": ("10", None),
    "free_fields.Origine": ("Salon", None),
}


def shown(found: list[Difference] | tuple[Difference, ...]) -> dict[str, tuple[Any, Any]]:
    return {one.field: (one.company, one.account) for one in found}


@pytest.mark.req("CRM-33")
def test_what_differs_is_told_field_by_field(store: Store, made: Tied) -> None:
    with store.writing() as session:
        assert differences(session, made.company) == []
        assert list_differing(session, made.integration) == []
        part(session, made)

        assert shown(differences(session, made.company)) == APART
        (found,) = list_differing(session, made.integration)
        assert (found.company_id, found.account_id, found.code, found.name) == (
            *(made.company, made.account, "BIJOU", "AUTRE"),
        )
        assert shown(found.differences) == APART
        alone = records.company(session, name="SEULE")
        assert differences(session, alone.id) == []


@pytest.mark.req("CRM-33")
def test_mettre_a_jour_le_tiers_makes_the_account_like_the_company_and_sends_it(store: Store, made: Tied) -> None:
    with store.writing() as session:
        part(session, made)
        done = align_account(session, made.company, ACT)

        company, account = pair(session, made)
        assert (account.name, account.web_site, account.siret) == ("AUTRE", "autre.fr", None)
        assert (account.status, account.dormant, account.custom) == (RecordStatus.INACTIVE, True, {"budget": "10"})
        # What only the ERP changes is taken by the Company instead: it would come back anyway (CRM-40).
        assert (company.payer, account.payer, company.free_values) == (None, None, None)
        assert differences(session, made.company) == []
        assert done.marked
        assert marked(session, made)
        told = {line[:4]: line[4] for line in lines(session)}
        assert told["account", "name", "BIJOU SA", "AUTRE"] == "aligned"
        assert told["company", "payer", "FAUX", None] == "aligned"
        assert told["company", "Origine", "Salon", None] == "aligned"
        assert told["account", "custom.budget", None, "10"] == "aligned"
        assert set(told.values()) == {"aligned"}
        assert align_account(session, made.company, ACT).changed == ()


@pytest.mark.req("CRM-33")
def test_mettre_a_jour_la_societe_makes_the_company_like_the_account_and_sends_nothing(
    store: Store, made: Tied
) -> None:
    with store.writing() as session:
        part(session, made)
        done = align_company(session, made.company, ACT)

        company, account = pair(session, made)
        assert (company.name, company.web_site, company.siret, company.payer) == (
            "BIJOU SA",
            None,
            "73282932000074",
            None,
        )
        assert (company.status, company.custom) == (RecordStatus.ACTIVE, {"secret": "x"})
        assert differences(session, made.company) == []
        assert account.updated_at == NOW
        assert (done.marked, marked(session, made)) == (False, False)
        assert {line[0] for line in lines(session)} == {"company"}
        assert align_company(session, made.company, ACT).changed == ()


@pytest.mark.req("CRM-33")
def test_only_what_stays_in_the_crm_marks_nothing(store: Store, made: Tied) -> None:
    with store.writing() as session:
        company = get(session, Company, made.company)
        company.custom, company.payer = {"budget": "10"}, "FAUX"

        assert not align_account(session, made.company, ACT).marked
        assert not marked(session, made)
        assert get(session, Account, made.account).custom == {"budget": "10"}


@pytest.mark.req("CRM-33", "CRM-49")
def test_a_company_that_another_program_filled_with_what_breaks_a_rule_is_not_sent(store: Store, made: Tied) -> None:
    with store.writing() as session:
        company = get(session, Company, made.company)
        company.name, company.currency = "AUTRE", "9"

    problem = refusal(store, partial(align_account, company_id=made.company, act=ACT))
    assert (problem.problem_code, problem.field) == ("unknown_value", "currency")


@pytest.mark.req("CRM-33")
def test_the_code_of_a_linked_tiers_is_the_erps_and_of_an_awaited_one_the_companys(store: Store, made: Tied) -> None:
    with store.writing() as session:
        get(session, Company, made.company).code = "AUTRE"
        align_account(session, made.company, ACT)
        assert [row.code for row in pair(session, made)] == ["BIJOU", "BIJOU"]

        session.delete(get(session, Link, made.link))
        get(session, Account, made.account).erp_state = ErpState.AWAITED
        get(session, Company, made.company).code = "AUTRE"
        align_account(session, made.company, ACT)
        assert [row.code for row in pair(session, made)] == ["AUTRE", "AUTRE"]


def test_a_company_without_tiers_has_nothing_to_align(store: Store) -> None:
    with store.writing() as session:
        alone = records.company(session, name="SEULE").id
    for align in (align_account, align_company):
        assert refusal(store, partial(align, company_id=alone, act=ACT)).problem_code == "account_unknown"
    with store.reading() as session, pytest.raises(Exception, match="company_unknown"):
        differences(session, 99)


@pytest.mark.req("CRM-33")
def test_a_whole_base_is_searched_in_one_query_page_by_page(store: Store) -> None:
    with store.writing() as session:
        made = tied(session)
        integration = get(session, Integration, made.integration)
        ids = []
        for number in range(30):
            company = records.company(session, name=f"C{number}", free_values={"a": "1", "b": "2"})
            # A name apart in every third; the same JSON in another order, and empty for none, are no difference.
            records.account(
                session,
                integration,
                company_id=company.id,
                is_main=True,
                name=f"C{number}" if number % 3 else "X",
                short_name="" if number % 2 else None,
                free_values={"b": "2", "a": "1"},
            )
            ids += [company.id] if number % 3 == 0 else []
    with store.reading() as session:
        first = list_differing(session, made.integration, limit=4)
        assert [one.company_id for one in first] == ids[:4]
        rest = list_differing(session, made.integration, after=first[-1].company_id)
        assert [one.company_id for one in rest] == ids[4:]
        assert {shown(one.differences).keys() == {"name"} for one in rest} == {True}
        assert list_differing(session, made.integration + 1) == []
