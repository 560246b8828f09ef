"""``syncengine contact`` and ``syncengine address``: what hangs on a company, added, changed, removed (CRM-38, CRM-39, CRM-44)."""

from __future__ import annotations

from typing import Annotated

import typer

from contracts.tables import ADDRESS, CONTACT
from syncengine.commands.answers import show_edited
from syncengine.commands.assignments import address_values, contact_values
from syncengine.commands.options import As, AsJson, Values, Which, acting, named
from syncengine.crm import edits, names
from syncengine.engine import opened

contacts = typer.Typer(no_args_is_help=True, help="The contacts of a company; numbers are those of `company show`.")
addresses = typer.Typer(no_args_is_help=True, help="The addresses of a company; numbers are those of `company show`.")

Contact = Annotated[int, typer.Argument(metavar="CONTACT", min=1, help="Number of the contact.")]
Address = Annotated[int, typer.Argument(metavar="ADDRESS", min=1, help="Number of the address.")]


@contacts.command("add")
def contact_add(which: Which, values: Values, *, as_: As = None, as_json: AsJson = False) -> None:
    """Add a contact to a company, with its phone, mobile, fax and email; the first one is the default contact."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        edited = edits.add_contact(session, names.company_id(session, named(which)), contact_values(values), act)
    show_edited(edited, CONTACT, as_json=as_json, done="ajouté")


@contacts.command("edit")
def contact_edit(contact: Contact, values: Values, *, as_: As = None, as_json: AsJson = False) -> None:
    """Change a contact, its phone, mobile, fax and email included."""
    with opened() as engine, engine.store.writing() as session:
        edited = edits.edit_contact(session, contact, contact_values(values), acting(session, as_))
    show_edited(edited, CONTACT, as_json=as_json)


@contacts.command("remove")
def contact_remove(contact: Contact, *, as_: As = None, as_json: AsJson = False) -> None:
    """Remove a contact, with the next cycle from Sage 100 too; the journal keeps what it was."""
    with opened() as engine, engine.store.writing() as session:
        edited = edits.remove_contact(session, contact, acting(session, as_))
    show_edited(edited, CONTACT, as_json=as_json, done="supprimé")


@contacts.command("set-default")
def contact_set_default(contact: Contact, *, as_: As = None, as_json: AsJson = False) -> None:
    """Make a contact the default one of its company; that is the CRM's own and is not sent."""
    with opened() as engine, engine.store.writing() as session:
        edited = edits.set_default_contact(session, contact, acting(session, as_))
    show_edited(edited, CONTACT, as_json=as_json)


@contacts.command("set-address")
def contact_set_address(contact: Contact, address: Address, *, as_: As = None, as_json: AsJson = False) -> None:
    """Choose the default address of a contact among those of its company."""
    with opened() as engine, engine.store.writing() as session:
        edited = edits.set_contact_address(session, contact, address, acting(session, as_))
    show_edited(edited, CONTACT, as_json=as_json)


@contacts.command("share-main-address")
def contact_share_main_address(contact: Contact, *, as_: As = None, as_json: AsJson = False) -> None:
    """'Partager l'adresse principale': the company's main address becomes that of the contact."""
    with opened() as engine, engine.store.writing() as session:
        edited = edits.share_main_address(session, contact, acting(session, as_))
    show_edited(edited, CONTACT, as_json=as_json)


@addresses.command("add")
def address_add(which: Which, values: Values, *, as_: As = None, as_json: AsJson = False) -> None:
    """Add an address to a company: the first is its billing address, the others are for delivery."""
    with opened() as engine, engine.store.writing() as session:
        act = acting(session, as_)
        edited = edits.add_address(session, names.company_id(session, named(which)), address_values(values), act)
    show_edited(edited, ADDRESS, as_json=as_json, done="ajoutée")


@addresses.command("edit")
def address_edit(address: Address, values: Values, *, as_: As = None, as_json: AsJson = False) -> None:
    """Change an address."""
    with opened() as engine, engine.store.writing() as session:
        edited = edits.edit_address(session, address, address_values(values), acting(session, as_))
    show_edited(edited, ADDRESS, as_json=as_json)


@addresses.command("remove")
def address_remove(address: Address, *, as_: As = None, as_json: AsJson = False) -> None:
    """Remove an address, with the next cycle from Sage 100 too; the billing address of a linked company stays."""
    with opened() as engine, engine.store.writing() as session:
        edited = edits.remove_address(session, address, acting(session, as_))
    show_edited(edited, ADDRESS, as_json=as_json, done="supprimée")


@addresses.command("set-default")
def address_set_default(address: Address, *, as_: As = None, as_json: AsJson = False) -> None:
    """Make an address the billing address of a company that is not linked; the others are for delivery."""
    with opened() as engine, engine.store.writing() as session:
        edited = edits.set_default_address(session, address, acting(session, as_))
    show_edited(edited, ADDRESS, as_json=as_json)
