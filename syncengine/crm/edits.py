"""The edit service: the one way people, undo and the resolution of conflicts change Companies and their children (CRM-28).

Every function takes a session of ``Store.writing`` and an ``Act``, checks before it writes, and raises InputRefused with nothing
written. Account and Company agree afterwards, each value replaced is in the journal, and the link is marked when something travels.
"""

from __future__ import annotations

from syncengine.crm.address_edits import add_address, edit_address, remove_address, set_default_address
from syncengine.crm.company_edits import create_company, edit_company
from syncengine.crm.company_removal import delete_company, merge_companies
from syncengine.crm.contact_edits import (
    add_contact,
    edit_contact,
    remove_contact,
    set_contact_address,
    set_default_contact,
    share_main_address,
)
from syncengine.crm.path_edits import edit_path
from syncengine.cycle.act import Act, Edited

__all__ = [
    "Act",
    "Edited",
    "add_address",
    "add_contact",
    "create_company",
    "delete_company",
    "edit_address",
    "edit_company",
    "edit_contact",
    "edit_path",
    "merge_companies",
    "remove_address",
    "remove_contact",
    "set_contact_address",
    "set_default_address",
    "set_default_contact",
    "share_main_address",
]
