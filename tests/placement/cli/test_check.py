"""`moorage check`: good decisions pass, tampered ones do not, CSV as well."""

from pathlib import Path

import pytest

from placement.model import Budget, Case, Decision, PlacedReplica, Placement
from tests.placement.cli.conftest import Moorage


def test_a_decision_of_the_engine_is_valid(moorage: Moorage, case_file: Path, decision_file: Path) -> None:
    ran = moorage("check", case_file, decision_file)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("valid: ")
    assert moorage("check", case_file, decision_file, "-o", "json").out == '{"valid": true, "violations": []}\n'


def biggest(decision: Decision) -> Placement:
    return max(decision.placements, key=lambda placement: sum(len(replica.devices) for replica in placement.replicas))


def moved(decision: Decision, node: str) -> Decision:
    """The first replica of the biggest placement, on another node."""
    placement = biggest(decision)
    first = placement.replicas[0].model_copy(update={"node": node})
    changed = placement.model_copy(update={"replicas": (first, *placement.replicas[1:])})
    placements = tuple(changed if one is placement else one for one in decision.placements)
    return decision.model_copy(update={"placements": placements})


def tampered(decision: Decision, case: Case) -> dict[str, Decision]:
    """Decisions that look well and are not true."""
    cpu_only = next(node.id for node in case.fleet.nodes if not node.gpu_count)
    tier, term = decision.tiers[-1], decision.terms[-1]
    cheaper = tier.model_copy(update={"value": tier.value - 1})
    prouder = tier.model_copy(update={"bound": tier.value + 1})
    wrong = term.model_copy(update={"points": term.points + 1})
    return {
        "moved": moved(decision, cpu_only),
        "nowhere": moved(decision, "no-such-node"),
        "value": decision.model_copy(update={"tiers": (*decision.tiers[:-1], cheaper)}),
        "bound": decision.model_copy(update={"tiers": (*decision.tiers[:-1], prouder)}),
        "term": decision.model_copy(update={"terms": (*decision.terms[:-1], wrong)}),
        "dropped": decision.model_copy(update={"placements": decision.placements[1:]}),
        "twice": decision.model_copy(update={"placements": (*decision.placements, decision.placements[0])}),
        "case": decision.model_copy(update={"case_id": "0" * 64}),
    }


@pytest.mark.parametrize("name", ["moved", "nowhere", "value", "bound", "term", "dropped", "twice", "case"])
def test_a_tampered_decision_is_refused(
    name: str, moorage: Moorage, case: Case, decision: Decision, case_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tampered.json"
    path.write_text(tampered(decision, case)[name].to_json(), encoding="utf-8")
    ran = moorage("check", case_file, path)
    assert (ran.code, ran.err) == (1, "")
    head, *faults = ran.out.splitlines()
    assert head.startswith(f"invalid: {len(faults)} violation")
    assert faults


def test_another_case_is_not_the_one_decided(moorage: Moorage, case: Case, decision_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(case.model_copy(update={"budget": Budget(work=1), "workloads": ()}).to_json(), encoding="utf-8")
    assert moorage("check", other, decision_file).code == 1


def csv_of(case: Case, placements: tuple[Placement, ...]) -> str:
    """Placements as another scheduler might write them."""
    lines = ["workload,replica,node,devices"]
    workloads = {workload.id: workload for workload in case.workloads}
    for placement in placements:
        rest = list(placement.replicas)
        row = 0
        for subgroup in workloads[placement.workload].subgroups:
            for role in subgroup.roles:
                mine = [one for one in rest if (one.subgroup, one.role) == (subgroup.name, role.name)]
                lines += [f"{placement.workload},{row + at},{one.node},{_devices(one)}" for at, one in enumerate(mine)]
                row += role.replicas
    return "\n".join(lines) + "\n"


def _devices(replica: PlacedReplica) -> str:
    return ";".join(f"{d.index}" if d.milli == 1000 else f"{d.index}:{d.milli}" for d in replica.devices)


def test_placements_from_elsewhere_are_checked(
    moorage: Moorage, case: Case, decision: Decision, case_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "placements.csv"
    path.write_text(csv_of(case, decision.placements))
    ran = moorage("check", case_file, path)
    assert (ran.code, ran.err) == (0, ""), ran.out
    cpu_only = next(node.id for node in case.fleet.nodes if not node.gpu_count)
    path.write_text(csv_of(case, moved(decision, cpu_only).placements))
    ran = moorage("check", case_file, path)
    assert ran.code == 1
    assert biggest(decision).workload in ran.out


@pytest.mark.badinput
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"a":1}', "NaN", "workload,replica,node\nnobody,0,n1\n", "\x00"]
)
def test_an_answer_that_cannot_be_read_is_one_line(
    text: str, moorage: Moorage, case_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "answer"
    path.write_text(text)
    ran = moorage("check", case_file, path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1


@pytest.mark.badinput
def test_a_missing_file_is_named(moorage: Moorage, case_file: Path) -> None:
    ran = moorage("check", case_file, "nowhere.json")
    assert ran.code == 2
    assert "nowhere.json" in ran.err
