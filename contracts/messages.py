"""The operations of contract 1.1: each a request and a response structure.

`ViewRealTimeData` of earlier contracts is one typed operation per live view here (CRM-54, CRM-55), so that any SOAP stack gets
typed rows. What a gateway does not serve it answers with the fault ``not_supported``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from contracts.fields import Field, Kind, Many, One, Part, Struct, snake
from contracts.leaf import day, flag, instant, integer, text
from contracts.tables import FREE_FIELD, PARAMETER, REPRESENTATIVE, TIERS, TOMBSTONE, TURNOVER
from contracts.views import CUMULATED, DOCUMENT, DOCUMENT_LINE, ENTRY, SOLVENCY, WHOLE_DOCUMENT

CONTRACT_VERSION = "1.1"
NAMESPACE = "urn:crm-sage100-sync:contract:1.0"
"""Of the first version of its major: a minor version only adds, and stays in it."""
PAGE_SIZE_MAX = 2000
RECORDS_MAX = 500
"""Keys in one GetRecords or GetTurnover."""
TRANSACTIONS_MAX = 500
"""Transactions in one ExecuteTransactions."""
WAIT_MAX_S = 60
"""How long a WaitForChanges may be held."""


class EntitySet(StrEnum):
    """What the change log tells about, in the order of treatment (CRM-04); parameters come with the configuration."""

    FREE_FIELDS = "free_fields"
    REPRESENTATIVES = "representatives"
    TIERS = "tiers"
    TURNOVER = "turnover"


SET_RECORDS: dict[EntitySet, str] = {
    EntitySet.FREE_FIELDS: "free_fields",
    EntitySet.REPRESENTATIVES: "representatives",
    EntitySet.TIERS: "tiers_list",
    EntitySet.TURNOVER: "turnovers",
}
"""The part of a change set that holds the records of each entity set."""

SET_KEY: dict[EntitySet, str] = {
    EntitySet.FREE_FIELDS: "name",
    EntitySet.REPRESENTATIVES: "code",
    EntitySet.TIERS: "code",
    EntitySet.TURNOVER: "code",
}
"""The field that is the key of the records of each entity set."""


FAULT = Struct(
    "SyncFault",
    (
        text("Code", length=60, required=True, doc="stable, for programs"),
        text("Message", required=True, doc="what happened"),
        flag("Retry", required=True, doc="the same call may succeed later"),
        text("Record", doc="the record it is about"),
        text("Field", length=60, doc="the field it is about"),
        text("Remedy", doc="what to do next"),
    ),
    "The detail of every SOAP fault.",
)

FISCAL_YEAR = Struct(
    "FiscalYear",
    (day("Start", "first day", erp="P_DOSSIER.D_DebutExo01"), day("End", "last day", erp="P_DOSSIER.D_FinExo01")),
    "A fiscal year of the ERP, as P_DOSSIER holds it.",
)
CONFIGURATION = Struct(
    "Configuration",
    (
        text("Product", required=True, doc="Sage 100 Gestion Commerciale"),
        text("ProductVersion", doc="as detected from the database"),
        text("GatewayVersion", required=True, doc="of the program"),
        text("ContractVersion", required=True, doc="the newest it speaks"),
        text("Company", length=35, required=True, doc="raison sociale; must equal the integration's (CRM-14)"),
        text("BaseCurrency", length=3, doc="ISO code of the company currency"),
        flag("SynchroniseContacts", required=True, doc="CRM-12"),
        flag("SynchroniseAddresses", required=True, doc="CRM-12"),
        flag("SynchronisePhones", required=True, doc="CRM-12"),
        flag("SynchroniseDormant", required=True, doc="CRM-12"),
        text("Codification", length=20, required=True, doc="manual | automatic | manual_with_root (P_TIERS)"),
        integer("CodificationLength", doc="characters of a code", erp="P_TIERS.T_Lg"),
        text("CodificationRoot", length=17, doc="what a code begins with", erp="P_TIERS.T_Racine"),
        Many(name="FiscalYears", of=FISCAL_YEAR),
        Many(
            name="Operations",
            of=Struct(
                "Operation", (text("Name", required=True, doc="as in the WSDL"),), "An operation that is served."
            ),
        ),
        Many(name="Parameters", of=PARAMETER),
    ),
    "Product, versions, company, options, codification and parameters.",
)

_CLOCK = "the clock of the ERP's database as it read: what Modified is measured against"
SET_REQUEST = Struct(
    "EntitySetRequest",
    (
        text("Name", length=20, required=True, doc="free_fields | representatives | tiers | turnover"),
        text("Cursor", length=64, doc="as the last reply gave it; empty or absent: from the beginning"),
    ),
    "From where one entity set is to be read on.",
)
CHANGE_SET = Struct(
    "ChangeSet",
    (
        text("Name", length=20, required=True, doc="the entity set"),
        text(
            "NextCursor",
            length=64,
            required=True,
            doc="opaque; to be stored once the records are dealt with; empty in GetRecords",
        ),
        flag("AtEnd", required=True, doc="nothing more at the moment"),
        integer("Remaining", doc="how many changes are still to come, as far as known"),
        instant("Now", f"in GetRecords: {_CLOCK}"),
        Many(name="FreeFields", of=FREE_FIELD),
        Many(name="Representatives", of=REPRESENTATIVE),
        Many(name="TiersList", of=TIERS),
        Many(name="Turnovers", of=TURNOVER),
        Many(name="Tombstones", of=TOMBSTONE),
    ),
    "The changes of one entity set after a cursor: records as they are now, and tombstones.",
)

TRANSACTION = Struct(
    "Transaction",
    (
        text("Id", length=36, required=True, doc="the caller's; the same id again returns the same result"),
        text("Action", length=10, required=True, doc="create | update"),
        text("BaseVersion", length=32, doc="the version an update is based on; another one is refused as stale"),
        One(name="Tiers", of=TIERS, required=True),
    ),
    "One write: a tiers with what is to change; elements that are absent stay as they are.",
)
TRANSACTION_RESULT = Struct(
    "TransactionResult",
    (
        text("Id", length=36, required=True, doc="of the transaction"),
        text("Status", length=10, required=True, doc="done | stale | refused"),
        text("Key", length=17, doc="the code of the tiers, also when the ERP has given it"),
        text("Version", length=32, doc="the version after the write"),
        text("ErrorCode", length=60, doc="why it was refused, for programs"),
        text("Field", length=60, doc="the element it is about"),
        text("Message", doc="why it was refused, in words"),
        text("Remedy", doc="what to do next"),
        One(name="Tiers", of=TIERS),
    ),
    "What became of one transaction, with the tiers as it is now.",
)

PAGE_PARTS: tuple[Part, ...] = (
    integer("Page", doc="1 for the first"),
    integer("PageSize", doc="1 to 500, 50 when absent"),
    text("Sort", length=30, doc="a field of the rows"),
    flag("Descending", doc="the other way round"),
)

FINDING = Struct(
    "Finding",
    (
        text("Check", length=60, required=True, doc="stable, for programs"),
        text("Title", required=True, doc="in French, as the administrator reads it"),
        text("Severity", length=10, required=True, doc="ok | warning | blocking"),
        integer("Count", required=True, doc="records concerned"),
        text("Remedy", doc="how to fix it in Sage 100"),
        Many(
            name="Examples",
            of=Struct(
                "Example", (text("Key", required=True, doc="code, number or name"),), "The key of a record concerned."
            ),
        ),
    ),
    "The result of one data check (CRM-53).",
)
RECORD_KEY = Struct(
    "RecordKey", (text("Key", length=64, required=True, doc="code, number or name"),), "The key of a record."
)
RECORD_VERSION = Struct(
    "RecordVersion",
    (
        text("Key", length=64, required=True, doc="of the record"),
        text("Version", length=32, required=True, doc="as the record carries it"),
    ),
    "The present version of one record.",
)

_TIERS_CODE = Field(name="Code", kind=Kind.CODE, length=17, required=True, doc="of the tiers")
_DOCUMENT_FILTERS: tuple[Part, ...] = (
    day("From", "first day"),
    day("To", "last day"),
    Many(
        name="Types",
        of=Struct("DocumentType", (text("Type", length=5, required=True, doc="DE, BC, …"),), "A type of document."),
    ),
    text("Search", length=60, doc="anywhere in the columns of the header"),
)


@dataclass(frozen=True)
class Operation:
    """One operation: its name, what goes in, what comes out, and what it is for."""

    name: str
    parts_in: tuple[Part, ...]
    parts_out: tuple[Part, ...]
    doc: str

    @cached_property
    def attr(self) -> str:
        """The Python name: ``GetChangeLog`` → ``get_change_log``."""
        return snake(self.name)

    @cached_property
    def request(self) -> Struct:
        """The structure of the wrapper element of the request."""
        return Struct(self.name, self.parts_in)

    @cached_property
    def response(self) -> Struct:
        """The structure of the wrapper element of the response."""
        return Struct(f"{self.name}Response", self.parts_out)


GET_CONFIGURATION = Operation(
    "GetConfiguration",
    (),
    (One(name="Configuration", of=CONFIGURATION, required=True),),
    "What is on the other side: product, versions, company, options, codification, fiscal years, parameters.",
)
GET_CHANGE_LOG = Operation(
    "GetChangeLog",
    (
        text("ContractVersion", length=10, doc="the caller's; another major version is refused"),
        integer("PageSize", doc="records in all; the gateway's own when absent, 2000 at most"),
        integer("WaitSeconds", doc="hold the call until something changes, 0 to 55; 0 when absent"),
        Many(name="EntitySets", of=SET_REQUEST),
    ),
    (
        text("ContractVersion", required=True, doc="the gateway's"),
        text("Company", required=True, doc="raison sociale; must equal the integration's (CRM-14)"),
        instant("Now", _CLOCK),
        Many(name="ChangeSets", of=CHANGE_SET),
    ),
    "What changed after the cursors, set after set in the order asked for; a set begins only when the one before is at its end.",
)
GET_RECORDS = Operation(
    "GetRecords",
    (
        text("Name", length=20, required=True, doc="the entity set"),
        Many(name="Keys", of=RECORD_KEY),
    ),
    (One(name="ChangeSet", of=CHANGE_SET, required=True),),
    "Named records as they are now (500 at most), whatever the cursor; a tombstone for each that is not there.",
)
GET_VERSIONS = Operation(
    "GetVersions",
    (
        text("Name", length=20, required=True, doc="the entity set"),
        text("AfterKey", length=64, doc="the last key of the page before"),
        integer("PageSize", doc="as in GetChangeLog"),
    ),
    (Many(name="Versions", of=RECORD_VERSION), flag("AtEnd", required=True, doc="this was the last page")),
    "Keys and versions of every record as it is now, in order of key: to audit agreement without reading the records. "
    "What the change log has not noticed shows here.",
)
EXECUTE_TRANSACTIONS = Operation(
    "ExecuteTransactions",
    (Many(name="Transactions", of=TRANSACTION),),
    (Many(name="Results", of=TRANSACTION_RESULT),),
    "Writes, each in a database transaction of its own; one result each, in the same order.",
)
VIEW_SOLVENCY = Operation(
    "ViewSolvency",
    (_TIERS_CODE,),
    (One(name="Solvency", of=SOLVENCY),),
    "Credit and outstanding of one client.",
)
VIEW_CUMULATED_FIGURES = Operation(
    "ViewCumulatedFigures",
    (_TIERS_CODE,),
    (Many(name="Figures", of=CUMULATED),),
    "Figures per month of the open fiscal years.",
)
VIEW_ENTRIES = Operation(
    "ViewEntries",
    (
        _TIERS_CODE,
        *PAGE_PARTS,
        day("From", "first day"),
        day("To", "last day"),
        flag("OnlyUnlettered", "not lettered yet"),
    ),
    (integer("Total", required=True, doc="rows in all pages"), Many(name="Entries", of=ENTRY)),
    "Accounting entries of one tiers.",
)
VIEW_DOCUMENTS = Operation(
    "ViewDocuments",
    (_TIERS_CODE, *PAGE_PARTS, *_DOCUMENT_FILTERS),
    (integer("Total", required=True, doc="rows in all pages"), Many(name="Documents", of=DOCUMENT)),
    "Commercial documents of one tiers, newest first unless sorted otherwise.",
)
VIEW_DOCUMENT_LINES = Operation(
    "ViewDocumentLines",
    (_TIERS_CODE, *PAGE_PARTS, *_DOCUMENT_FILTERS),
    (integer("Total", required=True, doc="rows in all pages"), Many(name="Lines", of=DOCUMENT_LINE)),
    "Lines of the documents of one tiers.",
)
VIEW_DOCUMENT = Operation(
    "ViewDocument",
    (
        text("Type", length=5, required=True, doc="DE, BC, …"),
        text("Number", length=13, required=True, doc="n° de pièce"),
    ),
    (One(name="Document", of=WHOLE_DOCUMENT),),
    "One document with its lines.",
)
GET_TURNOVER = Operation(
    "GetTurnover",
    (Many(name="Keys", of=RECORD_KEY),),
    (Many(name="Turnovers", of=TURNOVER),),
    "Turnover N and N-1 of the named tiers, computed now (CRM-48, 'Réactualiser CA'); of all when none is named.",
)
RUN_DIAGNOSTICS = Operation(
    "RunDiagnostics",
    (),
    (Many(name="Findings", of=FINDING),),
    "The data checks to run before a first synchronisation (CRM-53).",
)
WAIT_FOR_CHANGES = Operation(
    "WaitForChanges",
    (
        integer("WaitSeconds", doc="hold the call while there is nothing, 0 to 60; 0 when absent"),
        Many(name="EntitySets", of=SET_REQUEST),
    ),
    (
        flag(
            "Changed",
            required=True,
            doc="GetChangeLog has something after one of these cursors; false: the time was up",
        ),
    ),
    "Whether there is something after the cursors, told as soon as there is (NEW-07). Since 1.1.",
)
RELEASE_BASE = Operation(
    "ReleaseBase",
    (),
    (instant("Since", "since when the base is released"),),
    "Close every connection to the ERP's database, so that it can be worked in exclusively (CRM-58). Until ReconnectBase, after a "
    "restart of the gateway too, every other operation answers base_released. Asked twice it does no more. Since 1.1.",
)
RECONNECT_BASE = Operation(
    "ReconnectBase",
    (),
    (flag("WasReleased", required=True, doc="false: there was nothing to do"),),
    "Serve the base again (CRM-58). While its database does not answer it stays released, and the fault says why. Since 1.1.",
)

OPERATIONS: tuple[Operation, ...] = (
    GET_CONFIGURATION,
    GET_CHANGE_LOG,
    GET_RECORDS,
    GET_VERSIONS,
    EXECUTE_TRANSACTIONS,
    VIEW_SOLVENCY,
    VIEW_CUMULATED_FIGURES,
    VIEW_ENTRIES,
    VIEW_DOCUMENTS,
    VIEW_DOCUMENT_LINES,
    VIEW_DOCUMENT,
    GET_TURNOVER,
    RUN_DIAGNOSTICS,
    WAIT_FOR_CHANGES,
    RELEASE_BASE,
    RECONNECT_BASE,
)
