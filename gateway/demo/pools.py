"""The names a demonstration base is combined from, made once for a seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import lru_cache

from faker import Faker

from contracts.stored import clean, without_accents

TOWNS = (
    ("Paris", "75011", "Ile-de-France"),
    ("Lyon", "69003", "Auvergne-Rhône-Alpes"),
    ("Marseille", "13008", "Provence-Alpes-Côte d'Azu"),
    ("Toulouse", "31000", "Occitanie"),
    ("Nice", "06000", "Provence-Alpes-Côte d'Azu"),
    ("Nantes", "44000", "Pays de la Loire"),
    ("Strasbourg", "67000", "Grand Est"),
    ("Montpellier", "34000", "Occitanie"),
    ("Bordeaux", "33000", "Nouvelle-Aquitaine"),
    ("Lille", "59000", "Hauts-de-France"),
    ("Rennes", "35000", "Bretagne"),
    ("Reims", "51100", "Grand Est"),
    ("Le Havre", "76600", "Normandie"),
    ("Saint-Étienne", "42000", "Auvergne-Rhône-Alpes"),
    ("Dijon", "21000", "Bourgogne-Franche-Comté"),
    ("Angers", "49000", "Pays de la Loire"),
    ("Villeurbanne", "69100", "Auvergne-Rhône-Alpes"),
    ("Clermont-Ferrand", "63000", "Auvergne-Rhône-Alpes"),
    ("Aix-en-Provence", "13100", "Provence-Alpes-Côte d'Azu"),
    ("Brest", "29200", "Bretagne"),
    ("Tours", "37000", "Centre-Val de Loire"),
    ("Besançon", "25000", "Bourgogne-Franche-Comté"),
    ("Orléans", "45000", "Centre-Val de Loire"),
    ("Châlons-en-Champagne", "51000", "Grand Est"),
    ("L'Haÿ-les-Roses", "94240", "Ile-de-France"),
    ("Saint-Rémy-lès-Chevreuse", "78470", "Ile-de-France"),
    ("Bourg-en-Bresse", "01000", "Auvergne-Rhône-Alpes"),
    ("Ajaccio", "20000", "Corse"),
    ("Saint-Denis", "97400", "La Réunion"),
    ("Beauvais", "60000", "Hauts-de-France"),
)
FORMS = ("SARL", "SAS", "EURL", "SA", "Ets", "Société", "Maison", "Ateliers", "Groupe", "Comptoir")
TRADES = (
    "Menuiserie", "Distribution", "Transports", "Électricité", "Plomberie", "Négoce", "Bâtiment", "Conseil",
    "Imprimerie", "Mécanique", "Boulangerie", "Vins & Spiritueux", "Informatique", "Emballages", "Textiles",
    "Matériaux", "Espaces verts", "Métallerie", "Fournitures industrielles", "Équipements de la montagne",
)  # fmt: skip
FUNCTIONS = (
    "Gérant", "Directrice générale", "Comptable", "Acheteur", "Responsable logistique", "Assistante",
    "Chef d'atelier", "Directeur commercial", "",
)  # fmt: skip
NAF_CODES = (
    "4673A", "4339Z", "4941A", "4321A", "4322A", "4690Z", "4120A", "7022Z", "1812Z", "2562B", "1071C",
    "4634Z", "6202A", "1721A", "1392Z", "4613Z", "8130Z", "2511Z", "4669B", "4764Z",
)  # fmt: skip
STREETS = 800
LONG_NAME = " et des Établissements réunis de la région de "


@dataclass(frozen=True, kw_only=True)
class Pools:
    """Names to combine: people as (last name), (first name, `CT_Civilite`), streets, and slugs for e-mails."""

    last_names: tuple[str, ...]
    first_names: tuple[tuple[str, int], ...]
    streets: tuple[str, ...]
    slugs: tuple[str, ...]


@lru_cache(maxsize=2)
def make_pools(seed: int) -> Pools:
    """The pools of this seed: the same seed gives the same names."""
    fake = Faker("fr_FR")
    fake.seed_instance(seed)
    last_names = tuple(dict.fromkeys(clean(fake.last_name()) for _ in range(3000)))
    women = [(clean(fake.first_name_female()), 1) for _ in range(100)]
    men = [(clean(fake.first_name_male()), 0) for _ in range(100)]
    first_names = [*dict.fromkeys(women + men)]
    random.Random(seed).shuffle(first_names)  # noqa: S311 - demonstration data
    return Pools(
        last_names=last_names,
        first_names=tuple(first_names),
        streets=tuple(clean(fake.street_name())[:30].rstrip() for _ in range(STREETS)),
        slugs=tuple(re.sub(r"[^a-z]+", "-", without_accents(name).lower()) for name in last_names),
    )
