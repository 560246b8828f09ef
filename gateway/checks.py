"""Data checks run on a Sage 100 base before its first synchronisation (CRM-53).

`CHECKS` is the whole list: what is looked for, how bad it is, and how to put it right in Sage 100. Only
clients and suppliers are looked at, since nothing else takes part (CRM-05). The finders are in `gateway.finders`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from sqlalchemy import Engine

from gateway import finders
from gateway.clock import DEFAULT_ZONE
from gateway.database import database_problems
from gateway.probe import probe_connection

EXAMPLES = 20


class Severity(StrEnum):
    """Whether a finding keeps records from travelling, or is only worth a look."""

    BLOCKING = "blocking"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that can be wrong with a base; title and remedy are in French, for who keeps the base."""

    id: str
    title: str
    severity: Severity
    remedy: str
    find: Callable[[finders.Base], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check found: how many records, and the keys of the first twenty."""

    check: str
    title: str
    severity: Severity
    count: int
    examples: tuple[str, ...]
    remedy: str

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return self.count == 0


def run_checks(engine: Engine, *, zone: str = DEFAULT_ZONE) -> list[CheckResult]:
    """Run every check, in the order of `CHECKS`, in one read transaction; writes nothing.

    `zone` is the time zone of the database server's clock. Raises DatabaseProblem, NotSage.
    """
    with database_problems(), engine.connect() as connection:
        base = finders.Base(connection=connection, probe=probe_connection(connection), zone=zone)
        return [_run(check, base) for check in CHECKS]


def _run(check: Check, base: finders.Base) -> CheckResult:
    found = iter(check.find(base))
    examples = tuple(islice(found, EXAMPLES))
    return CheckResult(
        check=check.id,
        title=check.title,
        severity=check.severity,
        count=len(examples) + sum(1 for _ in found),
        examples=examples,
        remedy=check.remedy,
    )


def _blocking(id_: str, title: str, find: Callable[[finders.Base], Iterable[str]], remedy: str) -> Check:
    return Check(id=id_, title=title, severity=Severity.BLOCKING, remedy=remedy, find=find)


def _warning(id_: str, title: str, find: Callable[[finders.Base], Iterable[str]], remedy: str) -> Check:
    return Check(id=id_, title=title, severity=Severity.WARNING, remedy=remedy, find=find)


RECODE = "Traitement / Changement de code tiers : donner un code de 17 caractères au plus, A-Z et 0-9."
CHECKS: tuple[Check, ...] = (
    _blocking(
        "company_name_missing",
        "Raison sociale du dossier vide",
        finders.company_name_missing,
        "Fichier / À propos de votre société : saisir la raison sociale.",
    ),
    _blocking("code_too_long", "Code tiers de plus de 17 caractères", finders.code_too_long, RECODE),
    _blocking("code_lower_case", "Code tiers en minuscules", finders.code_lower_case, RECODE),
    _blocking(
        "code_forbidden_characters",
        "Code tiers avec un caractère non alphanumérique",
        finders.code_forbidden_characters,
        RECODE,
    ),
    _blocking(
        "code_duplicate", "Codes tiers identiques à la casse ou aux espaces près", finders.code_duplicate, RECODE
    ),
    _blocking(
        "title_missing",
        "Tiers sans intitulé",
        finders.title_missing,
        "Structure / Tiers, onglet Identification : saisir l'intitulé.",
    ),
    _blocking(
        "account_missing",
        "Tiers sans compte collectif",
        finders.account_missing,
        "Structure / Tiers, onglet Identification : choisir le compte collectif principal.",
    ),
    _blocking(
        "accounting_category_unknown",
        "Catégorie comptable inconnue",
        finders.accounting_category_unknown,
        "Structure / Tiers, onglet Tarif : choisir une catégorie comptable existante, ou compléter la liste dans "
        "Fichier / À propos de votre société / Paramètres.",
    ),
    _blocking(
        "price_category_unknown",
        "Catégorie tarifaire inconnue",
        finders.price_category_unknown,
        "Structure / Tiers, onglet Tarif : choisir une catégorie tarifaire existante, ou compléter la liste dans "
        "Fichier / À propos de votre société / Paramètres.",
    ),
    _blocking(
        "currency_unknown",
        "Devise inconnue",
        finders.currency_unknown,
        "Structure / Tiers, onglet Paramètres : choisir une devise existante.",
    ),
    _blocking(
        "representative_unknown",
        "Représentant inconnu",
        finders.representative_unknown,
        "Structure / Tiers, onglet Complément : choisir un représentant existant, ou aucun.",
    ),
    _blocking(
        "delivery_title_missing",
        "Lieu de livraison sans intitulé",
        finders.delivery_title_missing,
        "Structure / Tiers, onglet Livraison : donner un intitulé à chaque lieu.",
    ),
    _blocking(
        "delivery_title_duplicate",
        "Lieux de livraison du même intitulé pour un tiers",
        finders.delivery_title_duplicate,
        "Structure / Tiers, onglet Livraison : donner à chaque lieu du tiers un intitulé différent.",
    ),
    _blocking(
        "contact_name_missing",
        "Contact sans nom",
        finders.contact_name_missing,
        "Structure / Tiers, onglet Contacts : saisir le nom, ou supprimer le contact.",
    ),
    _blocking(
        "value_too_long",
        "Valeur plus longue que sa zone",
        finders.value_too_long,
        "Raccourcir la valeur dans la fiche ; elle vient d'une écriture faite hors de Sage 100.",
    ),
    _blocking(
        "clock_missing",
        "Fiche sans date de modification",
        finders.clock_missing,
        "Ouvrir et valider la fiche dans Sage 100 : ses changements ne seraient pas vus autrement.",
    ),
    _blocking(
        "free_field_column_missing",
        "Information libre déclarée sans sa colonne",
        finders.free_field_column_missing,
        "Fichier / À propos de votre société / Paramètres : supprimer l'information libre et la recréer ; si "
        "l'erreur reste, lancer une vérification du fichier avec l'outil de maintenance.",
    ),
    _warning(
        "free_field_undeclared",
        "Colonne qu'aucune information libre ne déclare",
        finders.free_field_undeclared,
        "La colonne n'est pas synchronisée : la déclarer en information libre si elle doit l'être.",
    ),
    _warning(
        "contact_duplicate",
        "Contacts du même nom pour un tiers",
        finders.contact_duplicate,
        "Structure / Tiers, onglet Contacts : supprimer le doublon, ou distinguer les prénoms.",
    ),
    _warning(
        "payer_unknown",
        "Tiers payeur inexistant",
        finders.payer_unknown,
        "Structure / Tiers, onglet Banque / Règlement : choisir un tiers payeur existant.",
    ),
    _warning(
        "siret_invalid",
        "SIRET dont la clé de contrôle est fausse",
        finders.siret_invalid,
        "Structure / Tiers, onglet Identification : corriger le SIRET d'après un document de l'entreprise.",
    ),
    _warning(
        "not_cp1252",
        "Caractères que Sage 100 ne sait pas enregistrer",
        finders.not_cp1252,
        "Ressaisir la valeur dans la fiche, avec des caractères d'Europe occidentale.",
    ),
    _warning(
        "clock_future",
        "Fiche modifiée dans le futur",
        finders.clock_future,
        "Vérifier l'heure et le fuseau du serveur, et le fuseau horaire des réglages de la passerelle.",
    ),
)
