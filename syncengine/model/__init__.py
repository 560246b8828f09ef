"""The entities of the CRM base, one noun per module."""

from syncengine.model.access import ApiKey, AuditEvent, IdempotencyKey, UserSession
from syncengine.model.account import Account, ErpState
from syncengine.model.address import Address
from syncengine.model.alert import Alert, AlertCause, AlertChannel, ChannelKind, Delivery, DeliveryState
from syncengine.model.attached_document import AttachedDocument
from syncengine.model.audit import Audit, Difference, Drift
from syncengine.model.base import Base
from syncengine.model.company import Company, RecordStatus
from syncengine.model.conflict import Conflict, ConflictState
from syncengine.model.contact import Contact
from syncengine.model.cursor import Cursor
from syncengine.model.custom_field import CustomField
from syncengine.model.cycle import Cycle, CycleKind, CycleStatus
from syncengine.model.email import Email, EmailKind
from syncengine.model.free_field import FreeFieldDefinition, FreeFieldState
from syncengine.model.generic_tiers import GenericRule, GenericTiers
from syncengine.model.integration import (
    AssignmentRule,
    CodeMode,
    Integration,
    IntegrationState,
    TransferMode,
    TurnoverMode,
)
from syncengine.model.journal import JournalEntry, Rule, Side
from syncengine.model.link import Entity, Link, LinkState
from syncengine.model.opportunity import Opportunity
from syncengine.model.outbox import Outbox, OutboxState
from syncengine.model.parameter import ErpParameter
from syncengine.model.phone import Phone, PhoneKind
from syncengine.model.plan import Plan
from syncengine.model.representative import Representative
from syncengine.model.run_request import RunRequest, RunState
from syncengine.model.sync_error import SyncError, SyncErrorState
from syncengine.model.territory import WORLD, Territory
from syncengine.model.turnover import Turnover
from syncengine.model.user import Right, User, UserRight

__all__ = [
    "WORLD",
    "Account",
    "Address",
    "Alert",
    "AlertCause",
    "AlertChannel",
    "ApiKey",
    "AssignmentRule",
    "AttachedDocument",
    "Audit",
    "AuditEvent",
    "Base",
    "ChannelKind",
    "CodeMode",
    "Company",
    "Conflict",
    "ConflictState",
    "Contact",
    "Cursor",
    "CustomField",
    "Cycle",
    "CycleKind",
    "CycleStatus",
    "Delivery",
    "DeliveryState",
    "Difference",
    "Drift",
    "Email",
    "EmailKind",
    "Entity",
    "ErpParameter",
    "ErpState",
    "FreeFieldDefinition",
    "FreeFieldState",
    "GenericRule",
    "GenericTiers",
    "IdempotencyKey",
    "Integration",
    "IntegrationState",
    "JournalEntry",
    "Link",
    "LinkState",
    "Opportunity",
    "Outbox",
    "OutboxState",
    "Phone",
    "PhoneKind",
    "Plan",
    "RecordStatus",
    "Representative",
    "Right",
    "Rule",
    "RunRequest",
    "RunState",
    "Side",
    "SyncError",
    "SyncErrorState",
    "Territory",
    "TransferMode",
    "Turnover",
    "TurnoverMode",
    "User",
    "UserRight",
    "UserSession",
]
