"""Records that cannot be taken: each is a SyncError with field and reason, all others arrive, and it arrives once it is right."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from gateway.clock import wall_clock
from gateway.database import open_database
from gateway.demo import build_base
from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from gateway.sage import F_COLLABORATEUR, F_COMPTET, F_DOCENTETE, P_CATCOMPTA
from gateway.sage.defaults import stamped
from syncengine.errors import ExitCode
from syncengine.model import CycleStatus, SyncErrorState, Turnover
from syncengine.model.link import Entity
from tests.crm import trees
from tests.end_to_end.conftest import Undisturbed, settled
from tests.end_to_end.proxy import altered
from tests.end_to_end.stand import LATER, Stand, stand
from tests.gateway.live import COMPANY


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of more than one page of 500."""
    file = tmp_path_factory.mktemp("large") / "sage.db"
    base = open_database(f"sqlite:///{file}", create=True)
    build_base(base, tiers=520, company=COMPANY, dirt=False, documents_per_tiers=0.0)
    base.dispose()
    return file


@pytest.fixture
def made_large(tmp_path: Path, large: Path) -> Iterator[Stand]:
    with stand(tmp_path, Path(shutil.copy(large, tmp_path)), page_size=500) as ready:
        yield ready


@pytest.mark.guarantees
@pytest.mark.req("CRM-49", "CRM-10", "CRM-52")
def test_one_bad_record_in_a_page_of_500(made_large: Stand) -> None:
    """G7, G8: the 499 others arrive; corrected in the ERP, it arrives with the next cycle and the error is closed."""
    made, bad = made_large, made_large.codes[250]
    with made.erp() as connection:
        right = connection.scalar(select(F_COMPTET.c.CT_Ape).where(F_COMPTET.c.CT_Num == bad))
        edit_tiers(connection, bad, CT_Ape="6202A-TOO-LONG")

    ended = made.sync()

    assert ended.code == ExitCode.WARNING
    assert made.last_cycle().status is CycleStatus.WARNING
    assert made.accounts == set(made.codes) - {bad}
    (error,) = made.errors().values()
    assert (error.erp_key, error.code, error.field) == (bad, "invalid_record", "NafCode")
    assert error.message == "NafCode: 14 characters, at most 7 are allowed"
    assert error.remedy == "Correct the field in Sage 100; the record arrives with the next cycle."
    (line,) = [line for line in ended.log if line["level"] == "warning"]
    assert (line["event"], line["record"], line["field"]) == ("record_refused", bad, "NafCode")

    with made.erp() as connection:
        edit_tiers(connection, bad, CT_Ape=right)
    assert made.sync().code == ExitCode.OK
    assert made.accounts == set(made.codes)
    assert made.errors() == {}
    assert made.errors(SyncErrorState.RESOLVED).keys() == {bad}


@pytest.mark.guarantees
@pytest.mark.req("CRM-49", "CRM-26")
@pytest.mark.parametrize(
    ("column", "value", "code", "field"),
    [
        ("N_CatCompta", 49, "unknown_accounting_category", "AccountingCategory"),
        ("N_CatTarif", 31, "unknown_price_category", "PriceCategory"),
        ("N_Devise", 31, "unknown_currency", "Currency"),
        ("CO_No", 4711, "unknown_representative", "Representative"),
        ("CT_Intitule", "n" * 70, "invalid_record", "Name"),
        ("CT_CodePostal", "0123456789", "invalid_record", "Postcode"),
    ],
)
def test_a_tiers_that_cannot_be_taken_until_it_is_corrected(
    made: Stand, undisturbed: Undisturbed, column: str, value: Any, code: str, field: str
) -> None:
    """G7: on its arrival, and when it is there already."""
    bad = made.codes[17]
    with made.erp() as connection:
        right = connection.scalar(select(F_COMPTET.c[column]).where(F_COMPTET.c.CT_Num == bad))
        edit_tiers(connection, bad, **{column: value})
    assert made.sync().code == ExitCode.WARNING
    assert made.accounts == set(made.codes) - {bad}
    error = made.errors()[bad]
    assert (error.entity, error.code, error.field) == (Entity.ACCOUNT, code, field)
    assert error.remedy
    quiet = made.sync()
    assert (quiet.code, made.errors()[bad].attempts) == (ExitCode.OK, 1)

    with made.erp() as connection:
        edit_tiers(connection, bad, **{column: right})
    assert made.sync().code == ExitCode.OK
    settled(made, undisturbed)

    with made.erp() as connection:
        edit_tiers(connection, bad, **{column: value})
    assert made.sync().code == ExitCode.WARNING
    assert made.errors().keys() == {bad}
    assert trees(made.engine.store) == undisturbed.trees
    with made.erp() as connection:
        edit_tiers(connection, bad, **{column: right})
    assert made.sync().code == ExitCode.OK
    settled(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-06", "CRM-49")
def test_a_category_created_later_lets_its_tiers_in_at_the_next_refresh_of_the_parameters(made: Stand) -> None:
    """G8: nobody touches the tiers again; its category appears in the ERP's list, and 30 minutes pass."""
    waiting = made.codes[5]
    with made.erp() as connection:
        edit_tiers(connection, waiting, N_CatCompta=49)
    assert made.cycle().counts.refused == 1

    with made.erp() as connection:
        connection.execute(update(P_CATCOMPTA).values(CA_ComptaVen49="Outre-mer"))
    soon = made.cycle()
    assert (soon.status, soon.calls, list(made.errors())) == (CycleStatus.SUCCESS, 1, [waiting])

    made.ahead = LATER
    report = made.cycle()
    assert (report.status, report.counts.arrived) == (CycleStatus.SUCCESS, 1)
    assert made.accounts == set(made.codes)
    assert made.errors() == {}


@pytest.mark.guarantees
@pytest.mark.req("CRM-06", "CRM-49")
def test_a_retry_is_not_lost_when_the_cycle_stops_between_the_parameters_and_it(made: Stand) -> None:
    """G9: the new list is committed, then the gateway fails; the next cycle refreshes nothing and retries all the same."""
    waiting = made.codes[5]
    with made.erp() as connection:
        edit_tiers(connection, waiting, N_CatCompta=49)
    made.cycle()
    with made.erp() as connection:
        connection.execute(update(P_CATCOMPTA).values(CA_ComptaVen49="Outre-mer"))
    made.ahead = LATER
    made.proxy.disturb(altered(lambda _body: b"<html/>"))
    assert made.cycle().status is CycleStatus.FAILURE
    made.proxy.calm()
    assert (made.cycle().counts.arrived, made.errors()) == (1, {})


@pytest.mark.guarantees
@pytest.mark.req("CRM-17", "CRM-49")
def test_a_representative_created_later_lets_its_tiers_in_with_the_same_cycle(made: Stand) -> None:
    waiting = made.codes[5]
    with made.erp() as connection:
        edit_tiers(connection, waiting, CO_No=4711)
    made.cycle()
    with made.erp() as connection:
        row = stamped(F_COLLABORATEUR, wall_clock(), CO_No=4711, CO_Nom="Nouveau", CO_Prenom="Dominique")
        connection.execute(insert(F_COLLABORATEUR), [row])
    report = made.cycle()
    assert (report.counts.reference["representatives"], report.counts.arrived) == (1, 1)
    assert made.errors() == {}


@pytest.mark.guarantees
@pytest.mark.req("CRM-17", "CRM-49")
def test_a_bad_representative_is_in_error_and_so_are_its_tiers_until_it_is_corrected(
    made: Stand, undisturbed: Undisturbed
) -> None:
    """G7, G8: what is refused of any entity set is a SyncError, not only of tiers."""
    with made.erp() as connection:
        used = select(F_COMPTET.c.CO_No).where(F_COMPTET.c.CO_No > 0).order_by(F_COMPTET.c.CT_Num).limit(1)
        number = connection.scalar(used)
        theirs = set(
            connection.scalars(
                select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CO_No == number, F_COMPTET.c.CT_Type.in_((0, 1)))
            )
        )
        chosen = F_COLLABORATEUR.c.CO_No == number
        right = connection.scalar(select(F_COLLABORATEUR.c.CO_Nom).where(chosen))
        connection.execute(update(F_COLLABORATEUR).where(chosen).values(CO_Nom="n" * 36, cbModification=wall_clock()))
    assert made.sync().code == ExitCode.WARNING
    errors = made.errors()
    assert errors.keys() == theirs | {str(number)}
    refused = errors[str(number)]
    assert (refused.entity, refused.code, refused.field) == (Entity.REPRESENTATIVE, "invalid_record", "LastName")
    assert {errors[code].code for code in theirs} == {"unknown_representative"}

    with made.erp() as connection:
        connection.execute(update(F_COLLABORATEUR).where(chosen).values(CO_Nom=right, cbModification=wall_clock()))
    assert made.sync().code == ExitCode.OK
    settled(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-20", "CRM-49")
def test_a_code_of_18_characters(made: Stand, undisturbed: Undisturbed) -> None:
    """G7: refused with its key; deleted in the ERP, its error is closed."""
    long = "C" * 18
    with made.erp() as connection:
        insert_tiers(connection, long, "Code trop long")
    assert made.sync().code == ExitCode.WARNING
    error = made.errors()[long]
    assert (error.code, error.field) == ("invalid_record", "Code")
    assert "17 letters and digits" in error.message
    assert trees(made.engine.store) == undisturbed.trees
    made.ahead = LATER
    again = made.cycle()
    assert (again.problem, again.status, made.errors()[long].attempts) == (None, CycleStatus.WARNING, 2)
    with made.erp() as connection:
        delete_tiers(connection, long)
    assert made.sync().code == ExitCode.OK
    settled(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-48", "CRM-49")
def test_a_turnover_beyond_what_the_base_can_hold(made_on_both: Stand, undisturbed: Undisturbed) -> None:
    """G7: one SyncError on both databases, the other figures arrive; corrected, it arrives."""
    made = made_on_both
    made.cycle()
    with made.erp() as connection:
        invoice = select(F_DOCENTETE.c.cbMarq, F_DOCENTETE.c.DO_Tiers, F_DOCENTETE.c.DO_TotalHT)
        row = connection.execute(
            invoice.where(F_DOCENTETE.c.DO_Type.in_((6, 7)), F_DOCENTETE.c.DO_Tiers.in_(made.codes)).order_by(
                F_DOCENTETE.c.DO_Date.desc()
            )
        ).first()
        assert row is not None
        chosen = F_DOCENTETE.c.cbMarq == row.cbMarq
        huge = Decimal(10) ** 16
        connection.execute(update(F_DOCENTETE).where(chosen).values(DO_TotalHT=huge, cbModification=wall_clock()))
    report = made.cycle()
    assert (report.problem, report.status) == (None, CycleStatus.WARNING)
    (error,) = made.errors().values()
    assert (error.entity, error.erp_key) == (Entity.TURNOVER, row.DO_Tiers)
    assert error.field in {"CurrentYear", "PreviousYear"}
    assert trees(made.engine.store) == undisturbed.trees
    with made.erp() as connection:
        values = {"DO_TotalHT": row.DO_TotalHT, "cbModification": wall_clock()}
        connection.execute(update(F_DOCENTETE).where(chosen).values(**values))
    assert made.cycle().status is CycleStatus.SUCCESS
    settled(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-48", "CRM-46", "CRM-49")
@pytest.mark.parametrize(
    ("pattern", "forged", "entity"),
    [
        (rb"<CurrentYear>[^<]*<", b"<CurrentYear>%s<" % (b"9" * 40), Entity.TURNOVER),
        (rb"<CurrentYear>[^<]*<", b"<CurrentYear>oui<", Entity.TURNOVER),
        (rb"<Type>text<", b"<Type>a-type-that-is-too-long<", Entity.FREE_FIELD),
    ],
)
def test_a_bad_record_of_another_entity_set(made_on_both: Stand, pattern: bytes, forged: bytes, entity: Entity) -> None:
    """G7, G8: the cursor passes it with a SyncError, never without a word."""
    made = made_on_both
    made.proxy.disturb(altered(lambda body: re.sub(pattern, forged, body, count=1)))
    report = made.cycle()
    assert (report.problem, report.status) == (None, CycleStatus.WARNING)
    errors = made.errors()
    assert {error.entity for error in errors.values()} == {entity}
    assert len(errors) == report.counts.refused > 0
    assert made.accounts == set(made.codes)
    if entity is Entity.TURNOVER:
        with made.engine.store.reading() as session:
            kept = set(session.scalars(select(Turnover.erp_key)))
        assert kept.isdisjoint(errors)
