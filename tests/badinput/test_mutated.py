"""Requests changed at random end in an answer or in a clear refusal; `python -m tests.mutate` sends many more."""

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placement.v1 import placement_pb2 as pb
from tests.mutate.requests import CALLS, mutated, sound
from tests.mutate.server import Client

pytestmark = pytest.mark.badinput


def test_the_sound_requests_are_taken(client: Client) -> None:
    client.reset()
    answer = client.call("Place", sound("Place"))
    assert isinstance(answer, pb.PlaceResponse)
    assert {placement.workload for placement in answer.decision.placements} == {"one", "two", "cpu"}


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(sent=st.sampled_from(CALLS).flatmap(lambda call: st.tuples(st.just(call), mutated(call))))
def test_no_request_is_a_defect(client: Client, sent: tuple[str, Message]) -> None:
    client.judge(*sent)


@pytest.mark.parametrize("seed", [2**31 - 1, 2**31, 2**53])
def test_any_seed_of_the_contract_can_be_searched_with(client: Client, seed: int) -> None:
    request = sound("Place")
    assert isinstance(request, pb.PlaceRequest)
    request.seed = seed
    client.judge("Place", request)
