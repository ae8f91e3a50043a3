"""What is larger than the limits is refused by name, from files and in the environment's words."""

from pathlib import Path

import pytest

from placement.cli.app import run
from placement.errors import InputError
from placement.limits import PREFIX, InputLimits, option
from placement.model import Case, Device, Replica, Running
from tests.placement.rules.small import gang, small_fleet


def runs(name: str) -> Running:
    return Running(
        workload=gang(name), replicas=(Replica(subgroup="s", role="r", node="n0", devices=(Device(index=0),)),)
    )


CASE = Case(fleet=small_fleet(), workloads=(gang("a", 5), gang("b", 7)), running=(runs("x"), runs("y")))
EXACT = {"nodes": 8, "workloads": 2, "running": 2, "replicas_per_role": 7, "replicas": 12}


def test_the_defaults_take_what_the_documentation_promises() -> None:
    limits = InputLimits()
    assert limits.nodes >= 20_000
    assert limits.workloads >= 10_000
    assert limits.replicas >= 10 * 10_000


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("nodes", "fleet.nodes"),
        ("workloads", "workloads"),
        ("running", "running"),
        ("replicas_per_role", "workloads[1].subgroups[0].roles[0].replicas"),
        ("replicas", "workloads"),
    ],
)
def test_each_limit_is_kept_to_the_unit_and_named(name: str, field: str) -> None:
    InputLimits.of(EXACT).check_case(CASE)
    with pytest.raises(InputError) as caught:
        InputLimits.of(EXACT | {name: EXACT[name] - 1}).check_case(CASE)
    assert caught.value.field == field
    assert f"{EXACT[name]:,}" in caught.value.problem
    assert f"{PREFIX}{name.upper()} (of a server: {option(name)})" in caught.value.mend


def test_bytes_are_limited() -> None:
    InputLimits(message_bytes=2048).check_bytes(2048, "case")
    with pytest.raises(InputError, match="case: 2,049 bytes are more than the limit of 2,048"):
        InputLimits(message_bytes=2048).check_bytes(2049, "case")


def test_the_environment_sets_limits() -> None:
    limits = InputLimits.from_environment({"MOORAGE_MAX_NODES": "12", "MOORAGE_MAX_RUNNING": " ", "HOME": "/"})
    assert limits == InputLimits(nodes=12)


@pytest.mark.badinput
@pytest.mark.parametrize("value", ["many", "0", "-1", "1e3", "1.5", "9" * 30, "9" * 5000, "200000"])
def test_a_bad_limit_names_its_variable(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MOORAGE_MAX_NODES", value)
    (tmp_path / "case.json").write_text(CASE.to_json())
    assert run(["check", str(tmp_path / "case.json"), str(tmp_path / "case.json")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: MOORAGE_MAX_NODES: ")
    assert told.count("\n") == 1


def test_an_option_of_the_server_goes_before_the_environment() -> None:
    environ = {"MOORAGE_MAX_NODES": "12", "MOORAGE_MAX_RUNNING": "7"}
    limits = InputLimits.from_environment(environ, nodes=9, replicas=None)
    assert limits == InputLimits(nodes=9, running=7)


@pytest.mark.parametrize("name", InputLimits.model_fields)
def test_every_limit_is_an_option_of_the_server(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--help"]) == 0
    told = capsys.readouterr().out
    assert f"{option(name)} N " in told
    assert PREFIX + name.upper() in told


@pytest.mark.badinput
@pytest.mark.parametrize("value", ["many", "0", "-1", "1e3", "9" * 30, "9" * 5000])
@pytest.mark.parametrize("name", InputLimits.model_fields)
def test_a_bad_limit_names_its_option(name: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--port", "0", f"{option(name)}={value}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert option(name) in told
    assert told.count("\n") == 1
