"""Why a value was written, in the words of somebody who knows Sage 100: the one table of them (NEW-04). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncengine.model.journal import Rule

_BOTH: Final = "Les deux côtés avaient changé cette valeur ; "

WORDS: Final[Mapping[Rule, str]] = {
    Rule.ERP_CHANGED: "Seul Sage 100 avait changé cette valeur ; elle a été reprise dans le CRM.",
    Rule.CRM_CHANGED: "Seul le CRM avait changé cette valeur ; elle a été envoyée à Sage 100.",
    Rule.ERP_WINS: f"{_BOTH}la règle du champ donne raison à Sage 100.",
    Rule.CRM_WINS: f"{_BOTH}la règle du champ donne raison au CRM.",
    Rule.MOST_RECENT: f"{_BOTH}la modification la plus récente l'emporte.",
    Rule.ASKED: f"{_BOTH}une décision est attendue.",
    Rule.RESOLVED: f"{_BOTH}le conflit a été tranché.",
    Rule.EDIT_BEATS_DELETE: "Supprimé d'un côté, modifié de l'autre : la modification l'emporte.",
    Rule.REPLICATED: "Réplication entre la fiche Société et la fiche Tiers du CRM.",
    Rule.MANAGER: "Le responsable suit le représentant du tiers.",
    Rule.REPRESENTATIVE: "Le représentant suit le responsable de la société.",
    Rule.VANISHED: "Le tiers est supprimé, mis en sommeil ou sorti du périmètre dans Sage 100.",
    Rule.EDITED: "Saisi dans le CRM.",
    Rule.ALIGNED: "Les fiches Société et Tiers ont été mises à jour l'une par l'autre.",
    Rule.CREATED: "Création du tiers dans Sage 100 (« Créer le tiers »).",
    Rule.DEFAULTED: "Valeur par défaut d'un champ laissé vide.",
    Rule.LINKED: "Lien entre la société et le tiers : lié, réaffecté, rompu, sorti ou remis dans la synchronisation.",
    Rule.RESYNC: "Resynchronisation complète : l'un des deux côtés fait foi.",
    Rule.UNDONE: "Annulation d'un cycle : la valeur d'avant est rétablie.",
}

CLASHES: Final = frozenset(
    {Rule.ERP_WINS, Rule.CRM_WINS, Rule.MOST_RECENT, Rule.RESOLVED, Rule.RESYNC, Rule.EDIT_BEATS_DELETE}
)
"""The rules that give one side's value preference: the value before is the one that lost."""


def why(rule: str, by: str | None = None) -> str:
    """The sentence for a rule of the journal, with who acted; a rule of a newer program is told by its code."""
    known = rule in set(Rule)
    words = WORDS[Rule(rule)] if known else f"Règle « {rule} »."
    return f"{words} ({by})" if by else words
