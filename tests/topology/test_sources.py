"""Files are read strictly: one clear error that names the place, never a guess."""

import gzip
import json
import re
from pathlib import Path

import pytest

from topology import SOURCES, TopologyError, find_source, read_fleet, read_openb_nodes, synth_fleet
from topology.sources import RANK_LABEL, parse_fleet_json, parse_fleet_yaml
from topology.sources import text as text_module

RAW = "sn,cpu_milli,memory_mib,gpu,model\nb,96000,393216,8,G2\na,64000,131072,2,P100\nc,32000,262144,0,\n"
REPLAY = "rank,node,model,gpus,cpu_milli,memory_mib\n1,a,P100,2,64000,131072\n0,b,G2,8,96000,393216\n"
README = Path(__file__).resolve().parents[2] / "topology" / "README.md"


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def test_the_example_of_the_readme_is_a_fleet() -> None:
    example = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    fleet = parse_fleet_yaml(example[1])
    assert [node.id for node in fleet.nodes] == ["n1", "n2", "c1"]
    assert fleet.power_caps[0].domain == "b1/r1"


@pytest.mark.parametrize("name", ["f.json", "f.json.gz", "f.yaml", "f.yml.gz"])
def test_a_fleet_is_read_from_every_form(tmp_path: Path, name: str) -> None:
    fleet = synth_fleet("mixed", 40, 1)
    # JSON is YAML, so the same text serves both readers.
    assert read_fleet(write(tmp_path, name, fleet.model_dump_json())) == fleet


def test_json_and_yaml_agree_on_types() -> None:
    text = "name: 'a'\nlevels: []\nnodes: [{id: '1', path: {}, cpu_milli: 1, memory_mib: 2, taints: [{key: k}]}]"
    same = {
        "name": "a",
        "levels": [],
        "nodes": [{"id": "1", "path": {}, "cpu_milli": 1, "memory_mib": 2, "taints": [{"key": "k"}]}],
    }
    assert parse_fleet_yaml(text) == parse_fleet_json(json.dumps(same))


BAD_YAML: tuple[tuple[str, str], ...] = (
    ("", "the file is empty"),
    ("name: a\nname: b", r"^name: this key occurs twice \(line 2\)"),
    ("name: 1\nlevels: []\nnodes: []", "^name: .*in YAML, put it in quotes"),
    ("name: no\nlevels: []\nnodes: []", "^name: .*in YAML, put it in quotes"),
    ("1: a", "^line 1: the key is not a text"),
    ("a: &x {b: c}\nd:\n  <<: *x", "^line 3: the key is not a text, or a merge key"),
    ("a: [", "is not YAML"),
    ("a: !!python/object:os.system x", "is not YAML"),
    ("name: 2024-01-01", "put texts in quotes"),
    ("name: 2024-13-01", "put texts in quotes"),
    ("name: .inf", "put texts in quotes"),
    ("a: &x [*x]", "unfolds too far"),
    ("[" * 40 + "]" * 40, "unfolds too far"),
    ("- 1", "^fleet: "),
)


@pytest.mark.badinput
@pytest.mark.parametrize(("text", "says"), BAD_YAML)
def test_bad_yaml_is_one_clear_line(text: str, says: str) -> None:
    with pytest.raises(TopologyError, match=says) as caught:
        parse_fleet_yaml(text)
    assert "\n" not in str(caught.value)


@pytest.mark.badinput
def test_aliases_that_unfold_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topology.sources.fleet_file._MAX_YAML_NODES", 10_000)
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30))
    with pytest.raises(TopologyError, match="unfolds too far"):
        parse_fleet_yaml(bomb)


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"name": "a", "name": "b"}', "^name: this key occurs twice"),
        ("{", "line 1, column 2"),
        ("[" * 100_000, "nested too deeply"),
        ('{"name": ' + "9" * 5000 + "}", "is not JSON"),
        ("[]", "^fleet: "),
    ],
)
def test_bad_json_is_one_clear_line(text: str, says: str) -> None:
    with pytest.raises(TopologyError, match=says) as caught:
        parse_fleet_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("f.toml", b"", "has no known ending"),
        ("f.json", b"\xff", "not UTF-8 at byte 0"),
        ("f.json", b"x" * 200, "is larger than"),
    ],
)
def test_a_bad_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, says: str
) -> None:
    monkeypatch.setattr(text_module, "MAX_BYTES", 100)
    path = write(tmp_path, name, data)
    with pytest.raises(TopologyError, match=says) as caught:
        read_fleet(path)
    assert caught.value.field == str(path)


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("data", "says"),
    [(b"plain", "not a gzip file"), (gzip.compress(b"{}" * 99, mtime=0)[:-9], "damaged"), (None, "cannot be read")],
)
def test_a_bad_gzip_file_is_named(tmp_path: Path, data: bytes | None, says: str) -> None:
    path = tmp_path / "f.json.gz"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(TopologyError, match=says):
        read_fleet(path)


@pytest.mark.parametrize("name", ["n.csv", "n.csv.gz"])
def test_openb_raw(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, RAW)
    fleet = read_openb_nodes(path)
    assert [(n.id, n.gpu_model, n.gpu_count) for n in fleet.nodes] == [("b", "G2", 8), ("a", "P100", 2)]
    assert fleet.levels == ()
    everything = read_openb_nodes(path, include_cpu_only=True)
    assert [(n.id, n.cpu_milli, n.memory_mib) for n in everything.nodes[2:]] == [("c", 32000, 262144)]


def test_openb_replay_keeps_the_rank(tmp_path: Path) -> None:
    fleet = read_openb_nodes(write(tmp_path, "n.csv", REPLAY))
    assert [(n.id, n.gpu_count, n.labels[RANK_LABEL]) for n in fleet.nodes] == [("a", 2, "1"), ("b", 8, "0")]


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"line 1: the columns are \(none\)"),
        ("a,b\n", "line 1: the columns are a,b"),
        (RAW + "d,1,2,3\n", "^line 5: has 4 columns"),
        (RAW + "d,1,-2,3,G2\n", "^line 5, memory_mib: '-2'"),
        (RAW + "d,1,2,3,\n", "^line 5, gpu_model: .*no model"),
        (RAW + "a,1,2,3,G2\n", "'a' occurs twice"),
    ],
)
def test_a_bad_node_list_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TopologyError, match=says):
        read_openb_nodes(write(tmp_path, "n.csv", text))


def test_the_registry_is_a_tuple_of_distinct_names(tmp_path: Path) -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    assert len(find_source("openb").read(write(tmp_path, "n.csv", RAW)).nodes) == 2
    with pytest.raises(TopologyError, match="use one of: fleet, openb"):
        find_source("k8s")


@pytest.mark.data
def test_the_openb_trace(data_dir: Path) -> None:
    (path,) = data_dir.rglob("openb2023_nodes_all.csv.gz")
    fleet = read_openb_nodes(path)
    assert len(fleet.nodes) == 1213
    assert sum(node.gpu_count for node in fleet.nodes) == 6212
    assert len(read_openb_nodes(path, include_cpu_only=True).nodes) == 1523
    for replay in sorted(data_dir.rglob("*_seed42_nodes.csv.gz")):
        assert len(read_openb_nodes(replay).nodes) == 1213
