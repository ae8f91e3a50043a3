"""What is malformed in a message is refused by the path of the field."""

from typing import Any

import pytest
from google.protobuf import json_format

from placement.errors import InputError
from placement.service.bodies import BatchBody, EditBody
from placement.service.wire import decode
from placement.v1 import placement_pb2 as pb


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("edit", "where"),
    [
        ({}, "edits[0]"),
        ({"drain": {}}, "edits[0].drain.part"),
        ({"add": {"kind": "hgx"}}, "edits[0].add.count"),
        ({"derate": {"part": "n1"}}, "edits[0].derate"),
        ({"relabel": {"part": "n1"}}, "edits[0].relabel"),
    ],
)
def test_a_malformed_edit_is_named_by_its_path(edit: dict[str, Any], where: str) -> None:
    message = json_format.ParseDict({"edits": [edit]}, pb.EditFabricRequest())
    with pytest.raises(InputError) as caught:
        decode(message, EditBody, "request")
    assert caught.value.field.startswith(where)


def broken(**fields: Any) -> pb.PlaceRequest:
    """A request with one workload, one rule and what the case says."""
    message = json_format.ParseDict(fields, pb.PlaceRequest())
    assert isinstance(message, pb.PlaceRequest)
    return message


ROLE = {"name": "r", "gpus": "-1"}


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"workloads": [{"id": "w"}]}, "workloads[0].subgroups"),
        ({"workloads": [{"id": "w", "subgroups": [{"name": "s", "roles": [ROLE]}]}]}, "roles[0].gpus"),
        ({"workloads": [{"id": " w"}]}, "workloads[0].id"),
        ({"workloads": [{"id": "w", "kind": 99}]}, "workloads[0].kind"),
        ({"policy": {"rules": [{"name": "a", "mode": 99}]}}, "policy.rules[0].mode"),
        ({"policy": {"rules": [{"name": "a", "params": {"p": {"q": 0.5}}}]}}, "policy.rules[0].params.p.q"),
        ({"policy": {"rules": [{"name": "a", "params": {"p": [1e300]}}]}}, "policy.rules[0].params.p[0]"),
        (
            {"policy": {"rules": [{"name": "a", "mode": "MODE_REQUIRE", "params": {"p": None}}]}},
            "policy.rules[0]",
        ),
        ({"tenants": [{"name": "t", "weight": "0"}]}, "tenants[0].weight"),
        ({"maxSolveTime": "0s"}, "max_solve_time"),
        ({"maxSolveTime": "-1s"}, "max_solve_time"),
        ({"maxSolveTime": "1s", "work": "5"}, "work"),
        ({"useServerState": True, "running": [{}]}, "running[0].workload"),
        ({"seed": "-1"}, "seed"),
    ],
)
def test_what_is_malformed_is_named_by_its_path(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(broken(**fields), BatchBody, "request")
    assert where in caught.value.field
    assert caught.value.mend
