"""Reference fleets are deterministic and have the shape their documentation gives."""

from collections import Counter

import numpy as np
import pytest

from topology import Fabric, FleetKind, Health, TopologyError, synth_fleet

KINDS: tuple[FleetKind, ...] = ("hgx", "nvl72", "mixed")


def sizes(fabric: Fabric, level: str, model: str) -> Counter[int]:
    """How many domains of a level hold how many nodes of a model."""
    rows = fabric.gpu_model == fabric.gpu_models.index(model)
    counts = np.bincount(fabric.partition(level).domain_of[rows])
    return Counter(counts[counts > 0].tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides(kind: FleetKind) -> None:
    first, again, other = (synth_fleet(kind, 256, seed) for seed in (3, 3, 4))
    assert first.model_dump_json() == again.model_dump_json()
    assert [n.health for n in first.nodes] != [n.health for n in other.nodes]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [16, 100, 1024])
def test_what_holds_for_every_kind(kind: FleetKind, count: int) -> None:
    fleet = synth_fleet(kind, count, 0)
    gpu = [n for n in fleet.nodes if n.gpu_count]
    cpu = [n for n in fleet.nodes if not n.gpu_count]
    assert len(fleet.nodes) == count
    assert len(cpu) == max(1, count // 32)
    assert all([t.key for t in n.taints] == ["gpu"] for n in gpu)
    assert not any(n.taints for n in cpu)
    sick = [n for n in gpu if n.health is not Health.HEALTHY]
    assert abs(len(sick) - 0.05 * len(gpu)) <= 2
    assert {n.health for n in sick} <= {Health.DEGRADED, Health.CORDONED}
    assert all(len(n.unhealthy_gpus) == (n.health is Health.DEGRADED) for n in fleet.nodes)
    fabric = Fabric.from_fleet(fleet)
    assert [p.name for p in fabric.partitions] == ["site", "block", "leaf", "rack", "nvlink", "node", "feed"]
    racks = fabric.partition("rack").domain_names
    assert {cap.domain for cap in fleet.power_caps} == set(racks)


def test_hgx_shape() -> None:
    fabric = Fabric.from_fleet(synth_fleet("hgx", 1024, 0))
    assert (1024 - 32) % 4 == 0
    assert sizes(fabric, "rack", "H100") == {4: 248}
    assert sizes(fabric, "leaf", "H100") == {32: 31}
    assert sizes(fabric, "block", "H100") == {256: 3, 224: 1}
    assert sizes(fabric, "nvlink", "H100") == {1: 992}
    assert set(fabric.gpu_count.tolist()) == {0, 8}


def test_nvl72_shape() -> None:
    fabric = Fabric.from_fleet(synth_fleet("nvl72", 1024, 0))
    assert sizes(fabric, "rack", "GB200") == {18: 55, 2: 1}
    assert sizes(fabric, "nvlink", "GB200") == {18: 55, 2: 1}
    assert sizes(fabric, "leaf", "GB200") == {72: 13, 56: 1}
    assert set(fabric.gpu_count.tolist()) == {0, 4}


def test_mixed_has_every_model_and_no_block_mixes_them() -> None:
    for count in (16, 1024):
        fabric = Fabric.from_fleet(synth_fleet("mixed", count, 0))
        assert fabric.gpu_models == ("A100", "GB200", "H100", "L40S")
        pairs = set(zip(fabric.partition("block").domain_of.tolist(), fabric.gpu_model.tolist(), strict=True))
        assert len(pairs) == len({block for block, _ in pairs})
    assert set(sizes(fabric, "nvlink", "GB200")) == {18}
    assert set(sizes(fabric, "nvlink", "L40S")) == {1}


@pytest.mark.parametrize("kind", KINDS)
def test_some_power_caps_bind_and_most_do_not(kind: FleetKind) -> None:
    fabric = Fabric.from_fleet(synth_fleet(kind, 1024, 0))
    racks = fabric.partition("rack")
    peak_w = np.bincount(racks.domain_of, weights=fabric.idle_power_w + fabric.gpu_count * fabric.gpu_power_w).astype(
        np.int64
    )
    cap_w = {cap.domain: cap.cap_w for cap in fabric.fleet.power_caps}
    tight = sum(cap_w[name] < peak for name, peak in zip(racks.domain_names, peak_w, strict=True))
    assert 0 < tight < len(racks.domain_names) / 3


@pytest.mark.badinput
@pytest.mark.parametrize(("kind", "count", "field"), [("dgx", 64, "kind"), ("hgx", 15, "nodes")])
def test_a_wrong_wish_is_refused(kind: FleetKind, count: int, field: str) -> None:
    with pytest.raises(TopologyError) as caught:
        synth_fleet(kind, count, 0)
    assert caught.value.field == field
