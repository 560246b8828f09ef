"""What the edit service refuses: one code per reason, each explained once (docs/errors.md)."""

from __future__ import annotations

from typing import Final

from syncengine.errors import InputRefused

REFUSALS: Final = {
    "company_unknown": "there is no Company with that code or number",
    "contact_unknown": "there is no contact of that number, or it belongs to another Company",
    "address_unknown": "there is no address of that number, or it belongs to another Company",
    "account_unknown": "there is no Account (Tiers CRM) of that number, or the Company has none",
    "account_ambiguous": "several tiers have that code; name one by its number",
    "unknown_field": "there is no field of that name",
    "read_only_field": "only Sage 100 changes this field (CRM-40)",
    "field_required": "a mandatory field is empty",
    "too_long": "more characters than Sage 100 can hold",
    "control_character": "the text holds characters that are none to read",
    "not_a_text": "the value is no text, or not of the kind the field takes",
    "unknown_value": "the value is not in the list it is chosen from",
    "unknown_representative": "there is no such representative, or it is gone from Sage 100",
    "unknown_user": "there is no such user, or it is no longer active",
    "other_tiers_type": "the company type stands for another type of tiers than the one it is linked to (CRM-35)",
    "company_linked": "a Company linked to a tiers is neither deleted nor merged (CRM-32)",
    "company_in_use": "opportunities hang on the Company",
    "same_company": "a Company is not merged with itself",
    "contact_in_use": "another contact of the tiers has this name and first name",
    "title_in_use": "another delivery address of the Company has this title (CRM-41)",
    "billing_title": "the billing address has no title in Sage 100 (CRM-38)",
    "billing_address": "the billing address of a linked Company stays, and stays the default one (CRM-38)",
    "custom_field_invalid": "the name of a field of the CRM's own breaks its rule",
    "custom_field_known": "there is a field of that name already",
    "pair_known": "the pair of fields is replicated already (CRM-47)",
    "pair_unknown": "the pair of fields is not replicated (CRM-47)",
    # Creating, linking, codes
    "transfer_never": "the integration transfers no Company to Sage 100 (CRM-24)",
    "creation_awaited": "the tiers waits to be created in Sage 100 already (CRM-25)",
    "not_awaited": "no tiers of the Company waits to be created (CRM-25)",
    "already_linked": "the Company has a tiers already (CRM-24, CRM-31)",
    "not_linked": "the Company has no tiers (CRM-30)",
    "company_inactive": "an inactive Company gets no tiers (CRM-24)",
    "name_missing": "the Company has no name (raison sociale) (CRM-24)",
    "type_not_mapped": "the company type stands for neither client nor supplier (CRM-35)",
    "code_missing": "there is no code comptable (CRM-20)",
    "code_invalid": "the code comptable has other characters than letters and digits (CRM-20)",
    "code_too_long": "the code comptable has more than 17 characters, its suffix included (CRM-20, CRM-22)",
    "code_in_use": "another tiers or Company has the code comptable (CRM-20, CRM-21)",
    "code_automatic": "the codes are numbered automatically and not entered (CRM-22, CRM-23)",
    "code_locked": "the code of a tiers that Sage 100 has is not changed from the CRM (CRM-20)",
    "sync_under_way": "a change of the tiers is on its way to Sage 100; after the cycle it can be done",
    "conflicts_open": "fields of the tiers wait for a decision (NEW-03)",
    "tiers_gone": "the tiers is no longer in Sage 100 (CRM-32)",
    "has_company": "the Account is the main one of its Company (CRM-34)",
    # Corrections of what a record in error holds (CRM-49)
    "correction_unknown_field": "the record in error has no such field",
    "correction_read_only": "the field can be changed in Sage 100 only",
    "correction_empty": "a mandatory field is left empty",
    "correction_invalid": "the value is not of the kind the field takes",
    "correction_too_long": "more characters than the field takes",
    # NEW-09: alerts and who is told
    "alert_unknown": "there is no alert of that number (NEW-09)",
    "alert_closed": "the alert is over already (NEW-09)",
    "channel_unknown": "there is no channel of that number (NEW-09)",
    "channel_known": "there is a channel to that address already, of the same integration (NEW-09)",
    "mail_address": "the text is no e-mail address (NEW-09)",
    "webhook_address": "no message may be sent to that address (NEW-09)",
    "right_withdrawn": "this right was withdrawn from the user (CRM-61)",
    # What is read live in the ERP
    "not_a_client": "Sage 100 shows live figures of clients only (CRM-54)",
    "tiers_secondary": "the Company of the Account has another tiers, which is the main one (CRM-34, CRM-54)",
    "tiers_taken_out": "the tiers was taken out of the flow: 'Ne plus synchroniser' (CRM-50)",
    "document_unknown": "the tiers has no document of that type and number (CRM-55)",
    "document_type_withheld": "the user may not see documents of this type (CRM-55)",
    "unknown_document_type": "there is no type of document of that name (CRM-55)",
    "direct_read_off": "the integration has no direct connection to the ERP database (CRM-59)",
    # Runs, bulk orders, opportunities, generic tiers
    "run_unknown": "there is no run of that number",
    "opportunity_unknown": "there is no opportunity of that number",
    "document_not_attached": "the opportunity has no such document (CRM-56)",
    "document_of_another": "the document is that of another tiers (CRM-56)",
    "other_currency": "the document is in another currency than the opportunity, and cannot count (CRM-56)",
    "generic_tiers_unknown": "there is no generic tiers of that number (CRM-60)",
    "generic_rule_invalid": "the value does not fit the rule (CRM-60)",
    "etendue_off": "the integration has no Sage Etendue link (CRM-57)",
    "territory_known": "there is a territory of that name already (CRM-16)",
    # Users, passwords, keys
    "login_invalid": "a login has 1 to 60 letters, digits or . _ - + @",
    "login_in_use": "another user has the login",
    "email_invalid": "the text is no e-mail address",
    "last_administrator": "no active administrator would be left",
    "password_wrong": "the present password, asked for again, is another one",
    "password_weak": "the password is too short, too long, the login, or not to be typed",
    "password_same": "the new password is the present one",
    "scope_beyond_user": "a key may not do what its user may not",
    "key_unknown": "there is no API key of that number",
    "key_expiry_invalid": "a key ends in the future, within two years",
}
"""Code → meaning."""


def refused(
    code: str, message: str, *, remedy: str, record: str | None = None, field: str | None = None
) -> InputRefused:
    """The refusal to raise. Raises KeyError for a code that is not explained above."""
    if code not in REFUSALS:
        raise KeyError(code)
    return InputRefused(message, code=code, record=record, field=field, remedy=remedy)
