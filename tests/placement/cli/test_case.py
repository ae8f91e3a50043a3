"""`moorage case`: files, notes and summaries."""

import gzip
from pathlib import Path

import pytest

from placement.model import Case, read_case
from tests.placement.cli.conftest import Moorage

NODES = "sn,cpu_milli,memory_mib,gpu,model\nn1,64000,262144,2,T4\nn2,64000,262144,2,T4\n"
PODS = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\n"


def synth(moorage: Moorage, out: Path | str, *more: str) -> Case:
    ran = moorage("case", "synth", "--fleet", "hgx", "--nodes", "16", "--pending", "5", "--out", out, *more)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    assert "16 nodes" in ran.out
    assert "5 pending" in ran.out
    return read_case(out)


def test_synth_writes_the_case_of_its_seed(moorage: Moorage, tmp_path: Path) -> None:
    first = synth(moorage, tmp_path / "a.json", "--seed", "3")
    packed = synth(moorage, tmp_path / "b.json.gz", "--seed", "3")
    other = synth(moorage, tmp_path / "c.json", "--seed", "4")
    assert first == packed
    assert first != other
    assert gzip.decompress((tmp_path / "b.json.gz").read_bytes()) == (tmp_path / "a.json").read_bytes()


def test_synth_to_stdout_is_the_case_and_nothing_else(moorage: Moorage) -> None:
    ran = moorage("case", "synth", "--fleet", "hgx", "--nodes", "16", "--pending", "5", "--out", "-")
    assert ran.code == 0
    assert len(Case.from_json(ran.out).workloads) == 5
    assert "5 pending" in ran.err


def test_openb_tells_what_it_left_out(moorage: Moorage, tmp_path: Path) -> None:
    nodes, pods, out = tmp_path / "nodes.csv", tmp_path / "pods.csv", tmp_path / "c.json"
    nodes.write_text(NODES)
    pods.write_text(f"{PODS}p1,1000,1024,8,1000,,LS\np2,1000,1024,2,1000,,LS\np3,1000,1024,1,500,,LS\n")
    ran = moorage("case", "openb", "--nodes", nodes, "--pods", pods, "--fill", "0.5", "--pending", "9", "--out", out)
    assert ran.code == 0
    assert "note: 1 pods fitted nowhere" in ran.err
    assert "note: only 1 pods remained for 9 pending" in ran.err
    assert [workload.id for workload in read_case(out).workloads] == ["p3"]


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "named"),
    [
        ("synth --fleet hgx --nodes 15 --out {out}", "nodes"),
        ("synth --fleet hgx --nodes 16 --occupancy nan --out {out}", "occupancy"),
        ("synth --fleet hgx --nodes 16 --pending 999999999 --out {out}", "pending"),
        ("synth --fleet hgx --nodes 16 --seed 99999999999999999999 --out {out}", "seed"),
        ("synth --fleet moon --nodes 16 --out {out}", "--fleet"),
        ("synth --fleet hgx --nodes 16", "--out"),
        ("synth --fleet hgx --nodes 16 --out {out}/deeper.json", "--out"),
        ("openb --nodes {out} --pods {out} --fill 0.5 --out {out}", "c.json"),
        ("openb --nodes {out} --pods {out} --fill 2 --out {out}", "fill"),
    ],
)
def test_bad_arguments_write_nothing(args: str, named: str, moorage: Moorage, tmp_path: Path) -> None:
    ran = moorage("case", *args.format(out=tmp_path / "c.json").split())
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert named in ran.err
    assert list(tmp_path.iterdir()) == []
