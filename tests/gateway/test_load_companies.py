"""Loading a file of companies: every row goes in, is refused with its reason, or was there already."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from contracts.stored import in_cp1252
from gateway import companies
from gateway.companies import load_companies
from gateway.company_rows import COLUMNS, SourceRow, fit_row
from gateway.database import create_base, is_empty, reading, writing
from gateway.errors import InputInvalid
from gateway.load_report import Finding, LoadSummary, Outcome, Reason
from gateway.sage import F_COMPTET, F_COMPTETG, F_LIVRAISON, P_CATTARIF, P_DOSSIER

HEADER = ",".join(COLUMNS)
GOOD_SIRET, OTHER_SIRET = "73282932000074", "44306184100047"


def row(**values: str) -> str:
    return ",".join(f'"{values.get(column, "")}"' for column in COLUMNS)


def written(folder: Path, *rows: str, encoding: str = "utf-8") -> Path:
    path = folder / "companies.csv"
    path.write_text("\n".join([HEADER, *rows, ""]), encoding)
    return path


def loaded(engine: Engine, path: Path) -> tuple[LoadSummary, list[Finding]]:
    findings: list[Finding] = []
    summary = load_companies(engine, path, company="Essai SA", report=findings.append)
    assert summary.read == summary.loaded + summary.refused + summary.already_there
    return summary, findings


def told(findings: list[Finding]) -> list[tuple[int, str, str]]:
    return [(finding.line, finding.reason, finding.field) for finding in findings]


def tiers(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return [*connection.execute(select(F_COMPTET).order_by(F_COMPTET.c.cbMarq)).mappings()]


@pytest.mark.req("CRM-20", "CRM-42")
def test_a_sound_row_becomes_a_client_with_account_and_delivery_address(sage_engine: Engine, tmp_path: Path) -> None:
    # given an empty database, and a company whose values fit
    path = written(
        tmp_path,
        row(
            siret=GOOD_SIRET, name="Chantiers de l’Été", brand="Le Quai", naf="3011Z", address="1 rue du Port",
            address2="Hangar 4", postcode="44600", city="Saint-Nazaire", website="https://quai.example",
            legal_form="SAS", created="2019-12-05T14:37:56.609Z",
        ),
    )  # fmt: skip
    # when it is loaded
    summary, findings = loaded(sage_engine, path)
    # then the base was made, and every value is in its place
    found = tiers(sage_engine)[0]
    with reading(sage_engine) as connection:
        delivery = connection.execute(select(F_LIVRAISON)).mappings().one()
        account = connection.execute(select(F_COMPTETG)).mappings().one()
        assert connection.scalar(select(P_DOSSIER.c.D_RaisonSoc)) == "Essai SA"
        assert connection.scalar(select(P_CATTARIF.c.CT_Intitule).where(P_CATTARIF.c.cbIndice == 1))
    assert findings == []
    assert (summary.read, summary.loaded, summary.adjusted) == (1, 1, 0)
    assert (found["CT_Num"], found["CT_Intitule"], found["CT_Type"]) == ("CHANTIERSDELETE", "Chantiers de l’Été", 0)
    assert (found["CT_Siret"], found["CT_Ape"], found["CT_Qualite"]) == (GOOD_SIRET, "3011Z", "SAS")
    assert (found["CT_Adresse"], found["CT_Complement"]) == ("1 rue du Port", "Hangar 4")
    assert (found["CT_CodePostal"], found["CT_Ville"]) == ("44600", "Saint-Nazaire")
    assert (found["CT_Site"], found["CT_DateCreate"]) == ("https://quai.example", dt.date(2019, 12, 5))
    assert account["CG_Num"] == found["CG_NumPrinc"]
    assert (delivery["LI_Intitule"], delivery["LI_Ville"]) == ("Le Quai", "Saint-Nazaire")


@pytest.mark.parametrize(
    ("values", "reason", "column", "stored"),
    [
        ({"naf": "88.99b"}, Reason.NAF_NORMALISED, "CT_Ape", "8899B"),
        ({"naf": "conseil et gestion"}, Reason.NAF_UNUSUAL, "CT_Ape", ""),
        ({"naf": "889"}, Reason.NAF_UNUSUAL, "CT_Ape", "889"),
        ({"siret": "732 829 320 00074"}, Reason.SIRET_NORMALISED, "CT_Siret", GOOD_SIRET),
        ({"siret": "73282932000075"}, Reason.SIRET_CHECK_DIGIT, "CT_Siret", "73282932000075"),
        ({"siret": "732829320"}, Reason.SIRET_UNUSUAL, "CT_Siret", "732829320"),
        ({"siret": "7328293200007412345"}, Reason.SIRET_UNUSUAL, "CT_Siret", ""),
        ({"postcode": "1000"}, Reason.POSTCODE_PADDED, "CT_CodePostal", "01000"),
        ({"created": "hier"}, Reason.DATE_UNREADABLE, "CT_Siret", ""),
        ({"city": "  Le   Puy "}, Reason.BLANKS_TIDIED, "CT_Ville", "Le Puy"),
        ({"city": "Łódź"}, Reason.CHARACTERS_REPLACED, "CT_Ville", "Lódz"),
        ({"city": "Saint-Germain-en-Laye-sur-Seine et Marne"}, Reason.CUT, "CT_Ville", "Saint-Germain-en-Laye-sur-Seine et"),
        ({"address": "434 Rue du Colonel J. Colonna d'Ornano"}, Reason.MOVED_TO_COMPLEMENT, "CT_Complement", "d'Ornano"),
        ({"name": "", "brand": "Le Quai"}, Reason.BRAND_AS_NAME, "CT_Intitule", "Le Quai"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_made_to_and_told(
    sqlite_engine: Engine, tmp_path: Path, values: dict[str, str], reason: Reason, column: str, stored: str
) -> None:
    summary, findings = loaded(sqlite_engine, written(tmp_path, row(**{"name": "Alpha", **values})))
    assert summary.loaded == 1
    assert reason in [finding.reason for finding in findings]
    assert all((finding.line, finding.code) == (2, tiers(sqlite_engine)[0]["CT_Num"]) for finding in findings)
    assert tiers(sqlite_engine)[0][column] == stored
    assert summary.adjusted == any(finding.outcome is Outcome.ADJUSTED for finding in findings)


def test_a_name_of_71_characters_is_cut_to_what_this_version_holds(sqlite_engine: Engine, tmp_path: Path) -> None:
    name = "COMMISSION FOYER DU CENTRE MICROELECTRONIQUE DE PROVENCE GEORGE CHARPAK"
    _, findings = loaded(sqlite_engine, written(tmp_path, row(name=name)))
    assert tiers(sqlite_engine)[0]["CT_Intitule"] == name.removesuffix(" CHARPAK")
    assert [(finding.was, finding.became) for finding in findings] == [(name, name.removesuffix(" CHARPAK"))]


def test_an_older_base_takes_shorter_names(sqlite_engine: Engine, tmp_path: Path) -> None:
    # given a base whose names have 35 characters, and which lacks a column
    create_base(sqlite_engine)
    with writing(sqlite_engine) as connection:
        connection.exec_driver_sql("ALTER TABLE F_COMPTET DROP COLUMN CT_Intitule")
        connection.exec_driver_sql("ALTER TABLE F_COMPTET ADD CT_Intitule VARCHAR(35)")
        connection.exec_driver_sql("ALTER TABLE F_COMPTET DROP COLUMN cbCreation")
    # when a long name is loaded
    summary, findings = loaded(sqlite_engine, written(tmp_path, row(name="Établissements Dupont Frères et Compagnie")))
    # then it is cut to that length
    with reading(sqlite_engine) as connection:
        assert connection.scalar(select(F_COMPTET.c.CT_Intitule)) == "Établissements Dupont Frères et"
    assert (summary.loaded, told(findings)) == (1, [(2, Reason.CUT, "name")])


def test_rows_that_cannot_go_in_are_refused_and_the_others_go_on(sage_engine: Engine, tmp_path: Path) -> None:
    # given a row without a name, one torn, one repeated, a blank line, and two sound ones
    path = written(tmp_path, row(name="Alpha"), row(city="Lyon"), "a,b", row(name="Alpha"), "", row(name="Bêta"))
    summary, findings = loaded(sage_engine, path)
    assert [row["CT_Num"] for row in tiers(sage_engine)] == ["ALPHA", "BETA"]
    assert (summary.read, summary.loaded, summary.refused) == (5, 2, 3)
    assert told(findings) == [(3, Reason.NO_NAME, "name"), (4, Reason.MALFORMED_ROW, ""), (5, Reason.DUPLICATE_ROW, "")]
    assert all(finding.outcome is Outcome.REFUSED for finding in findings)


def test_a_siret_met_before_is_loaded_and_noted(sage_engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, row(name="Alpha", siret=GOOD_SIRET), row(name="Alpha Lyon", siret=GOOD_SIRET))
    summary, findings = loaded(sage_engine, path)
    assert (summary.loaded, summary.likely_duplicates, summary.adjusted) == (2, 1, 0)
    assert [(finding.line, finding.code, finding.became) for finding in findings] == [(3, "ALPHALYON", "ALPHA")]


@pytest.mark.req("CRM-20")
def test_equal_names_get_codes_of_their_own(sage_engine: Engine, tmp_path: Path) -> None:
    rows = [row(name="Établissements Ségur et fils", siret=siret) for siret in (GOOD_SIRET, OTHER_SIRET, "")]
    loaded(sage_engine, written(tmp_path, *rows))
    codes = [row["CT_Num"] for row in tiers(sage_engine)]
    assert codes == ["ETABLISSEMENTSSEG", "ETABLISSEMENTSSE2", "ETABLISSEMENTSSE3"]


def test_a_second_run_adds_only_what_is_missing(sage_engine: Engine, tmp_path: Path) -> None:
    # given a file loaded once, with twins by SIRET and name, and a company without SIRET
    rows = [
        row(name="Alpha", siret=GOOD_SIRET, city="Lyon"),
        row(name="Alpha", siret=GOOD_SIRET, city="Paris"),
        row(name="Bêta", postcode="1000", address="1 rue  du Bac"),
    ]
    first, _ = loaded(sage_engine, written(tmp_path, *rows))
    # when it is loaded again, with a newcomer and a third twin
    more = [*rows, row(name="Gamma"), row(name="Alpha", siret=GOOD_SIRET, city="Lille")]
    second, findings = loaded(sage_engine, written(tmp_path, *more))
    # then nothing is doubled and nothing lost
    assert (first.loaded, second.loaded, second.already_there) == (3, 2, 3)
    assert [row["CT_Ville"] for row in tiers(sage_engine) if row["CT_Intitule"] == "Alpha"] == [
        "Lyon",
        "Paris",
        "Lille",
    ]
    there = [finding.line for finding in findings if finding.outcome is Outcome.ALREADY_THERE]
    assert there == [2, 3, 4]


def test_an_interrupted_load_is_completed_by_the_next(
    sage_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a load in chunks of two that is cut off after its first chunk
    monkeypatch.setattr(companies, "CHUNK", 2)
    path = written(tmp_path, *(row(name=f"Alpha {n}", naf="88.99B") for n in range(5)))

    def stop(finding: Finding) -> None:
        raise KeyboardInterrupt(finding.line)

    with pytest.raises(KeyboardInterrupt):
        load_companies(sage_engine, path, company="Essai SA", report=stop)
    assert len(tiers(sage_engine)) == 2
    # when it is run again
    summary, _ = loaded(sage_engine, path)
    # then all five are there, once
    assert (summary.already_there, summary.loaded) == (2, 3)
    assert len({row["CT_Intitule"] for row in tiers(sage_engine)}) == len(tiers(sage_engine)) == 5


def test_a_row_the_database_refuses_does_not_take_the_others_with_it(sqlite_engine: Engine, tmp_path: Path) -> None:
    # given a base with a rule of its own
    create_base(sqlite_engine)
    with writing(sqlite_engine) as connection:
        rule = "CREATE TRIGGER rule BEFORE INSERT ON F_COMPTET WHEN NEW.CT_Ville = 'Nulle part' "
        connection.exec_driver_sql(rule + "BEGIN SELECT RAISE(ABORT, 'ville interdite'); END")
    path = written(tmp_path, row(name="Alpha"), row(name="Bêta", city="Nulle part"), row(name="Gamma"))
    summary, findings = loaded(sqlite_engine, path)
    assert [row["CT_Num"] for row in tiers(sqlite_engine)] == ["ALPHA", "GAMMA"]
    assert (summary.loaded, summary.refused) == (2, 1)
    assert [(finding.line, finding.reason, finding.was) for finding in findings] == [
        (3, Reason.DATABASE_REFUSED, "ville interdite")
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_accents_survive_the_encodings_files_come_in(sqlite_engine: Engine, tmp_path: Path, encoding: str) -> None:
    summary, findings = loaded(sqlite_engine, written(tmp_path, row(name="Été à Nîmes"), encoding=encoding))
    assert tiers(sqlite_engine)[0]["CT_Intitule"] == "Été à Nîmes"
    expected = [Reason.ENCODING_REPAIRED] if encoding == "cp1252" else []
    assert [finding.reason for finding in findings] == expected
    assert summary.adjusted == len(expected)


def test_a_file_that_is_none_is_refused_before_anything_is_made(sqlite_engine: Engine, tmp_path: Path) -> None:
    findings: list[Finding] = []
    missing_column = tmp_path / "short.csv"
    missing_column.write_text("name,siret\nAlpha,\n")
    for path, said in ((tmp_path / "none.csv", "cannot be read"), (missing_column, "lacks the column")):
        with pytest.raises(InputInvalid, match=said):
            load_companies(sqlite_engine, path, company="Essai SA", report=findings.append)
    assert is_empty(sqlite_engine)
    assert findings == []


@given(st.fixed_dictionaries({column: st.text(max_size=80) for column in COLUMNS}))
def test_whatever_a_row_holds_it_fits_and_what_changed_is_told(values: dict[str, str]) -> None:
    lengths = {"CT_Intitule": 69, "CT_Siret": 15, "CT_Ape": 7, "CT_CodePostal": 9, "CT_Site": 69, "CT_Qualite": 17}
    fitted = fit_row(SourceRow(line=2, values=values), lambda column: lengths.get(column, 35))
    for column, value in fitted.columns.items():
        if isinstance(value, str):
            assert len(value) <= lengths.get(column, 35)
            assert in_cp1252(value)
    if fitted.columns["CT_Ville"] != values["city"]:
        assert "city" in [finding.field for finding in fitted.findings]
