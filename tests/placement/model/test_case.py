"""A case is a file: it comes back as it went, and the order of its lists means nothing."""

import gzip
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from placement.cases.synth import synth_case
from placement.errors import InputError
from placement.model import Budget, Case, PlacementGroup, default_policy, read_case, read_policy, write_case
from placement.model.case import field_json
from topology.fabric import Fabric


@pytest.fixture(scope="module")
def case() -> Case:
    built = synth_case("mixed", 48, 0.6, 40, 3, budget=Budget(work=5000))
    groups = (PlacementGroup(name="pair", level="rack"), PlacementGroup(name="a-pair", level="leaf"))
    return built.model_copy(update={"groups": groups})


def shuffled(value: Any, random: random.Random) -> Any:
    """Every list of named things in another order, every object with its keys in another order."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    if isinstance(value, list):
        items = [shuffled(item, random) for item in value]
        if items and all(isinstance(item, dict) and ("id" in item or "name" in item) for item in items):
            random.shuffle(items)
        return items
    return value


def test_a_case_comes_back_as_it_went(case: Case, tmp_path: Path) -> None:
    assert Case.from_json(case.to_json()) == case
    assert Case.from_json(case.to_json().encode()) == case
    for name in ("case.json", "case.json.gz"):
        write_case(case, tmp_path / name)
        again = read_case(tmp_path / name)
        assert again == case
        assert again.id == case.id
    assert gzip.decompress((tmp_path / "case.json.gz").read_bytes()) == (tmp_path / "case.json").read_bytes()


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_lists_and_keys_means_nothing(case: Case, seed: int) -> None:
    document = shuffled(json.loads(case.to_json()), random.Random(seed))
    for field in ("workloads", "running"):
        random.Random(seed).shuffle(document[field])
    for work in document["running"]:
        random.Random(seed).shuffle(work["replicas"])
        for replica in work["replicas"]:
            random.Random(seed).shuffle(replica["devices"])
    other = Case.from_json(json.dumps(document))
    assert other.workloads != case.workloads
    assert other.fleet.levels == case.fleet.levels
    assert other.id == case.id
    assert other.canonical() == case.canonical()
    assert other.canonical().model_dump_json() == case.canonical().model_dump_json()


def test_canonical_is_sorted_idempotent_and_loses_nothing(case: Case) -> None:
    canonical = case.canonical()
    assert canonical.canonical() == canonical
    ids = [workload.id for workload in canonical.workloads]
    assert ids == sorted(ids) == sorted(workload.id for workload in case.workloads)
    assert [group.name for group in canonical.groups] == ["a-pair", "pair"]
    assert canonical.id == case.id


def test_the_id_sees_every_change(case: Case) -> None:
    document = json.loads(case.to_json())
    seen = {case.id}
    document["seed"] += 1
    seen.add(Case.from_json(json.dumps(document)).id)
    document["workloads"][0]["priority"] = 7
    seen.add(Case.from_json(json.dumps(document)).id)
    document["fleet"]["nodes"][0]["price_micro_usd_h"] += 1
    seen.add(Case.from_json(json.dumps(document)).id)
    document["policy"]["rules"].pop()
    seen.add(Case.from_json(json.dumps(document)).id)
    assert len(seen) == 5


def test_levels_without_level_order_are_taken_as_listed(case: Case) -> None:
    document = json.loads(case.to_json())
    del document["level_order"]
    assert Case.from_json(json.dumps(document)) == case


def complaint(document: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        Case.from_json(json.dumps(document))
    return caught.value


def test_a_malformed_document_names_the_field_and_the_mend(case: Case) -> None:
    good = case.to_json()

    def broken(change: Any) -> InputError:
        document = json.loads(good)
        change(document)
        return complaint(document)

    def rename(document: Any) -> None:
        document["workloads"][1]["id"] = document["running"][0]["workload"]["id"]

    def repeat(document: Any) -> None:
        document["workloads"].append(document["workloads"][0])

    def misspell(document: Any) -> None:
        document["workloads"][2]["subgroups"][0]["roles"][0]["gpu"] = 1

    def lose_node(document: Any) -> None:
        document["running"][0]["replicas"][0]["node"] = "gone"

    def beyond(document: Any) -> None:
        document["running"][0]["replicas"][0]["devices"][0]["index"] = 63

    def starve(document: Any) -> None:
        document["running"][0]["replicas"][0]["devices"] = []

    def reorder(document: Any) -> None:
        document["level_order"] = ["rack"]

    def both(document: Any) -> None:
        document["budget"] = {"wall_ms": 1, "work": 1}

    assert broken(rename).field == "running[0].workload.id"
    assert broken(repeat).field == "workloads[40].id"
    assert broken(misspell).field == "workloads[2].subgroups[0].roles[0].gpu"
    assert "spelling" in broken(misspell).mend
    assert broken(lose_node).field == "running[0].replicas[0].node"
    assert broken(beyond).field == "running[0].replicas[0].devices"
    assert broken(starve).field == "running[0].replicas[0].devices"
    assert broken(reorder).field == "level_order"
    assert broken(both).field == "budget"
    assert all(error.mend for error in (broken(rename), broken(starve), broken(both)))


def test_budget_is_exactly_one_and_defaults_to_two_seconds(case: Case) -> None:
    assert Case(fleet=case.fleet).budget == Budget(wall_ms=2000)
    with pytest.raises(ValidationError, match="set exactly one"):
        Budget()


def test_the_default_policy_names_every_rule_once() -> None:
    rules = default_policy().rules
    assert len({rule.name for rule in rules}) == len(rules) == 28
    assert {rule.name for rule in rules if rule.tier == 1} == {"refused", "eviction", "reclaim", "health", "power_cap"}
    assert {rule.name for rule in rules if rule.tier == 2} == {"fairness"}
    assert len([rule for rule in rules if rule.tier == 3]) == 10


def test_a_policy_is_read_from_toml_with_the_same_strictness(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'name = "lean"\n[[rules]]\nname = "capacity"\nmode = "require"\n'
        '[[rules]]\nname = "price"\nmode = "prefer"\ntier = 1\nweight = 3\nparams = {cents = [1, 2]}\n'
    )
    policy = read_policy(path)
    assert (policy.name, policy.rules[1].params) == ("lean", {"cents": [1, 2]})
    rule = '[[rules]]\nname = "price"\nmode = "prefer"\n'
    for text, field in (
        ("name = ", str(path)),
        (rule, "rules[0].tier"),
        (rule + "tier = 1.0\n", "rules[0].tier"),
        (rule + "tier = 1\nparams = {x = 1.5}\n", "rules[0].params.x"),
        (rule + "tier = 1\nparams = {x = nan}\n", str(path)),
        (rule + "tier = 1\nparams = {x = 2020-01-01}\n", str(path)),
        (rule + "tier = 1\nparams = {x = [[[[[1]]]]]}\n", "rules[0].params.x[0][0][0]"),
        (rule + "tier = 1\n" + rule + "tier = 1\n", "rules[1]"),
    ):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read_policy(path)
        assert caught.value.field == field, caught.value


def test_the_hash_is_that_of_the_json_however_it_is_made(case: Case) -> None:
    canonical = case.canonical()
    known = {name: field_json(name, getattr(canonical, name)) for name in ("fleet", "running")}
    assert known["fleet"] == Fabric.from_fleet(canonical.fleet).fleet_json
    whole = hashlib.sha256(canonical.model_dump_json().encode()).hexdigest()
    assert canonical.content_hash() == canonical.content_hash(known) == canonical.id == whole


def test_a_case_on_a_state_is_the_case_itself(case: Case) -> None:
    rest = {name: getattr(case, name) for name in Case.model_fields if name not in {"fleet", "running", "level_order"}}
    assert Case.on(case.fleet, case.running, **rest) == case


def test_a_case_on_a_state_is_validated_but_for_the_state(case: Case) -> None:
    with pytest.raises(ValidationError, match="is used twice"):
        Case.on(case.fleet, case.running, workloads=(case.workloads[0], case.workloads[0]))
