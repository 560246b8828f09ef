"""The operations of contract 1.0: each a request and a response structure.

`ViewRealTimeData` of earlier contracts is one typed operation per live view here (CRM-54, CRM-55), so that any SOAP stack gets
typed rows. What a gateway does not serve it answers with the fault ``not_supported``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from contracts.fields import Field, Kind, Many, One, Part, Struct, snake
from contracts.tables import FREE_FIELD, PARAMETER, REPRESENTATIVE, TIERS, TOMBSTONE, TURNOVER

CONTRACT_VERSION = "1.0"
NAMESPACE = "urn:crm-sage100-sync:contract:1.0"
PAGE_SIZE_MAX = 2000


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


def _text(name: str, *, length: int | None = None, required: bool = False, doc: str = "") -> Field:
    return Field(name=name, length=length, required=required, doc=doc)


def _int(name: str, *, required: bool = False, doc: str = "") -> Field:
    return Field(name=name, kind=Kind.INTEGER, required=required, doc=doc)


def _flag(name: str, *, required: bool = False, doc: str = "") -> Field:
    return Field(name=name, kind=Kind.FLAG, required=required, doc=doc)


def _amount(name: str, *, doc: str = "") -> Field:
    return Field(name=name, kind=Kind.AMOUNT, doc=doc)


def _date(name: str, *, doc: str = "") -> Field:
    return Field(name=name, kind=Kind.DATE, doc=doc)


FAULT = Struct(
    "SyncFault",
    (
        _text("Code", length=60, required=True, doc="stable, for programs"),
        _text("Message", required=True, doc="what happened"),
        _flag("Retry", required=True, doc="the same call may succeed later"),
        _text("Record", doc="the record it is about"),
        _text("Field", length=60, doc="the field it is about"),
        _text("Remedy", doc="what to do next"),
    ),
    "The detail of every SOAP fault.",
)

FISCAL_YEAR = Struct("FiscalYear", (_date("Start"), _date("End")), "A fiscal year of the ERP, as P_DOSSIER holds it.")
CONFIGURATION = Struct(
    "Configuration",
    (
        _text("Product", required=True, doc="Sage 100 Gestion Commerciale"),
        _text("ProductVersion", doc="as detected from the database"),
        _text("GatewayVersion", required=True),
        _text("ContractVersion", required=True),
        _text("Company", length=35, required=True, doc="raison sociale; must equal the integration's (CRM-14)"),
        _text("BaseCurrency", length=3, doc="ISO code of the company currency"),
        _flag("SynchroniseContacts", required=True, doc="CRM-12"),
        _flag("SynchroniseAddresses", required=True, doc="CRM-12"),
        _flag("SynchronisePhones", required=True, doc="CRM-12"),
        _flag("SynchroniseDormant", required=True, doc="CRM-12"),
        _text("Codification", length=20, required=True, doc="manual | automatic | manual_with_root (P_TIERS)"),
        _int("CodificationLength"),
        _text("CodificationRoot", length=17),
        Many(name="FiscalYears", of=FISCAL_YEAR),
        Many(
            name="Operations",
            of=Struct("Operation", (_text("Name", required=True),), "An operation that is served."),
        ),
        Many(name="Parameters", of=PARAMETER),
    ),
    "Product, versions, company, options, codification and parameters.",
)

SET_REQUEST = Struct(
    "EntitySetRequest",
    (
        _text("Name", length=20, required=True, doc="free_fields | representatives | tiers | turnover"),
        _text("Cursor", length=64, doc="as the last reply gave it; empty or absent: from the beginning"),
    ),
    "From where one entity set is to be read on.",
)
CHANGE_SET = Struct(
    "ChangeSet",
    (
        _text("Name", length=20, required=True),
        _text("NextCursor", length=64, required=True, doc="opaque; to be stored once the records are dealt with"),
        _flag("AtEnd", required=True, doc="nothing more at the moment"),
        _int("Remaining", doc="how many changes are still to come, as far as known"),
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
        _text("Id", length=36, required=True, doc="the caller's; the same id again returns the same result"),
        _text("Action", length=10, required=True, doc="create | update"),
        _text("BaseVersion", length=32, doc="the version an update is based on; another one is refused as stale"),
        One(name="Tiers", of=TIERS, required=True),
    ),
    "One write: a tiers with what is to change; elements that are absent stay as they are.",
)
TRANSACTION_RESULT = Struct(
    "TransactionResult",
    (
        _text("Id", length=36, required=True),
        _text("Status", length=10, required=True, doc="done | stale | refused"),
        _text("Key", length=17, doc="the code of the tiers, also when the ERP has given it"),
        _text("Version", length=32, doc="the version after the write"),
        _text("ErrorCode", length=60),
        _text("Field", length=60),
        _text("Message"),
        _text("Remedy"),
        One(name="Tiers", of=TIERS),
    ),
    "What became of one transaction, with the tiers as it is now.",
)

PAGE_PARTS: tuple[Part, ...] = (
    _int("Page", doc="1 for the first"),
    _int("PageSize", doc="1 to 500, 50 when absent"),
    _text("Sort", length=30, doc="a field of the rows"),
    _flag("Descending"),
)

SOLVENCY = Struct(
    "Solvency",
    (
        _amount("CreditLimit", doc="authorised: CT_Encours"),
        _amount("Insurance"),
        _text("CreditControl", length=20, doc="automatic | risk_code | blocked"),
        _text("RiskLabel", length=35),
        _text("RiskAction", length=10, doc="deliver | watch | block"),
        _amount("AccountingBalance", doc="debit − credit over the open years"),
        _amount("Portfolio", doc="documents that count, by P_BaseEncours"),
        _amount("Outstanding", doc="balance + portfolio"),
        _amount("Available", doc="limit − outstanding"),
        _flag("Blocked"),
        _amount("NotDue"),
        _amount("Overdue30", doc="1 to 30 days"),
        _amount("Overdue60", doc="31 to 60 days"),
        _amount("Overdue90", doc="61 to 90 days"),
        _amount("OverdueMore", doc="over 90 days"),
    ),
    "Solvabilité (CRM-54).",
)
CUMULATED = Struct(
    "CumulatedFigure",
    (
        _date("PeriodStart"),
        _date("PeriodEnd"),
        _amount("Debit"),
        _amount("Credit"),
        _amount("Balance"),
        _amount("Turnover", doc="before tax, invoices of the period"),
    ),
    "One period of the tab Cumuls (CRM-54).",
)
ENTRY = Struct(
    "Entry",
    (
        _int("Key", doc="EC_No"),
        _date("Date"),
        _text("Journal", length=7),
        _text("Piece", length=13),
        _text("Reference", length=17),
        _text("Account", length=13),
        _text("Label", length=69),
        _amount("Debit"),
        _amount("Credit"),
        _date("DueDate"),
        _text("PaymentMethod", length=35),
        _text("Lettering", length=3),
    ),
    "One accounting entry of a tiers (CRM-54, Écritures).",
)
_DOCUMENT_PARTS: tuple[Part, ...] = (
    _text("Type", length=5, required=True, doc="DE | BC | PL | BL | BR | BA | FA | FC"),
    _text("Number", length=13, required=True),
    _date("Date"),
    _date("DeliveryDate"),
    _text("Reference", length=17),
    _text("Tiers", length=17),
    _text("TiersName", length=69),
    _text("Payer", length=17),
    _text("Representative", length=71),
    _text("Status", length=20),
    _flag("Closed"),
    _text("Currency", length=3, doc="ISO code"),
    _amount("TotalBeforeTax"),
    _amount("TotalWithTax"),
    _amount("NetToPay"),
    _amount("Settled"),
    _text("Heading1", length=25),
    _text("Heading2", length=25),
    _text("Heading3", length=25),
    _text("Heading4", length=25),
)
_LINE_PARTS: tuple[Part, ...] = (
    _int("Key", doc="DL_No"),
    _text("Type", length=5),
    _text("Number", length=13),
    _date("Date"),
    _text("Article", length=19),
    _text("Designation", length=69),
    _amount("Quantity"),
    _amount("UnitPrice", doc="before tax"),
    _text("Discount", length=60, doc="as entered: 5 %, 10 + 5 %"),
    _amount("AmountBeforeTax"),
    _amount("AmountWithTax"),
    _text("Representative", length=71),
)
DOCUMENT = Struct("Document", _DOCUMENT_PARTS, "The header of a commercial document (CRM-54, CRM-55).")
DOCUMENT_LINE = Struct("DocumentLine", _LINE_PARTS, "One line (CRM-54, Interrogation commerciale).")
WHOLE_DOCUMENT = Struct(
    "WholeDocument", (*_DOCUMENT_PARTS, Many(name="Lines", of=DOCUMENT_LINE)), "A document with its lines."
)

FINDING = Struct(
    "Finding",
    (
        _text("Check", length=60, required=True),
        _text("Title", required=True, doc="in French, as the administrator reads it"),
        _text("Severity", length=10, required=True, doc="ok | warning | blocking"),
        _int("Count", required=True),
        _text("Remedy", doc="how to fix it in Sage 100"),
        Many(
            name="Examples",
            of=Struct("Example", (_text("Key", required=True),), "The key of a record concerned."),
        ),
    ),
    "The result of one data check (CRM-53).",
)
RECORD_KEY = Struct("RecordKey", (_text("Key", length=64, required=True),), "The key of a record.")
RECORD_VERSION = Struct(
    "RecordVersion",
    (_text("Key", length=64, required=True), _text("Version", length=32, required=True)),
    "The present version of one record.",
)

_TIERS_CODE = Field(name="Code", kind=Kind.CODE, length=17, required=True, doc="of the tiers")
_DOCUMENT_FILTERS: tuple[Part, ...] = (
    _date("From"),
    _date("To"),
    Many(
        name="Types",
        of=Struct("DocumentType", (_text("Type", length=5, required=True),), "A type of document."),
    ),
    _text("Search", length=60, doc="anywhere in the columns of the header"),
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
        _text("ContractVersion", length=10, doc="the caller's; another major version is refused"),
        _int("PageSize", doc="records in all; the gateway's own when absent, 2000 at most"),
        _int("WaitSeconds", doc="hold the call until something changes, 0 to 55; 0 when absent"),
        Many(name="EntitySets", of=SET_REQUEST),
    ),
    (
        _text("ContractVersion", required=True),
        _text("Company", required=True),
        Many(name="ChangeSets", of=CHANGE_SET),
    ),
    "What changed after the cursors, set after set in the order asked for; a set begins only when the one before is at its end.",
)
GET_RECORDS = Operation(
    "GetRecords",
    (
        _text("Name", length=20, required=True, doc="the entity set"),
        Many(name="Keys", of=RECORD_KEY),
    ),
    (One(name="ChangeSet", of=CHANGE_SET, required=True),),
    "Named records as they are now (500 at most), whatever the cursor; a tombstone for each that is not there.",
)
GET_VERSIONS = Operation(
    "GetVersions",
    (
        _text("Name", length=20, required=True, doc="the entity set"),
        _text("AfterKey", length=64, doc="the last key of the page before"),
        _int("PageSize"),
    ),
    (Many(name="Versions", of=RECORD_VERSION), _flag("AtEnd", required=True)),
    "Keys and versions of every record, in order of key: to audit agreement without reading the records.",
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
    (_TIERS_CODE, *PAGE_PARTS, _date("From"), _date("To"), _flag("OnlyUnlettered")),
    (_int("Total", required=True), Many(name="Entries", of=ENTRY)),
    "Accounting entries of one tiers.",
)
VIEW_DOCUMENTS = Operation(
    "ViewDocuments",
    (_TIERS_CODE, *PAGE_PARTS, *_DOCUMENT_FILTERS),
    (_int("Total", required=True), Many(name="Documents", of=DOCUMENT)),
    "Commercial documents of one tiers, newest first unless sorted otherwise.",
)
VIEW_DOCUMENT_LINES = Operation(
    "ViewDocumentLines",
    (_TIERS_CODE, *PAGE_PARTS, *_DOCUMENT_FILTERS),
    (_int("Total", required=True), Many(name="Lines", of=DOCUMENT_LINE)),
    "Lines of the documents of one tiers.",
)
VIEW_DOCUMENT = Operation(
    "ViewDocument",
    (_text("Type", length=5, required=True), _text("Number", length=13, required=True)),
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
)
