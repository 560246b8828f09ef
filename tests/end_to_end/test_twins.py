"""Records that cannot be told apart: two tiers of one code, two children of one number. None is doubled, none is lost."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from gateway.sage import F_COMPTET, F_DOCENTETE
from syncengine.errors import ExitCode
from syncengine.model import CycleStatus, SyncErrorState
from tests.crm import differences, dump, trees
from tests.end_to_end.conftest import TIERS, Undisturbed, settled
from tests.end_to_end.proxy import altered
from tests.end_to_end.stand import LATER, Stand


def in_small_letters(made: Stand) -> str:
    return next(code.lower() for code in made.codes if code.lower() != code)


@pytest.mark.guarantees
@pytest.mark.req("CRM-20", "CRM-49")
@pytest.mark.parametrize("moment", ["with the first synchronisation", "afterwards"])
def test_two_tiers_whose_codes_differ_in_case_only(made: Stand, undisturbed: Undisturbed, moment: str) -> None:
    """G4: for Sage 100 they are one key: the one that stands stays, the other is in error, in whatever page it comes."""
    if moment == "afterwards":
        made.cycle()
    twin = in_small_letters(made)
    with made.erp() as connection:
        insert_tiers(connection, twin, "Le même code")
    assert made.sync().code == ExitCode.WARNING
    error = made.errors()[twin]
    assert (error.code, error.field) == ("duplicate_code", "Code")
    assert "sage-gateway check" in str(error.remedy)
    assert trees(made.engine.store) == undisturbed.trees
    assert made.sync().code == ExitCode.OK
    assert made.errors()[twin].attempts == 1

    with made.erp() as connection:
        connection.execute(F_DOCENTETE.delete().where(F_DOCENTETE.c.DO_Tiers == twin))
        delete_tiers(connection, twin)
    assert made.sync().code == ExitCode.OK
    settled(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-20")
def test_when_the_tiers_that_stood_is_deleted_its_namesake_arrives_by_itself(made: Stand) -> None:
    """G8: nobody touches the one that waits."""
    with made.erp() as connection:
        insert_tiers(connection, "JUMEAU", "Premier")
        insert_tiers(connection, "Jumeau", "Second")
    made.cycle()
    assert made.errors().keys() == {"Jumeau"}
    with made.erp() as connection:
        delete_tiers(connection, "JUMEAU")
    report = made.cycle()
    assert (report.counts.vanished, report.counts.arrived) == (1, 1)
    assert made.errors() == {}
    with made.erp() as connection:
        insert_tiers(connection, "jumeau", "Troisième")
    made.cycle()
    assert made.errors().keys() == {"jumeau"}


def comes_again(made: Stand, code: str) -> None:
    """Somebody changes the tiers in the ERP, and changes it back."""
    with made.erp() as connection:
        right = connection.scalar(select(F_COMPTET.c.CT_Ape).where(F_COMPTET.c.CT_Num == code))
    for value in ("0000Z", right):
        with made.erp() as connection:
            edit_tiers(connection, code, CT_Ape=value)
        made.cycle()


@pytest.mark.guarantees
@pytest.mark.req("CRM-20", "CRM-49")
def test_two_tiers_of_one_key_in_a_page(made_on_both: Stand, undisturbed: Undisturbed) -> None:
    """G4, G8: forged on the way: the second is in error, and the true one is asked for again."""
    made = made_on_both

    def forged(body: bytes) -> bytes:
        codes = re.findall(rb"<Tiers><Code>(\w+)</Code>", body)
        return body.replace(b"<Code>%s</Code>" % codes[1], b"<Code>%s</Code>" % codes[0], 1)

    made.proxy.disturb(altered(forged), only=3)
    report = made.cycle()
    assert (report.status, report.counts.refused) == (CycleStatus.WARNING, 1)
    ((doubled, error),) = made.errors(SyncErrorState.RESOLVED).items()
    assert (error.code, made.errors()) == ("duplicate_code", {})
    (hidden,) = set(made.codes) - made.accounts
    found = trees(made.engine.store)
    assert found[doubled] == undisturbed.trees[doubled]
    assert len(found) == TIERS - 1

    made.proxy.calm()
    comes_again(made, hidden)
    settled(made, undisturbed)


@pytest.mark.guarantees
def test_the_same_record_twice_in_a_page_is_one(made: Stand, undisturbed: Undisturbed) -> None:
    """G4: a page that says something twice says it once."""

    def doubled(body: bytes) -> bytes:
        return re.sub(rb"(<Tiers>.*?</Tiers>)", rb"\1\1", body)

    made.proxy.disturb(altered(doubled))
    assert made.sync().code == ExitCode.OK
    assert differences(undisturbed.dump, dump(made.engine.store)) == []


@pytest.mark.guarantees
@pytest.mark.req("CRM-38", "CRM-49")
@pytest.mark.parametrize(("element", "field"), [(b"Contact", "Contacts"), (b"Address", "Addresses")])
def test_a_tiers_with_two_children_of_one_number(
    made: Stand, undisturbed: Undisturbed, element: bytes, field: str
) -> None:
    """G4: they could not be told apart; the record waits, and the others arrive."""
    child = re.compile(rb"(<%s>.*?</%s>)" % (element, element))
    made.proxy.disturb(altered(lambda body: child.sub(rb"\1\1", body, count=1)), only=3)
    assert made.sync().code == ExitCode.WARNING
    ((key, error),) = made.errors().items()
    assert (error.code, error.field) == ("duplicate_child", field)
    assert made.accounts == set(made.codes) - {key}

    made.proxy.calm()
    made.ahead = LATER
    report = made.cycle()
    assert (report.status, report.counts.arrived) == (CycleStatus.SUCCESS, 1)
    settled(made, undisturbed)
