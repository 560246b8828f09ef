"""What holds for any three states of a tiers: agreement, nothing lost, nothing invented, nothing done twice (G1, G2, G5, G6).

Both sides are played from the outside: the rows of the CRM and the records of the ERP are plain lists here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.stored import stored
from contracts.tables import ADDRESS, CONTACT, TIERS
from syncengine.core.merge import Change, Merge, merge, sent
from syncengine.core.policies import Policies
from syncengine.core.snapshot import CHILDREN, Snapshot, Values, dump, load
from syncengine.model.journal import Rule

BOTH_WAYS = ("name", "siret", "phone", "representative")
FROM_ERP = ("payer", "statistic01")
STRUCTS = {"": TIERS, "addresses": ADDRESS, "contacts": CONTACT}
WORDS = ("Durand", "DURAND", " Durand", "Du\u00a0Roy", "Du  Roy", "732 829 320 00074", "73282932000074", "007", "7")

words = st.none() | st.sampled_from(WORDS)
policies = st.sampled_from(["erp_wins", "crm_wins", "ask"]).map(lambda policy: Policies(chosen={"": policy}))


def said(values: Values) -> Values:
    return {attr: value for attr, value in values.items() if value}


def people(keys: st.SearchStrategy[list[int]]) -> st.SearchStrategy[list[Values]]:
    """Contacts with these numbers; few words, so that many are alike."""
    person = st.fixed_dictionaries(dict.fromkeys(("last_name", "first_name", "phone", "email"), words)).map(said)
    return keys.flatmap(lambda ks: st.tuples(*(person.map(lambda p, k=k: {"key": str(k), **p}) for k in ks)).map(list))  # type: ignore[misc]


def places() -> st.SearchStrategy[list[Values]]:
    """The billing address, and delivery addresses."""
    place = st.fixed_dictionaries(dict.fromkeys(("title", "street", "town"), words)).map(said)
    deliveries = st.lists(st.integers(1, 3), unique=True, max_size=3).flatmap(
        lambda keys: st.tuples(*(place.map(lambda p, k=k: {"key": str(k), "kind": "delivery", **p}) for k in keys))  # type: ignore[misc]
    )
    billing = place.map(lambda p: {"key": "billing", "kind": "billing", **p})
    return st.tuples(billing, deliveries).map(lambda both: [both[0], *both[1]])


numbers = st.lists(st.integers(1, 4), unique=True, max_size=4)


def tiers() -> st.SearchStrategy[Snapshot]:
    own = st.fixed_dictionaries(dict.fromkeys((*BOTH_WAYS, *FROM_ERP), words)).map(said)
    free = st.dictionaries(st.sampled_from("AB"), st.sampled_from(WORDS), max_size=2)
    lists = st.fixed_dictionaries({"free_fields": free, "addresses": places(), "contacts": people(numbers)})
    return st.tuples(own, lists).map(lambda parts: {**parts[0], **parts[1]})


@st.composite
def triples(draw: st.DrawFn) -> tuple[Snapshot, Snapshot, Snapshot]:
    """Base, CRM and ERP; on either side much is as agreed, and some rows of the CRM have no number."""
    base, erp, crm = draw(tiers()), draw(tiers()), draw(tiers())
    for side in (erp, crm):
        for attr in draw(st.sets(st.sampled_from((*BOTH_WAYS, *FROM_ERP, "free_fields", *CHILDREN)))):
            side.pop(attr, None)
            if attr in base:
                side[attr] = deepcopy(base[attr])
    for name, first in (("addresses", 100), ("contacts", 200)):
        rows = draw(st.permutations(crm[name]))
        crm[name] = [{**child, "id": first + place} for place, child in enumerate(rows)]
        for child in crm[name]:
            if draw(st.booleans()) and child not in erp[name] and draw(st.booleans()):
                del child["key"]
    return base, crm, erp


class World:
    """Two sides that carry out what a merge says."""

    def __init__(self, base: Snapshot, crm: Snapshot, erp: Snapshot) -> None:
        self.base, self.crm, self.erp = load(dump(base)), deepcopy(crm), deepcopy(erp)
        self._rows, self._numbers = count(1000), count(50)

    def cycle(self, chosen: Policies) -> Merge:
        """Merge, carry out on both sides, agree; the next cycle reads back."""
        merged = merge(self.base, self.crm, self.erp, policies=chosen)
        for (name, row_id), number in merged.keys.items():
            [row] = [row for row in self.crm[name] if row["id"] == row_id]
            row.pop("key", None)
            row.update({} if number is None else {"key": number})
        self._carry_out(self.crm, merged.crm, self._new_row)
        self._carry_out(self.erp, merged.erp, self._new_record)
        assert not any("id" in child for name in CHILDREN for child in merged.base[name])
        self.base = load(dump(sent(merged.base, merged.erp)))
        return merged

    def _new_row(self, values: Values) -> Values:
        return {**values, "id": next(self._rows)}

    def _new_record(self, values: Values) -> Values:
        return {**values, "key": str(next(self._numbers))}

    def _carry_out(self, side: Snapshot, changes: Iterable[Change], new: Callable[[Values], Values]) -> None:
        for change in changes:
            name, _, rest = change.path.partition("/")
            if not rest:
                assert side.get(name) == change.before
                side[name] = change.after
                continue
            key, _, attr = rest.partition("/")
            found = [child for child in side[name] if key in (child.get("key"), f"+{child.get('id')}")]
            if not attr and change.before is None:
                assert not found or key.startswith("+")
                side[name].append(new(change.after))
            elif attr:
                assert found[0].get(attr) == change.before
                found[0][attr] = change.after
            else:
                side[name].remove(found[0])


def plain(name: str, values: Values) -> Values:
    """The values as the ERP stores them, without what identifies a row."""
    fields = {field.attr: field for field in STRUCTS[name].fields}
    kept = {attr: stored(fields[attr], value) for attr, value in values.items() if attr in fields}
    return {attr: value for attr, value in kept.items() if value is not None}


def differences(crm: Snapshot, erp: Snapshot) -> set[str]:
    """The paths at which the two sides differ; a row of the CRM that says nothing is not one."""
    pairs = [("", "", plain("", crm), plain("", erp))]
    for name in CHILDREN:
        ours, theirs = (
            {
                child.get("key") or f"+{child['id']}": values
                for child in side[name]
                if (values := plain(name, child)).keys() - {"kind"}
            }
            for side in (crm, erp)
        )
        pairs += [(name, key, ours.get(key, {}), theirs.get(key, {})) for key in ours.keys() | theirs.keys()]
    found = {
        f"{name}/{key}/{attr}" if name else attr
        for name, key, ours, theirs in pairs
        for attr in ours.keys() | theirs.keys()
        if ours.get(attr) != theirs.get(attr)
    }
    return found | ({"free_fields"} if crm["free_fields"] != erp["free_fields"] else set())


@pytest.mark.req("NEW-01", "NEW-05")
@pytest.mark.guarantees
@given(triples(), policies)
def test_both_sides_agree_except_where_somebody_must_be_asked_and_nothing_is_left_to_do(
    triple: tuple[Snapshot, Snapshot, Snapshot], chosen: Policies
) -> None:
    world = World(*triple)

    world.cycle(chosen)
    read_back = world.cycle(chosen)  # the numbers of the children that were made
    again = world.cycle(chosen)

    assert (read_back.crm, read_back.erp) == ((), ())
    assert (again.crm, again.erp, again.keys) == ((), (), {})
    parked = {clash.path for clash in again.clashes}
    assert {clash.rule for clash in again.clashes} <= {Rule.ASKED}
    assert differences(world.crm, world.erp) == parked


@pytest.mark.req("NEW-01")
@pytest.mark.guarantees
@given(triples(), policies)
def test_a_value_moved_on_one_side_only_is_on_both_and_every_value_is_one_of_the_three(
    triple: tuple[Snapshot, Snapshot, Snapshot], chosen: Policies
) -> None:
    base, crm, erp = triple
    world = World(*triple)

    world.cycle(chosen)

    for attr in BOTH_WAYS:
        was, ours, theirs = base.get(attr), crm.get(attr), erp.get(attr)
        assert world.crm.get(attr) in (ours, theirs)
        assert world.erp.get(attr) in (ours, theirs)
        field = TIERS.field(attr)
        if stored(field, ours) == stored(field, was) != stored(field, theirs):
            assert world.crm.get(attr) == world.erp.get(attr) == theirs
        if stored(field, theirs) == stored(field, was) != stored(field, ours):
            assert world.crm.get(attr) == world.erp.get(attr) == ours
    for attr in FROM_ERP:
        assert world.erp.get(attr) == erp.get(attr)


@pytest.mark.req("NEW-01")
@pytest.mark.guarantees
@given(triples(), policies)
def test_no_child_that_was_made_or_changed_is_lost(
    triple: tuple[Snapshot, Snapshot, Snapshot], chosen: Policies
) -> None:
    base, crm, erp = triple
    agreed = [plain("contacts", child) for child in base["contacts"]]
    world = World(*triple)

    world.cycle(chosen)

    names = {plain("contacts", child).get("last_name", "").lower() for child in world.erp["contacts"]}
    names |= {plain("contacts", child).get("last_name", "").lower() for child in world.crm["contacts"]}
    for child in crm["contacts"] + erp["contacts"]:
        values = plain("contacts", child)
        unknown = all(values.get("last_name", "").lower() != known.get("last_name", "").lower() for known in agreed)
        both = [c for side in (crm, erp) for c in side["contacts"] if c.get("key") == child.get("key")]
        if unknown and "last_name" in values and (len(both) == 1 or "key" not in child):
            assert values["last_name"].lower() in names


@pytest.mark.req("NEW-01")
@pytest.mark.guarantees
@given(tiers(), st.sampled_from(["\u00a0{} ", " {}", "{}\n"]))
def test_a_value_as_the_erp_would_tidy_it_is_never_a_change(agreed: Snapshot, untidy: str) -> None:
    def noisy(values: Values) -> Values:
        kept = {"key", "kind", "free_fields", *CHILDREN}
        return {attr: value if attr in kept else untidy.format(value) for attr, value in values.items()}

    crm = noisy(agreed)
    for name in CHILDREN:
        crm[name] = [{**noisy(child), "id": place} for place, child in enumerate(agreed[name])]

    for base in (agreed, {}):
        merged = merge(base, crm, agreed, policies=Policies(chosen={"": "ask"}))
        assert (merged.crm, merged.erp, merged.clashes, merged.keys) == ((), (), (), {})
        assert merged.base == agreed


@st.composite
def numbered(draw: st.DrawFn) -> Snapshot:
    """A tiers whose contacts all have a number and a name of their own, so that only the number can match them."""
    own = draw(st.fixed_dictionaries(dict.fromkeys(BOTH_WAYS, words)).map(said))
    persons = [
        {"key": str(key), "last_name": f"N{key}", **draw(st.fixed_dictionaries({"phone": words}).map(said))}
        for key in draw(numbers)
    ]
    return {**own, "contacts": persons}


def with_ids(side: Snapshot) -> Snapshot:
    return {**side, "contacts": [{**child, "id": int(child["key"])} for child in side["contacts"]]}


def neutral(changes: Iterable[Change], mirrored: dict[Rule, Rule]) -> set[str]:
    """Changes without which side they are for: a child by its number only."""
    return {
        repr(
            (
                change.path.replace("+", ""),
                _without_key(change.before),
                _without_key(change.after),
                mirrored.get(change.rule, change.rule),
            )
        )
        for change in changes
    }


def _without_key(value: Any) -> Any:
    return sorted((attr, v) for attr, v in value.items() if attr != "key") if isinstance(value, dict) else value


@pytest.mark.req("NEW-01")
@given(numbered(), numbered(), numbered(), st.sampled_from(["erp_wins", "crm_wins", "ask"]))
def test_the_two_sides_are_treated_alike(base: Snapshot, one: Snapshot, other: Snapshot, policy: str) -> None:
    mirror = {"erp_wins": "crm_wins", "crm_wins": "erp_wins"}
    rules = {
        Rule.CRM_CHANGED: Rule.ERP_CHANGED,
        Rule.ERP_CHANGED: Rule.CRM_CHANGED,
        Rule.ERP_WINS: Rule.CRM_WINS,
        Rule.CRM_WINS: Rule.ERP_WINS,
    }

    seen = merge(base, with_ids(one), other, policies=Policies(chosen={"": policy}))
    turned = merge(base, with_ids(other), one, policies=Policies(chosen={"": mirror.get(policy, policy)}))

    assert neutral(seen.erp, {}) == neutral(turned.crm, rules)
    assert neutral(seen.crm, {}) == neutral(turned.erp, rules)
    assert {(c.path, c.crm, c.erp) for c in seen.clashes} == {(c.path, c.erp, c.crm) for c in turned.clashes}
