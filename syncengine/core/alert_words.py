"""An alert in the words of somebody who knows Sage 100: subject and text of the mail that tells it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

OPENED: Final = "alert.opened"
CLOSED: Final = "alert.closed"

CAUSES: Final = {
    "failure": "la synchronisation échoue",
    "stale": "plus aucune synchronisation n'aboutit",
    "guard": "un garde-fou a arrêté la synchronisation",
    "drift": "le CRM et Sage 100 divergent",
}
"""What is wrong, by cause."""

_HAPPENED: Final = {
    "failure": "Les cycles de Liaison et Synchronisation ne vont plus à leur terme. Rien n'est perdu : ce qui a été modifié de "
    "part et d'autre sera synchronisé dès que la cause aura disparu.",
    "stale": "Aucun cycle ne s'est terminé depuis plus de trois intervalles. Il est probable que le service de synchronisation "
    "soit arrêté ou surchargé.",
    "guard": "Le prochain cycle aurait créé, modifié ou désactivé plus de tiers que ce qui est autorisé. Rien n'a été écrit.",
    "drift": "L'audit a trouvé des enregistrements différents dans le CRM et dans Sage 100, alors que rien n'attend d'être "
    "synchronisé.",
}
_TO_DO: Final = {
    "failure": "Corrigez ce qu'indique le détail technique ; le cycle suivant reprend de lui-même.",
    "stale": "Vérifiez que `syncengine serve`, ou un `syncengine worker`, est démarré, puis consultez `syncengine status`.",
    "guard": "Consultez le plan avec `syncengine plan show`. S'il est voulu, appliquez-le : `syncengine sync --apply N°`.",
    "drift": "Consultez les différences avec `syncengine audit list`, puis réparez-les : `syncengine audit repair`.",
}
_BY_CODE: Final = {
    "gateway_unreachable": "Vérifiez que la passerelle Sage 100 est démarrée, que l'adresse de l'intégration est juste et que le "
    "pare-feu laisse passer.",
    "gateway_timeout": "Le serveur de Sage 100 répond trop lentement : vérifiez sa charge, ou augmentez le délai de l'intégration.",
    "credentials_refused": "Corrigez l'utilisateur ERP et son mot de passe dans l'intégration, ou ceux de la passerelle.",
    "company_mismatch": "Corrigez la raison sociale ou l'adresse de l'intégration : la passerelle sert une autre société.",
    "contract_version_unsupported": "Mettez à jour le plus ancien des deux programmes : passerelle ou moteur.",
    "database_unavailable": "La base Sage 100 ne répond pas, ou un autre programme l'occupe : démarrez-la, ou fermez ce programme.",
    "disk_full": "Libérez de la place sur le disque de la base.",
    "key_missing": "Restaurez le fichier de clé depuis sa sauvegarde, ou saisissez à nouveau les mots de passe.",
    "key_wrong": "Restaurez la clé avec laquelle les mots de passe ont été enregistrés, ou saisissez-les à nouveau.",
}
"""What to do about the problems that are met most."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail without its envelope."""

    subject: str
    text: str


def mail_of(documents: Sequence[Mapping[str, Any]]) -> Mail:
    """The mail that tells these messages, each as ``cycle.alert_messages.document`` made it; several become one mail."""
    if len(documents) == 1:
        return Mail(subject=_subject(documents[0]), text=_text(documents[0]))
    begun = sum(one["type"] == OPENED for one in documents)
    subject = f"[Synchronisation Sage 100] {begun} alertes, {len(documents) - begun} rétablissements"
    texts = (f"{_subject(one)}\n\n{_text(one)}" for one in documents)
    return Mail(subject=subject, text=f"\n{'-' * 72}\n\n".join(texts))


def _subject(message: Mapping[str, Any]) -> str:
    match message["type"]:
        case kind if kind in {OPENED, CLOSED}:
            data = message["data"]
            return f"[{'Alerte' if kind == OPENED else 'Rétabli'}] {one_line(data['name'])} : {CAUSES[data['cause']]}"
        case _:
            return "[Essai] alertes de la synchronisation Sage 100"


def _text(message: Mapping[str, Any]) -> str:
    match message["type"]:
        case kind if kind == OPENED:
            return _opened(message["data"])
        case kind if kind == CLOSED:
            return _closed(message["data"])
        case _:
            return (
                "Ceci est un message d'essai : les alertes de la synchronisation Sage 100 arrivent à cette adresse.\n"
            )


def _opened(data: Mapping[str, Any]) -> str:
    return "\n".join(
        (
            f"Intégration : {data['name']}",
            f"Depuis      : {_local(data['opened_at'], data['zone'])}",
            "",
            "Ce qui s'est passé",
            _HAPPENED[data["cause"]],
            "",
            "Que faire",
            _BY_CODE.get(data["code"], _TO_DO[data["cause"]]),
            "",
            "Détail technique",
            f"{data['code']} : {data['message']}",
            *([f"→ {data['remedy']}"] if data["remedy"] else []),
            "",
            "Un seul message est envoyé par alerte ; un autre suivra quand tout sera rétabli.",
            "",
        )
    )


def _closed(data: Mapping[str, Any]) -> str:
    return "\n".join(
        (
            f"Intégration : {data['name']}",
            f"Depuis      : {_local(data['opened_at'], data['zone'])}",
            f"Jusqu'à     : {_local(data['closed_at'], data['zone'])}",
            "",
            f"L'alerte « {CAUSES[data['cause']]} » est levée. Il n'y a rien à faire.",
            "",
            "Ce qui s'était passé",
            f"{data['code']} : {data['message']} (constaté {data['times']} fois)",
            "",
        )
    )


def _local(instant: str, zone: str) -> str:
    """An instant as a French reader of that zone writes it."""
    return f"{datetime.fromisoformat(instant).astimezone(ZoneInfo(zone)):%d/%m/%Y à %H:%M} ({zone})"


def one_line(text: str) -> str:
    """A text that may stand in a header: without breaks or other characters that are none to read."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
