"""Everything at once: people at work on both sides, calls that go wrong, policies that change; G1 to G8 after every cycle.

The engine and the gateway are the real ones, with HTTP between them; what to expect says ``oracle.py``, which knows the guarantees
and not the merge.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine, delete, select, update

from contracts.fields import ABSENT, Record
from gateway.database import open_database, reading
from gateway.demo import build_base
from gateway.demo.edits import delete_tiers, edit_tiers, insert_tiers
from gateway.sage import F_COLLABORATEUR, SAGE
from gateway.sage.defaults import stamped
from syncengine.crm import edits
from syncengine.crm.creation import create_tiers
from syncengine.cycle.run import Order, utc_now
from syncengine.desk.conflicts import ConflictFilter, conflicts
from syncengine.desk.resolution import Own, Take, resolve
from syncengine.errors import InputRefused
from syncengine.model import Representative, User
from syncengine.storage.store import open_store
from tests.crm import differences, dump
from tests.gateway.live import COMPANY
from tests.postgresql import PostgresqlServer
from tests.sage_bases import demonstration
from tests.syncengine.evening import hasten
from tests.syncengine.judge import Judge
from tests.syncengine.mortal import Gateways, gateways
from tests.syncengine.people import CHOICES, Accountant, Salesman, typed
from tests.syncengine.sides import BILLING, CHILDREN, LEAVES, Tiers, in_crm, in_erp
from tests.syncengine.unreliable import ATTEMPTS, OPERATIONS, Trouble, UnreliableWorld
from tests.syncengine.world import crm

Bases: TypeAlias = Callable[[Path], AbstractContextManager[tuple[Engine, str]]]
"""A Sage 100 base of five tiers, and the URL of an empty CRM base; made in a folder."""
RULES = st.sampled_from(["none", "automatic", "if_empty"])
PLACES = st.integers(0, 11)
CHOICE = st.integers(0, CHOICES - 1)
POLICIES = st.sampled_from(
    [
        {},
        {"": "crm_wins"},
        {"": "ask"},
        {"": "most_recent"},
        {"account": "ask", "contact": "crm_wins", "address.town": "most_recent"},
        {"account.name": "crm_wins", "contact.phone": "ask", "address": "ask"},
    ]
)
LEAF = st.sampled_from(sorted(LEAVES))
LEAVES_TYPED = st.dictionaries(LEAF, CHOICE, min_size=1, max_size=6)
CHILD_TYPED = st.sampled_from(["contacts", "addresses"]).flatmap(
    lambda name: st.tuples(
        st.just(name), st.dictionaries(st.sampled_from(sorted(CHILDREN[name])), CHOICE, min_size=1, max_size=5)
    )
)


class BothSides(RuleBasedStateMachine):
    """Both sides over an unreliable line, and what was agreed on so far."""

    bases: Bases
    server: Gateways

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="both-"))
        self.stack.callback(shutil.rmtree, self.folder)
        self.ahead = self.drift = timedelta()
        sage, url = self.stack.enter_context(type(self).bases(self.folder))
        gateway = self.server.serve(sage, clock=self.erp_clock)
        self.stack.callback(self.server.close)
        store, integration_id = self.stack.enter_context(crm(self.folder, url, gateway))
        hasten(sage)
        hasten(store.engine)
        self.world = UnreliableWorld(
            sage=sage, gateway=gateway, store=store, integration_id=integration_id, page_size=3
        )
        self.accountant = Accountant(self.world, self.erp_clock)
        self.salesman = Salesman(self.world)
        self.judge = Judge(self.world, self.erp_clock)
        self.hire()
        self.change_the_assignment("none", "none")
        self.made = 0

    def hire(self) -> None:
        """Two users, each of whom a representative stands for (CRM-17)."""
        with self.world.store.writing() as session:
            session.add_all(
                [User(id=n, login=f"user{n}", name=f"User {n}", active=True, created_at=utc_now()) for n in (1, 2)]
            )

    def teardown(self) -> None:
        self.stack.close()

    def erp_clock(self) -> datetime:
        return utc_now() + self.ahead + self.drift

    @initialize(drift=st.sampled_from([0, 0, 24, -24]), page=st.sampled_from([2, 50]), policies=POLICIES)
    def the_first_synchronisation(self, drift: int, page: int, policies: dict[str, str]) -> None:
        self.change_the_policies(policies)
        self.drift = timedelta(hours=drift)
        self.world.page_size = page
        self.judge.cycle()
        with self.world.store.writing() as session:
            for code in ("1", "2"):
                tie = update(Representative).where(Representative.code == code)
                session.execute(tie.values(user_id=int(code)))

    # The CRM

    def account(self, place: int) -> tuple[int, Tiers]:
        found = sorted(in_crm(self.world).items())
        return found[place % len(found)]

    def child(self, name: str, place: int) -> tuple[int, int, dict[str, Any]] | None:
        """Account, row and values of a contact or address."""
        found = [(a, row, v) for a, tiers in in_crm(self.world).items() for row, v in tiers.lists[name].items()]
        return found[place % len(found)] if found else None

    def write(self, account_id: int, edit: Callable[..., Any], *given: Any) -> Any:
        done = self.salesman.does(lambda session, act: edit(session, *given, act))
        if done is not None:
            self.judge.edited[account_id] = self.world.now()
        return done

    @rule(place=PLACES, values=LEAVES_TYPED)
    def edit_a_company(self, place: int, values: dict[str, int]) -> None:
        self.edit_account(*self.account(place), values)

    def edit_account(self, number: int, tiers: Tiers, values: dict[str, int]) -> None:
        assert tiers.company is not None
        for attr, choice in values.items():
            text = typed("", attr, choice, in_erp=False)
            given = {"status": "inactive" if text else "active"} if attr == "dormant" else {attr: text}
            self.write(number, edits.edit_company, tiers.company["id"], given)

    @rule(place=st.integers(0, 40), work=CHILD_TYPED)
    def edit_a_child(self, place: int, work: tuple[str, dict[str, int]]) -> None:
        name, values = work
        if found := self.child(name, place):
            self.edit_row(found[0], name, found[1], values)

    def edit_row(self, number: int, name: str, row: int, values: dict[str, int]) -> None:
        edit = edits.edit_contact if name == "contacts" else edits.edit_address
        for attr, choice in values.items():
            self.write(number, edit, row, {attr: typed(name, attr, choice, in_erp=False)})

    @rule(place=PLACES, name=CHOICE, first=CHOICE, mobile=CHOICE)
    def add_a_contact(self, place: int, name: int, first: int, mobile: int) -> None:
        number, tiers = self.account(place)
        assert tiers.company is not None
        fields = {"last_name": name, "first_name": first, "mobile": mobile}
        values = {attr: typed("contacts", attr, choice, in_erp=False) for attr, choice in fields.items()}
        self.write(number, edits.add_contact, tiers.company["id"], values)

    @rule(place=PLACES, title=CHOICE, town=CHOICE)
    def add_an_address(self, place: int, title: int, town: int) -> None:
        number, tiers = self.account(place)
        assert tiers.company is not None
        fields = {"title": title, "town": town}
        values = {attr: typed("addresses", attr, choice, in_erp=False) for attr, choice in fields.items()}
        self.write(number, edits.add_address, tiers.company["id"], values)

    @rule(name=st.sampled_from(["contacts", "addresses"]), place=st.integers(0, 40))
    def remove_a_child(self, name: str, place: int) -> None:
        if found := self.child(name, place):
            number, row, _ = found
            remove = edits.remove_contact if name == "contacts" else edits.remove_address
            if self.write(number, remove, row) is not None:
                self.judge.forget(number, name, row)

    @rule(place=PLACES, user=st.sampled_from([None, 1, 2]))
    def choose_a_manager(self, place: int, user: int | None) -> None:
        number, tiers = self.account(place)
        assert tiers.company is not None
        self.write(number, edits.edit_company, tiers.company["id"], {"manager_id": user})

    @rule(name=CHOICE, town=CHOICE, contact=CHOICE, code=st.integers(0, 2))
    def create_a_tiers_from_a_company(self, name: int, town: int, contact: int, code: int) -> None:
        self.made += 1
        with self.world.store.writing() as session:
            act = self.salesman.act()
            values = {"name": typed("", "name", name, in_erp=False), "company_type": "client"}
            company = edits.create_company(session, values | {"email": f"{self.made}@crm.example"}, act).id
            edits.add_address(session, company, {"street": f"{self.made} rue du CRM"}, act)
            edits.add_address(session, company, {"town": typed("addresses", "town", town, in_erp=False) or "X"}, act)
            edits.add_contact(
                session, company, {"last_name": typed("contacts", "last_name", contact, in_erp=False)}, act
            )
        try:
            with self.world.store.writing() as session:
                edits.edit_company(session, company, {"code": f"CRM{code}X{self.made}"}, act)
                create_tiers(session, company, integration_id=self.world.integration_id, at=self.world.now(), by=None)
        except InputRefused as problem:
            raise AssertionError(problem) from problem

    @precondition(lambda self: self.judge.parked)
    @rule(place=PLACES, take=st.sampled_from([Take.CRM, Take.ERP, Take.BASE, Own(value="Décidé")]))
    def resolve_a_conflict(self, place: int, take: Take | Own) -> None:
        with self.world.store.reading() as session:
            parked = conflicts(session, self.world.integration_id, ConflictFilter())
        if parked:
            one = parked[place % len(parked)]
            with self.world.store.writing() as session:
                result = resolve(session, one.id, take, at=self.world.now(), by="claire")
            if result.done:
                self.judge.edited[one.account_id] = self.world.now()
                self.judge.resolved(one.account_id, one.path, one.erp_value)

    # The ERP

    def tiers(self, place: int) -> tuple[str, Tiers]:
        with reading(self.world.sage) as connection:
            found = sorted(in_erp(connection).items())
        return found[place % len(found)]

    def number(self, name: str, place: int) -> tuple[str, str] | None:
        """Code and number of a contact or address."""
        with reading(self.world.sage) as connection:
            found = [(code, n) for code, tiers in sorted(in_erp(connection).items()) for n in tiers.lists[name]]
        return found[place % len(found)] if found else None

    @rule(place=PLACES, values=LEAVES_TYPED)
    def edit_a_tiers(self, place: int, values: dict[str, int]) -> None:
        self.edit_in_erp(self.tiers(place)[0], values)

    def edit_in_erp(self, code: str, values: dict[str, int]) -> None:
        for attr, choice in values.items():
            self.accountant.edit(code, attr, typed("", attr, choice, in_erp=True))

    @rule(place=st.integers(0, 40), work=CHILD_TYPED)
    def edit_a_child_in_the_erp(self, place: int, work: tuple[str, dict[str, int]]) -> None:
        name, values = work
        if found := self.number(name, place):
            for attr, choice in values.items():
                self.accountant.edit_child(name, *found, attr, typed(name, attr, choice, in_erp=True))

    @rule(place=PLACES, name=CHOICE, first=CHOICE, phone=CHOICE)
    def add_a_contact_in_the_erp(self, place: int, name: int, first: int, phone: int) -> None:
        fields = {"first_name": first, "phone": phone}
        values = {attr: typed("contacts", attr, choice, in_erp=True) for attr, choice in fields.items()}
        self.accountant.add_contact(self.tiers(place)[0], typed("contacts", "last_name", name, in_erp=True), **values)

    @rule(place=PLACES, title=CHOICE, town=CHOICE)
    def add_an_address_in_the_erp(self, place: int, title: int, town: int) -> None:
        titled = typed("addresses", "title", title, in_erp=True) or "Quai"
        self.accountant.add_address(self.tiers(place)[0], titled, town=typed("addresses", "town", town, in_erp=True))

    @rule(name=st.sampled_from(["contacts", "addresses"]), place=st.integers(0, 40), again=st.booleans())
    def remove_a_child_in_the_erp(self, name: str, place: int, again: bool) -> None:
        found = self.number(name, place)
        if found and found[1] != BILLING:
            if again:
                self.accountant.make_again(name, *found)
            else:
                self.accountant.remove_child(name, found[1])

    @rule(place=PLACES, choice=CHOICE)
    def edit_what_only_the_erp_changes(self, place: int, choice: int) -> None:
        value = typed("", "short_name", choice, in_erp=True)
        with self.world.erp() as connection:
            edit_tiers(connection, self.tiers(place)[0], at=self.accountant.at, CT_Statistique01=value)

    @rule(name=CHOICE, taken=st.booleans())
    def create_a_tiers_in_the_erp(self, name: int, taken: bool) -> None:
        """Under a code of its own, or one that a tiers of the CRM is about to get."""
        self.made += 1
        awaited = [str(t.account["code"]) for t in in_crm(self.world).values() if t.state == "awaited"]
        code = awaited[-1] if taken and awaited else f"ERP{self.made}"
        with self.world.erp() as connection:
            if code not in in_erp(connection):
                insert_tiers(connection, code, typed("", "name", name, in_erp=True), at=self.accountant.at)

    @rule(number=st.integers(2, 3))
    def a_representative_goes_or_comes(self, number: int) -> None:
        with self.world.erp() as connection:
            if connection.execute(delete(F_COLLABORATEUR).where(F_COLLABORATEUR.c.CO_No == number)).rowcount == 0:
                row = stamped(F_COLLABORATEUR, self.accountant.at, CO_No=number, CO_Nom="Retour", CO_Prenom=str(number))
                connection.execute(F_COLLABORATEUR.insert(), [row])

    @rule(place=PLACES, again=st.booleans())
    def delete_a_tiers(self, place: int, again: bool) -> None:
        code, _ = self.tiers(place)
        with reading(self.world.sage) as connection:
            left = len(in_erp(connection))
        if left > 3:
            with self.world.erp() as connection:
                delete_tiers(connection, code)
                if again:
                    insert_tiers(connection, code, "De retour", at=self.accountant.at)

    @rule(place=PLACES, kind=st.integers(0, 2))
    def turn_a_tiers_into_something_else(self, place: int, kind: int) -> None:
        codes = sorted({str(tiers.account["code"]) for tiers in in_crm(self.world).values()})
        with self.world.erp() as connection:
            held = set(in_erp(connection)) | self.judge.employees
            code = codes[place % len(codes)]
            if code in held:
                edit_tiers(connection, code, at=self.accountant.at, CT_Type=kind)
                (self.judge.employees.add if kind == 2 else self.judge.employees.discard)(code)

    @rule(place=PLACES, category=st.sampled_from([77, 0, 1]))
    def name_a_category_that_is_in_no_list(self, place: int, category: int) -> None:
        with self.world.erp() as connection:
            edit_tiers(connection, self.tiers(place)[0], at=self.accountant.at, N_CatTarif=category)

    # Both

    def both(self, place: int) -> tuple[int, Tiers, str] | None:
        """An Account, as it is, and its code in the ERP."""
        erp = self.judge.observe().erp
        found = [
            (n, t, str(t.account["code"])) for n, t in sorted(in_crm(self.world).items()) if t.account["code"] in erp
        ]
        return found[place % len(found)] if found else None

    @rule(place=PLACES, ours=LEAVES_TYPED, theirs=LEAVES_TYPED, apart=CHOICE)
    def both_edit_one_tiers(self, place: int, ours: dict[str, int], theirs: dict[str, int], apart: int) -> None:
        """Some fields each, and one of them both."""
        if found := self.both(place):
            number, account, code = found
            self.edit_account(number, account, ours)
            self.edit_in_erp(code, theirs | {attr: choice + apart for attr, choice in list(ours.items())[:1]})

    @rule(
        place=PLACES,
        child=PLACES,
        work=CHILD_TYPED,
        apart=CHOICE,
        fate=st.sampled_from(["edits", "edits", "removes", "makes again"]),
    )
    def both_work_on_one_child(
        self, place: int, child: int, work: tuple[str, dict[str, int]], apart: int, fate: str
    ) -> None:
        """The CRM edits it; the ERP edits it, removes it, or makes it again."""
        name, values = work
        found = self.both(place)
        rows = [(row, v["key"]) for row, v in found[1].lists[name].items() if v["key"]] if found else []
        if found is None or not rows:
            return
        account_id, _, code = found
        row, number = rows[child % len(rows)]
        self.edit_row(account_id, name, row, values)
        if number not in self.judge.observe().erp[code].lists[name]:
            return
        if fate == "edits":
            for attr, choice in list(values.items())[:2]:
                self.accountant.edit_child(name, code, number, attr, typed(name, attr, choice + apart, in_erp=True))
        elif number != BILLING and fate == "removes":
            self.accountant.remove_child(name, number)
        elif number != BILLING:
            self.accountant.make_again(name, code, number)

    @rule(place=PLACES, name=CHOICE, ours=CHOICE, theirs=CHOICE)
    def both_make_one_contact(self, place: int, name: int, ours: int, theirs: int) -> None:
        if found := self.both(place):
            number, account, code = found
            assert account.company is not None
            last = typed("contacts", "last_name", name, in_erp=True)
            values = {"last_name": last, "email": typed("contacts", "email", ours, in_erp=False)}
            self.write(number, edits.add_contact, account.company["id"], values)
            self.accountant.add_contact(code, last, email=typed("contacts", "email", theirs, in_erp=True))

    @rule(place=PLACES, child=PLACES, name=CHOICE)
    def both_give_two_contacts_one_name(self, place: int, child: int, name: int) -> None:
        """What the ERP refuses: another contact has the name by then."""
        found = self.both(place)
        rows = list(found[1].lists["contacts"].items()) if found else []
        if found and rows:
            row, values = rows[child % len(rows)]
            named = {"last_name": typed("contacts", "last_name", name, in_erp=True), "first_name": f"N{name}"}
            self.write(found[0], edits.edit_contact, row, named)
            others = [n for n in self.judge.observe().erp[found[2]].lists["contacts"] if n != values["key"]]
            if others:
                for attr, value in named.items():
                    self.accountant.edit_child("contacts", found[2], others[0], attr, value)

    # The integration, the line, the time

    @rule(policies=POLICIES)
    def change_the_policies(self, policies: dict[str, str]) -> None:
        self.world.set(policies=policies)
        self.judge.policies = policies

    @rule(hours=st.sampled_from([1, 2, 25]))
    def time_passes(self, hours: int) -> None:
        self.ahead += timedelta(hours=hours)
        self.world.ahead = self.ahead

    @rule(manager=RULES, representative=RULES)
    def let_one_follow_the_other(self, manager: str, representative: str) -> None:
        self.change_the_assignment(manager, representative)

    def change_the_assignment(self, manager: str, representative: str) -> None:
        self.world.set(manager_rule=manager, representative_rule=representative)
        self.judge.manager_rule = manager

    @rule(
        operation=st.sampled_from([*OPERATIONS, *OPERATIONS[-1:] * 2]),
        troubles=st.lists(st.sampled_from(Trouble), min_size=1, max_size=4),
    )
    def expect_trouble(self, operation: str, troubles: list[Trouble]) -> None:
        self.world.line.expect(operation, *troubles)

    @rule(operation=st.sampled_from([*OPERATIONS, *OPERATIONS[-1:] * 4]), trouble=st.sampled_from(Trouble))
    def the_line_is_down(self, operation: str, trouble: Trouble) -> None:
        """However often the call is repeated."""
        self.world.line.expect(operation, *[trouble] * ATTEMPTS)

    @precondition(lambda self: self.world.line.late)
    @rule()
    def what_was_late_arrives(self) -> None:
        def deliver() -> int:
            with self.world.gateway.client() as client:
                return self.world.line.deliver(client)

        self.judge.late(deliver)

    @rule(attr=LEAF, choice=CHOICE, often=st.integers(1, 2))
    def somebody_meddles_in_the_erp(self, attr: str, choice: int, often: int) -> None:
        """Between the pull and the push a tiers that is on its way is changed, so that the write is stale; even twice."""

        def meddle(transactions: list[Record]) -> None:
            tiers = transactions[0].one("tiers")
            code = tiers.text("code") if tiers is not None else ""
            if tiers is None or transactions[0].text("action") != "update" or code not in self.judge.observe().erp:
                return
            sent = [one for one in LEAVES if tiers[one] is not ABSENT and one != "name"]
            values = dict.fromkeys((attr, *sent[:1]), choice)
            self.judge.meddle(code, partial(self.edit_in_erp, code, values))

        self.world.line.meanwhile.extend([meddle] * often)

    @rule(choice=CHOICE)
    def somebody_types_during_the_push(self, choice: int) -> None:
        def type_(transactions: list[Record]) -> None:
            tiers = transactions[0].one("tiers")
            code = tiers.text("code") if tiers is not None else ""
            found = [(n, t) for n, t in in_crm(self.world).items() if t.account["code"] == code]
            for number, account in found:
                assert account.company is not None
                values = {"contact_person": typed("", "contact_person", choice, in_erp=False)}
                edit = partial(self.write, number, edits.edit_company, account.company["id"], values)
                self.judge.type(number, "contact_person", edit)

        self.world.line.meanwhile.append(type_)

    # Cycles

    @rule(full=st.booleans())
    def run_a_cycle(self, full: bool) -> None:
        """Of the differences, or of the totality (CRM-09)."""
        self.judge.cycle(Order(full=full))
        self.world.line.clear()

    @rule()
    def run_another_cycle(self) -> None:
        self.judge.cycle()
        self.world.line.clear()

    @rule(full=st.booleans())
    def look_what_a_cycle_would_do(self, full: bool) -> None:
        """NEW-02: nothing is written on either side."""
        self.world.line.clear()
        ours, theirs = dump(self.world.store, without=frozenset({"plans"})), self.in_sage()
        if any(row["state"] in ("pending", "sent") for row in self.world.rows("outbox")):
            with pytest.raises(InputRefused, match="writes_unanswered"):
                self.world.preview(Order(full=full))
        else:
            self.world.preview(Order(full=full))
        now = dump(self.world.store, without=frozenset({"plans"}))
        assert differences(ours, now) + differences(theirs, self.in_sage()) == []

    @rule()
    def settle(self) -> None:
        """G5, G6: with nothing new, the next cycle writes nothing on either side."""
        self.judge.cycle()
        self.world.line.clear()
        for _ in range(2):
            # What failed is made up for, and what was typed meanwhile is sent.
            assert self.judge.cycle().problem is None
        ours, theirs = dump(self.world.store), self.in_sage()
        report = self.judge.cycle()
        assert report.problem is None
        written = differences(ours, dump(self.world.store)) + differences(theirs, self.in_sage())
        assert written == [], f"G5: {written}"
        assert (report.counts.sent, report.counts.created_in_erp, report.counts.changed) == (0, 0, 0)

    def in_sage(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the ERP's own tables."""
        with reading(self.world.sage) as connection:
            tables = [table for table in SAGE.sorted_tables if table.name.startswith("F_")]
            return {
                t.name: [tuple(row) for row in connection.execute(select(t).order_by(*t.primary_key))] for t in tables
            }


@contextmanager
def on_sqlite(made: Path) -> Iterator[tuple[Engine, str]]:
    """Bases in files."""
    sage = demonstration(made / "sage.db", tiers=5)
    yield sage, f"sqlite:///{made / 'crm.db'}"
    sage.dispose()


def on_postgresql(server: PostgresqlServer) -> Bases:
    """Bases that are copies of two made once, on that server."""
    templates = [server.new_database() for _ in range(2)]
    sage = open_database(templates[0], create=True)
    build_base(sage, tiers=5, company=COMPANY, dirt=False, documents_per_tiers=0.0)
    sage.dispose()
    open_store(templates[1]).close()

    @contextmanager
    def bases(_folder: Path) -> Iterator[tuple[Engine, str]]:
        urls = [server.new_database(like=template) for template in templates]
        sage = open_database(urls[0])
        yield sage, urls[1]
        sage.dispose()
        for url in urls:
            server.drop(url)

    return bases


def try_it(bases: Bases, *, share: int) -> None:
    """Run the machine: of the profile's examples, one in ``share``."""
    with gateways() as server:
        run_state_machine_as_test(
            type("BothSidesHere", (BothSides,), {"bases": staticmethod(bases), "server": server}),
            settings=settings(
                max_examples=settings().max_examples // (1 if settings().max_examples >= 1_000 else share),
                stateful_step_count=45,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.guarantees
@pytest.mark.req("CRM-01", "NEW-01", "NEW-05")
def test_whatever_people_do_on_both_sides_and_calls_meet_nothing_is_lost_and_both_sides_agree() -> None:
    try_it(on_sqlite, share=12)


@pytest.mark.guarantees
@pytest.mark.postgresql
@pytest.mark.req("CRM-01", "NEW-01", "NEW-05")
def test_whatever_they_do_it_is_the_same_on_postgresql(postgresql_server: PostgresqlServer) -> None:
    try_it(on_postgresql(postgresql_server), share=40)
