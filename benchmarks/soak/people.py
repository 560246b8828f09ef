"""People who edit both sides at random, through what people use: Sage 100's own columns, the CRM's edit services."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import select

from benchmarks.fleet.erps import Erp
from contracts.errors import Problem
from gateway.database import writing
from gateway.demo.edits import edit_tiers, insert_contact, insert_delivery, insert_tiers
from syncengine.crm.company_code import set_code
from syncengine.crm.creation import create_tiers
from syncengine.crm.edits import Act, add_address, add_contact, create_company, edit_company
from syncengine.engine import Engine
from syncengine.model import Account


@dataclass(kw_only=True)
class People:
    """One crowd; ``done`` counts what it did, ``refused`` what the CRM's rules refused, by code."""

    engine: Engine
    integration_id: int
    erp: Erp
    seed: int
    pause_s: tuple[float, float] = (0.2, 3.0)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._rng, self._number = random.Random(self.seed), 0  # noqa: S311 - edits
        self._acts: dict[str, tuple[int, Callable[[str], None]]] = {
            "erp_edit": (8, self._erp_edit),
            "erp_contact": (2, self._erp_contact),
            "erp_address": (1, self._erp_address),
            "erp_tiers": (1, self._erp_tiers),
            "crm_edit": (8, self._crm_edit),
            "crm_contact": (2, self._crm_contact),
            "crm_address": (1, self._crm_address),
            "crm_tiers": (1, self._crm_tiers),
        }

    def work(self, until: float) -> None:
        """One act after the other until that moment of the monotonic clock."""
        names, weights = list(self._acts), [weight for weight, _ in self._acts.values()]
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, self._rng.uniform(*self.pause_s)))
            (name,) = self._rng.choices(names, weights)
            self._number += 1
            try:
                self._acts[name][1](f"{self.seed}{self._number}")
            except Problem as problem:
                self.refused[problem.problem_code] += 1
            else:
                self.done[name] += 1

    @property
    def _code(self) -> str:
        return self._rng.choice(self.erp.codes)

    def _erp_edit(self, word: str) -> None:
        with writing(self.erp.base) as connection:
            edit_tiers(connection, self._code, CT_Contact=f"ERP {word}", CT_Site=f"www.erp{word}.example")

    def _erp_contact(self, word: str) -> None:
        with writing(self.erp.base) as connection:
            insert_contact(connection, self._code, f"Martin{word}", CT_Prenom="Ève")

    def _erp_address(self, word: str) -> None:
        with writing(self.erp.base) as connection:
            insert_delivery(connection, self._code, f"Dépôt {word}", LI_Ville="Nantes")

    def _erp_tiers(self, word: str) -> None:
        with writing(self.erp.base) as connection:
            insert_tiers(connection, f"E{word}", f"Nouveau client {word}")

    def _crm_edit(self, word: str) -> None:
        self._to_company(lambda session, company_id, act: edit_company(session, company_id, self._values(word), act))

    def _values(self, word: str) -> dict[str, str]:
        either = {"contact_person": f"CRM {word}"}, {"web_site": f"www.crm{word}.example", "phone": f"01{word[:8]}"}
        return self._rng.choice(either)

    def _crm_contact(self, word: str) -> None:
        values = {"last_name": f"Durand{word}", "first_name": "Léa"}
        self._to_company(lambda session, company_id, act: add_contact(session, company_id, values, act))

    def _crm_address(self, word: str) -> None:
        values = {"title": f"Site {word}", "town": "Lille"}
        self._to_company(lambda session, company_id, act: add_address(session, company_id, values, act))

    def _crm_tiers(self, word: str) -> None:
        store = self.engine.store
        with store.writing() as session:
            act = Act(at=store.clock(), by="claire")
            made = create_company(session, {"name": f"Nouvelle {word}", "company_type": "client"}, act)
            set_code(session, made.id, f"C{word}", at=act.at, integration_id=self.integration_id)
            create_tiers(session, made.id, integration_id=self.integration_id, at=act.at)

    def _to_company(self, edit: Callable[..., object]) -> None:
        store, code = self.engine.store, self._code
        with store.writing() as session:
            query = select(Account.company_id).where(
                Account.integration_id == self.integration_id, Account.code == code
            )
            company_id = session.scalar(query)
            if company_id is not None:
                edit(session, company_id, Act(at=store.clock(), by="claire"))
