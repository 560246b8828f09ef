"""Acceptance on real input: a register extract loaded into an empty ERP base and synchronised; is every row a Company?

Each row is looked for in the CRM by its values: as they stand in the file, or as the loader's report says they became.
"""

from __future__ import annotations

import csv
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks.crm import COMPANY, open_crm
from benchmarks.first_sync import run_engine
from benchmarks.stand import gateway
from gateway.companies import load_companies
from gateway.database import open_database
from gateway.load_report import Finding, Reason
from syncengine.model import Address, Company, SyncError

FIELDS = ("siret", "name", "naf", "address", "address2", "postcode", "city")
_OUTCOMES_WITHOUT_COMPANY = {"refused"}


def register(file: Path) -> dict[str, Any]:
    """Load, synchronise, and account for every row of the file."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        findings: dict[int, list[Finding]] = defaultdict(list)
        engine = open_database(str(folder / "sage.db"), create=True)
        summary = load_companies(
            engine, file, company=COMPANY, report=lambda finding: findings[finding.line].append(finding)
        )
        engine.dispose()
        crm = f"sqlite:///{folder}/crm.db"
        with gateway(folder, f"sqlite:///{folder}/sage.db") as running:
            cycle = run_engine(folder, crm, running.url)
        companies, errors = _companies(crm)
    refused = {line for line, found in findings.items() if any(f.outcome in _OUTCOMES_WITHOUT_COMPANY for f in found)}
    wanted = Counter(_expected(row, findings[line]) for line, row in _rows(file) if line not in refused)
    missing, unexpected = wanted - companies, companies - wanted
    return {
        "rows_in_file": sum(1 for _ in _rows(file)),
        "loaded": summary.loaded,
        "refused": len(refused),
        "adjusted": summary.adjusted,
        "cycle": cycle["status"],
        "companies": companies.total(),
        "sync_errors": errors,
        "rows_found_as_company": (wanted & companies).total(),
        "missing": [list(row) for row in list(missing)[:20]],
        "unexpected": [list(row) for row in list(unexpected)[:20]],
    }


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        return [(reader.line_num, row) for row in reader]


def _expected(row: dict[str, str], findings: list[Finding]) -> tuple[str, ...]:
    """The values a Company should have: those of the file, or what the report says they became."""
    values = {field: (row[field] or "") for field in FIELDS}
    for finding in findings:
        if finding.field in values and finding.reason is not Reason.LIKELY_DUPLICATE:
            values[finding.field] = finding.became
    street, _, moved = values["address"].partition(" | ")
    complement = " ".join(part for part in (moved, values["address2"]) if part)
    told = (values["siret"], values["name"], values["naf"], street, complement, values["postcode"], values["city"])
    return tuple(value.strip() for value in told)


def _companies(database: str) -> tuple[Counter[tuple[str, ...]], int]:
    store = open_crm(database)
    columns = (Company.siret, Company.name, Company.naf_code)
    places = (Address.street, Address.complement, Address.postcode, Address.town)
    query = select(*columns, *places).join(Address, (Address.company_id == Company.id) & Address.is_default)
    with store.reading() as session:
        found = Counter(tuple(value or "" for value in row) for row in session.execute(query))
        errors = len(session.scalars(select(SyncError.id)).all())
    store.close()
    return found, errors
