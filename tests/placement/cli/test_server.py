"""`moorage server`: what an engineer asks of a running server and changes there, on the real one."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from placement.model import read_case, read_decision
from placement.verify import verify
from tests.badinput.base import CASE
from tests.mutate.server import Client, serving
from tests.placement.cli.conftest import Moorage, Ran


@pytest.fixture(scope="module")
def running_server() -> Iterator[Client]:
    with serving() as found:
        yield found


@pytest.fixture
def client(running_server: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The server of this module with its fleet and one workload that runs, `old`; it is the default of every verb."""
    running_server.reset()
    monkeypatch.setenv("MOORAGE_SERVER", running_server.address)
    return running_server


def batch(tmp_path: Path, **fields: object) -> Path:
    """A file of what waits."""
    whole = json.loads(CASE.to_json())
    path = tmp_path / "batch.json"
    path.write_text(json.dumps({name: whole[name] for name in ("workloads", "tenants", "groups")} | fields))
    return path


def lines(ran: Ran) -> list[str]:
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out.splitlines()


def test_a_day_on_the_command_line(client: Client, moorage: Moorage, tmp_path: Path) -> None:
    case, after, answer = tmp_path / "case.json", tmp_path / "after.json", tmp_path / "decision.json"
    case.write_text(CASE.to_json())
    told = lines(moorage("server", "put", case))
    assert told[0] == "fleet small of 4 nodes, 1 workloads running"

    placed = moorage("server", "place", batch(tmp_path), "--work", "200", "--out", answer)
    assert (placed.code, placed.err) == (0, "")
    assert "3 of 3 workloads placed" in placed.out.splitlines()[0]
    assert placed.out.splitlines()[-1] == "reserved: all that is placed"
    where = {one.workload: {r.node for r in one.replicas} for one in read_decision(answer).placements}

    told = lines(moorage("server", "list"))
    assert [line.split()[0] for line in told[2:]] == ["cpu", "old", "one", "two"]
    assert all(node in next(line for line in told if line.startswith("one ")) for node in where["one"])
    of_a = json.loads(moorage("server", "list", "--tenant", "a", "-o", "json").out)
    assert [one["workload"]["id"] for one in of_a] == ["one"]

    node = min(where["one"])
    before = client.state()
    told = lines(moorage("server", "edit", "--drain", node, "--validate-only"))
    assert told[0] == f"nodes that would change: 1: {node}"
    assert "one" in told[1]
    assert client.state() == before
    assert lines(moorage("server", "edit", "--drain", node))[0] == f"nodes that changed: 1: {node}"

    assert lines(moorage("server", "release", "one", "nobody")) == ["released: 1: one", "did not run: 1: nobody"]
    assert lines(moorage("server", "get", "--out", after))[0] == "fleet small of 4 nodes, 3 workloads running"
    held = read_case(after)
    assert {one.workload.id for one in held.running} == {"old", "cpu", "two"}
    assert {str(one.health) for one in held.fleet.nodes if one.id == node} == {"cordoned"}

    client.reset()
    lines(moorage("server", "put", after))
    assert json.loads(moorage("server", "get", "-o", "json").out)["running"] == json.loads(held.to_json())["running"]


def test_the_exit_code_tells_how_much_was_placed(client: Client, moorage: Moorage, tmp_path: Path) -> None:
    assert client.address
    huge = json.loads(CASE.workloads[0].model_dump_json())
    huge["id"] = "huge"
    huge["subgroups"][0]["roles"][0] |= {"replicas": 900, "min_replicas": 900}
    small = json.loads(CASE.workloads[1].model_dump_json())
    for workloads, code in (([huge], 3), ([huge, small], 4)):
        ran = moorage("server", "place", batch(tmp_path, workloads=workloads), "--validate-only", "--work", "50")
        assert ran.code == code
        assert ran.out.splitlines()[-1] == "reserved: nothing"
    assert lines(moorage("server", "release", "old")) == ["released: 1: old"]
    assert lines(moorage("server", "list")) == ["nothing runs"]


def test_of_a_case_only_what_waits_is_taken(client: Client, moorage: Moorage, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(CASE.to_json().replace('"old"', '"other"'))
    answer = json.loads(moorage("server", "place", path, "--work", "50", "-o", "json").out)
    assert {one["workload"] for one in answer["decision"]["placements"]} == {"one", "two", "cpu"}
    assert answer["reserved_version"]
    assert {line.split()[0] for line in lines(moorage("server", "list"))[2:]} == {"old", "one", "two", "cpu"}


def test_what_a_server_decided_is_replayed(client: Client, moorage: Moorage, tmp_path: Path) -> None:
    out, case = tmp_path / "decision.json", tmp_path / "case.json"
    assert moorage("server", "place", batch(tmp_path), "--work", "200", "--out", out).code == 0
    stored = read_decision(out)
    ran = moorage("replay", stored.case_id[:10], "--server", client.address, "--out-case", case, "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["equal"] is True
    assert not verify(read_case(case), stored)


BAD: tuple[tuple[tuple[str, ...], str], ...] = (
    (("put", "no-such.json"), "no-such.json: cannot be read"),
    (("get", "--out", "/no/such/folder/x"), "--out: the folder"),
    (("edit",), "server edit: nothing is changed"),
    (("edit", "--drain", "n99"), "--drain: the fleet has no node and no domain 'n99'"),
    (("edit", "--drain", ""), "--drain: a part has a name of 1 to 4096"),
    (("edit", "--add", "hgx"), "--add: 'hgx' is not KIND:COUNT"),
    (("edit", "--edits", "-"), "--edits: the edits cannot come from stdin"),
    (("edit", "--edits", "SETTINGS"), "--edits: it holds settings, and a server has none"),
    (("place", "EMPTY"), "workloads: it has 0 entries; use at least 1"),
    (("place", "TWICE"), "workloads[1].id: 'cpu' is used twice"),
    (("place", "RUNNING"), "running: Extra inputs are not permitted"),
    (("place", "LIST"), "batch: Input should be an object"),
    (("place", "batch.json", "--work", "5", "--time-limit", "1s"), "--work: --work and --time-limit are both given"),
    (("place", "batch.json", "--time-limit", "soon"), "--time-limit: 'soon' is no duration"),
    (("list", "--timeout", "0s"), "--timeout: '0s' is out of range"),
    (("list", "--server", "localhost"), "--server: 'localhost' is not HOST:PORT"),
    (("list", "--server", "localhost:99999"), "--server: 'localhost:99999' is not HOST:PORT"),
    (("list", "--server", "http://localhost:50051"), "is not HOST:PORT"),
    (("release",), "Missing argument"),
    (("release", "a\nb"), "workloads[0]: "),
    (("release", ""), "workloads[0]: "),
)


@pytest.mark.badinput
@pytest.mark.parametrize(("args", "told"), BAD, ids=[" ".join(args) for args, _ in BAD])
def test_bad_input_is_one_line_and_changes_nothing(
    args: tuple[str, ...], told: str, client: Client, moorage: Moorage, tmp_path: Path
) -> None:
    work = json.loads(CASE.workloads[2].model_dump_json())
    files: dict[str, object] = {
        "EMPTY": {"workloads": []},
        "TWICE": {"workloads": [work, work]},
        "RUNNING": {"workloads": [work], "running": []},
        "LIST": [work],
        "batch.json": {"workloads": [work]},
        "SETTINGS": {"edits": [], "set": {"seed": 3}},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    before = client.state()
    ran = moorage("server", *(str(tmp_path / arg) if arg in files else arg for arg in args))
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert client.state() == before


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("abcd",), "--journal: one of --journal and --server"),
        (("abcd", "--journal", ".", "--server", "localhost:1"), "--journal: one of --journal and --server"),
        (("--server", "localhost:1"), "ID: a server does not list its journal"),
        (("abcd", "--server", "SERVER"), "no case in the journal named 'abcd'"),
    ],
)
def test_a_replay_needs_to_know_where_the_case_is(
    args: tuple[str, ...], told: str, client: Client, moorage: Moorage
) -> None:
    ran = moorage("replay", *(client.address if arg == "SERVER" else arg for arg in args))
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err


@pytest.mark.parametrize(
    "verb",
    [("get",), ("list",), ("release", "a"), ("edit", "--drain", "n0"), ("place", "batch.json"), ("put", "case.json")],
)
def test_a_server_that_is_not_there_is_exit_5(verb: tuple[str, ...], moorage: Moorage, tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(CASE.to_json())
    batch(tmp_path)
    args = [str(tmp_path / arg) if arg in ("case.json", "batch.json") else arg for arg in verb]
    ran = moorage("server", *args, "--server", "127.0.0.1:1", "--timeout", "300ms")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err == ("error: no server answers at 127.0.0.1:1; start it there, or give the address where it runs\n")


def test_something_else_that_listens_there_is_exit_5(moorage: Moorage) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ran = moorage("server", "list", "--server", f"127.0.0.1:{silent.getsockname()[1]}", "--timeout", "500ms")
    assert (ran.code, ran.out) == (5, "")


def test_an_answer_that_takes_too_long_is_exit_6(client: Client, moorage: Moorage, tmp_path: Path) -> None:
    assert client.address
    for _ in range(20):  # on a busy machine the connection alone can take that long
        ran = moorage("server", "place", batch(tmp_path), "--time-limit", "1ms", "--timeout", "140ms")
        if ran.code != 5:
            break
    assert (ran.code, ran.out) == (6, "")
    assert "150 are kept to answer; allow more time" in ran.err
    assert len(lines(moorage("server", "list"))) == 3  # only what ran before
