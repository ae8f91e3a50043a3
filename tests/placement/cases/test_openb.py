"""The openb builder against a slow loop that follows the published rules word by word."""

import csv
import gzip
from pathlib import Path
from random import Random

import numpy as np
import pytest

from placement.cases.openb import expecting, openb_case, read_openb_pods
from placement.errors import InputError
from placement.model import Kind, default_policy
from topology.model import Node

Row = dict[str, str]
Placed = dict[str, tuple[str, tuple[tuple[int, int], ...]]]


def write_trace(folder: Path, seed: int, pods: int, *, replay: bool) -> tuple[Path, Path]:
    """A dozen small nodes and a list of pods, in the raw or the replay columns."""
    random = Random(seed)
    nodes = [
        [f"node-{row}", random.choice((32_000, 64_000)), 262_144, random.choice((0, 2, 4, 8)), random.choice("AB")]
        for row in range(12)
    ]
    nodes[0][3] = 8
    work = [
        [
            f"pod-{row}",
            random.choice((1000, 4000, 12_000)),
            random.choice((1024, 30_000)),
            count := random.choice((0, 1, 1, 1, 2, 4)),
            0 if count == 0 else random.choice((100, 330, 500, 1000)) if count == 1 else 1000,
            random.choice(("", "", "A", "A|B", "B|C")) if count else "",
        ]
        for row in range(pods)
    ]
    random.shuffle(nodes)
    node_path, pod_path = folder / "nodes.csv.gz", folder / "pods.csv"
    with gzip.open(node_path, "wt", newline="") as stream:
        out = csv.writer(stream)
        if replay:
            out.writerow(["rank", "node", "model", "gpus", "cpu_milli", "memory_mib"])
            # Ranks against the order of the lines: ties must follow the rank.
            ranks = range(len(nodes))[::-1]
            out.writerows(
                [rank, n[0], n[4] if n[3] else "", n[3], n[1], n[2]] for rank, n in zip(ranks, nodes, strict=True)
            )
        else:
            out.writerow(["sn", "cpu_milli", "memory_mib", "gpu", "model"])
            out.writerows([n[0], n[1], n[2], n[3], n[4] if n[3] else ""] for n in nodes)
    with pod_path.open("w", newline="") as stream:
        out = csv.writer(stream)
        names = ["cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec"]
        out.writerow(["pos", "pod", *names] if replay else ["name", *names, "qos"])
        out.writerows([row, *pod] if replay else [*pod, "LS"] for row, pod in enumerate(work))
    return node_path, pod_path


def read_rows(path: Path) -> list[Row]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return list(csv.DictReader(text.splitlines()))


def slow_fill(nodes: list[Row], pods: list[Row], fill: float) -> tuple[Placed, int, bool]:
    """One pod, one node, one device at a time: placements, pods taken, whether the fill was reached."""
    nodes = [node for node in nodes if int(node.get("gpus", node.get("gpu", "0"))) > 0]
    nodes.sort(key=lambda node: int(node.get("rank", "0")))
    cpu = [int(node["cpu_milli"]) for node in nodes]
    memory = [int(node["memory_mib"]) for node in nodes]
    device = [[1000] * int(node.get("gpus", node.get("gpu", "0"))) for node in nodes]
    total = sum(map(sum, device))
    placed: Placed = {}
    for taken, pod in enumerate(pods):
        if total - sum(map(sum, device)) >= fill * total:
            return placed, taken, True
        count, want = int(pod["num_gpu"]), int(pod["gpu_milli"])
        best, best_score = -1, -1
        for row in range(len(nodes)):
            if cpu[row] < int(pod["cpu_milli"]) or memory[row] < int(pod["memory_mib"]):
                continue
            if sum(1 for left in device[row] if left >= (want if count == 1 else 1000)) < count:
                continue
            if count and pod["gpu_spec"] and nodes[row]["model"] not in pod["gpu_spec"].split("|"):
                continue
            free_cpu, free_milli = cpu[row] - int(pod["cpu_milli"]), sum(device[row]) - count * want
            score = int(100 * (1 - (free_cpu / 128000 + free_milli / 8000) / 2))
            if score > best_score:
                best, best_score = row, score
        if best < 0:
            continue
        fitting = [slot for slot, left in enumerate(device[best]) if left >= (want if count == 1 else 1000)]
        if count == 1:
            fitting.sort(key=lambda slot: (device[best][slot], slot))
        for slot in fitting[:count]:
            device[best][slot] -= want
        cpu[best] -= int(pod["cpu_milli"])
        memory[best] -= int(pod["memory_mib"])
        name = nodes[best].get("node", nodes[best].get("sn", ""))
        placed[pod.get("pod", pod.get("name", ""))] = (name, tuple((slot, want) for slot in fitting[:count]))
    return placed, len(pods), total - sum(map(sum, device)) >= fill * total


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize(
    ("seed", "fill", "pending"), [(0, 0.5, 10), (1, 0.85, 500), (2, 0.7, 5), (3, 0.0, 4), (4, 0.3, 0)]
)
def test_the_same_placements_as_the_slow_loop(
    tmp_path: Path, seed: int, fill: float, pending: int, *, replay: bool
) -> None:
    node_path, pod_path = write_trace(tmp_path, seed, 120, replay=replay)
    pods = read_rows(pod_path)
    if seed:
        pods = [pods[row] for row in np.random.default_rng(seed).permutation(len(pods))]
    expected, taken, reached = slow_fill(read_rows(node_path), pods, fill)
    assert reached, "choose a fill that this trace reaches"
    built = openb_case(node_path, pod_path, fill=fill, pending=pending, seed=seed)
    found = {
        work.workload.id: (
            work.replicas[0].node,
            tuple((device.index, device.milli) for device in work.replicas[0].devices),
        )
        for work in built.case.running
    }
    assert found == expected
    assert built.skipped == taken - len(expected)
    names = [pod.get("pod", pod.get("name", "")) for pod in pods[taken : taken + pending]]
    assert [workload.id for workload in built.case.workloads] == names
    assert any("remained" in note for note in built.notes) == (len(names) < pending)


def test_where_the_fill_is_out_of_reach_the_last_pods_wait(tmp_path: Path) -> None:
    node_path, pod_path = write_trace(tmp_path, 5, 40, replay=True)
    pods = read_rows(pod_path)
    built = openb_case(node_path, pod_path, fill=1.0, pending=15)
    assert [workload.id for workload in built.case.workloads] == [pod["pod"] for pod in pods[25:]]
    expected, _, _ = slow_fill(read_rows(node_path), pods[:25], 1.0)
    assert {work.workload.id for work in built.case.running} == set(expected)
    assert any("does not reach" in note for note in built.notes)


def test_demands_become_roles(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("sn,cpu_milli,memory_mib,gpu,model\na,9000,9000,8,G2\nb,1,1,0,\n")
    (tmp_path / "p.csv").write_text(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\n"
        "p0,1,2,0,0,,BE\np1,1,2,1,250,V100M16|G2,LS\np2,1,2,1,1000,,BE\np3,1,2,4,1000,G2,BE\n"
    )
    case = openb_case(tmp_path / "n.csv", tmp_path / "p.csv", fill=0, pending=4).case
    assert [node.id for node in case.fleet.nodes] == ["a"]
    roles = [workload.subgroups[0].roles[0] for workload in case.workloads]
    assert [(role.gpus, role.gpu_milli) for role in roles] == [(0, 0), (0, 250), (1, 0), (4, 0)]
    assert roles[1].gpu_models == ("G2", "V100M16")
    assert [workload.kind for workload in case.workloads[:2]] == [Kind.CPU, Kind.INFERENCE]


@pytest.mark.badinput
def test_broken_lists_and_arguments_are_named(tmp_path: Path) -> None:
    node_path, pod_path = write_trace(tmp_path, 1, 10, replay=True)
    head = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n"
    for text, word in (
        ("", "column"),
        ("name,cpu_milli\n", "column gpu_milli"),
        (head + "p,1,2,3\n", "line 2"),
        (head + "p,1,2,x,0,\n", "line 2, num_gpu"),
        (head + "p,-1,2,0,0,\n", "line 2, cpu_milli"),
        (head + "p,1,2,1,0,\n", "line 2, gpu_milli"),
        (head + "p,1,2,1,1001,\n", "line 2, gpu_milli"),
        (head + "p,1,2,99,1000,\n", "gpus"),
        (head + "p\x01,1,2,1,10,\n", "id"),
        (head + "p,1,2,0,0,\np,1,2,0,0,\n", "used twice"),
    ):
        broken = tmp_path / "broken.csv"
        broken.write_text(text)
        with pytest.raises(InputError, match=word):
            openb_case(node_path, broken, fill=0.1, pending=5)
    with pytest.raises(InputError, match="fill"):
        openb_case(node_path, pod_path, fill=1.5, pending=5)
    with pytest.raises(InputError, match=r"none\.csv"):
        openb_case(tmp_path / "none.csv", pod_path, fill=0.5, pending=5)


@pytest.mark.data
def test_the_published_sequence_is_filled(data_dir: Path) -> None:
    folder = data_dir / "openb_replay"
    built = openb_case(
        folder / "default_seed42_nodes.csv.gz", folder / "default_seed42_pods.csv.gz", fill=0.95, pending=1000
    )
    free: dict[str, Node] = {node.id: node for node in built.case.fleet.nodes}
    assert (len(free), sum(node.gpu_count for node in free.values())) == (1213, 6212)
    assert len(built.case.workloads) == 1000
    used = sum(device.milli for work in built.case.running for device in work.replicas[0].devices)
    assert 0.925 < used / 6_212_000 < 0.94  # best-fit ends at 93.1 % of this sequence
    assert len(read_openb_pods(folder / "default_seed42_pods.csv.gz")) == 10_866


def test_the_policy_expects_the_mix_of_a_list(tmp_path: Path) -> None:
    nodes, pods = write_trace(tmp_path, 3, 60, replay=False)
    made = openb_case(nodes, pods, fill=0.5, pending=5, mix=pods).case
    spec = next(rule for rule in made.policy.rules if rule.name == "left_value")
    assert "stranded" not in {rule.name for rule in made.policy.rules}
    assert spec.params["gpu_hour_micro_usd"] == 500_000
    mix = spec.params["mix"]
    stream = read_openb_pods(pods)
    assert sum(one["count"] for one in mix) == 60
    for gpus, share in ((0, 0), (1, 0), (2, 0), (4, 0), (0, 330)):
        wanted = sum((p.num_gpu, p.gpu_milli) == ((1, share) if share else (gpus, 1000 * min(gpus, 1))) for p in stream)
        found = [one for one in mix if (one.get("gpus", 0), one.get("gpu_milli", 0)) == (gpus, share)]
        assert sum(one["count"] for one in found) == wanted
    again = expecting(made.policy, stream[:1])
    assert [len(rule.params["mix"]) for rule in again.rules if rule.name == "left_value"] == [1]
    assert openb_case(nodes, pods, fill=0.5, pending=5).case.policy == default_policy()
