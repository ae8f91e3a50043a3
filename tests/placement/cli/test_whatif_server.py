"""`moorage whatif --server`: a question about the state of a running server, which stays as it is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from placement.model import read_decision
from tests.badinput.base import CASE
from tests.mutate.server import Client, serving
from tests.placement.cli.conftest import Moorage


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving() as found:
        yield found


def test_the_state_of_a_server_is_questioned(client: Client, moorage: Moorage, tmp_path: Path) -> None:
    client.reset()
    (tmp_path / "case.json").write_text(CASE.to_json())
    before = client.state()
    ran = moorage(
        *("whatif", tmp_path / "case.json", "--server", client.address, "--fail", "n0", "--drain", "n1"),
        *("--set", "tenant.a.quota=0", "--work", "50", "-o", "json", "--out-after", tmp_path / "d.json"),
    )
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    fates = {fate["workload"]: fate["kind"] for fate in told["fates"]}
    assert (fates["old"], fates["one"]) == ("moved", "lost")
    assert told["placed_after"] == len(read_decision(tmp_path / "d.json").placements)
    assert client.state() == before


def test_a_server_can_be_asked_without_a_case(client: Client, moorage: Moorage) -> None:
    client.reset()
    ran = moorage("whatif", "--server", client.address, "--fail", "n0", "--time-limit", "2s")
    assert (ran.code, ran.err) == (0, "")
    assert "1 moved" in ran.out


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--fail", "n99"), "--fail: the fleet has no node and no domain 'n99'"),
        (("--set", "tenant.nobody.quota=1"), "--set tenant.nobody.quota: there is no tenant"),
        (("--fail", "n0", "--out-case", "x.json"), "--out-case: the case is the server's"),
        ((), "whatif: nothing is changed"),
    ],
)
def test_what_the_server_refuses_names_the_option(
    args: tuple[str, ...], told: str, client: Client, moorage: Moorage
) -> None:
    ran = moorage("whatif", "--server", client.address, *args)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1


def test_a_server_that_is_not_there_is_exit_5(moorage: Moorage) -> None:
    ran = moorage("whatif", "--server", "127.0.0.1:1", "--fail", "n0", "--time-limit", "100ms")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1


@pytest.mark.badinput
def test_there_must_be_a_case_or_a_server(moorage: Moorage) -> None:
    ran = moorage("whatif", "--fail", "n0")
    assert (ran.code, "CASE: there is no case to question; give a case file, or --server" in ran.err) == (2, True)
