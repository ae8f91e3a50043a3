"""Both clients against a real server with the real engine; errors come back as what they were."""

import asyncio
import inspect
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc

from placement.cases.synth import synth_case
from placement.client import AsyncClient, Client, ServerError
from placement.client.calls import Timeouts
from placement.client.errors import error_of
from placement.errors import (
    Conflict,
    Contended,
    DeadlineExceeded,
    InputError,
    MoorageError,
    NotFound,
    Overloaded,
    StaleVersion,
    Unreachable,
)
from placement.model import Role, Subgroup, Workload
from placement.service.placing import Decide
from placement.service.server import ServerConfig, warm_engine
from placement.service.status import status_of
from placement.store import AlreadyRunning, NoFabric
from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc
from tests.placement.service.calls import FirstFit
from tests.placement.service.conftest import Start, start
from topology.edits import Drain
from topology.errors import TopologyError

__all__ = ["start"]

ROOT = Path(__file__).resolve().parents[3]
SEED = 3

ERRORS: tuple[MoorageError, ...] = (
    InputError("a.b", "it is; so", "mend it"),
    NoFabric(),
    AlreadyRunning("w"),
    StaleVersion("1", "2"),
    Contended(),
    Overloaded(7),
    Conflict("again"),
    NotFound("node", "n"),
    DeadlineExceeded("no time"),
    Unreachable("draining"),
)


def job(name: str, gpus: int = 8) -> Workload:
    role = Role(name="r", gpus=gpus)
    return Workload(id=name, subgroups=(Subgroup(name="s", roles=(role,)),))


@pytest.fixture(scope="module")
def engine() -> Iterator[Decide]:
    with warm_engine() as found:
        yield found


def whole_day(port: int) -> dict[str, Any]:
    case = synth_case("hgx", 32, 0.3, 0, SEED)
    seen: dict[str, Any] = {}
    with Client(f"127.0.0.1:{port}") as client:
        assert client.serving()
        put = client.put_fabric(case.fleet, running=case.running)
        seen["running"] = len(list(client.placements(page_size=7)))
        answer = client.place([job("a"), job("b")], max_solve_s=0.5)
        seen["placed"] = sorted(p.workload for p in answer.decision.placements)
        assert answer.fabric_version == put.fabric_version
        assert not client.check([], []).violations
        node = answer.decision.placements[0].replicas[0].node
        seen["affected"] = client.edit_fabric(Drain(part=node), validate_only=True).affected
        held = client.fabric()
        assert held.fleet == case.fleet.canonical()
        seen["differences"] = client.reconcile(held.running).differences
        seen["released"] = client.release(["a", "b", "c"])
        stateless = client.place([job("x")], running=(), max_solve_s=0.5)
        assert stateless.reserved_version is None
    return seen


async def test_the_blocking_client_does_a_whole_day(start: Start, engine: Decide) -> None:
    at = await start(engine)
    seen = await asyncio.to_thread(whole_day, at.server.port)
    assert seen["running"] == len(synth_case("hgx", 32, 0.3, 0, SEED).running)
    assert seen["placed"] == ["a", "b"]
    assert set(seen["affected"]) & {"a", "b"}
    assert seen["differences"] == ()
    assert (seen["released"].released, seen["released"].unknown) == (("a", "b"), ("c",))


def hurried(port: int) -> tuple[InputError, int]:
    case = synth_case("hgx", 256, 0.3, 0, SEED)
    with Client(f"127.0.0.1:{port}") as client:
        client.put_fabric(case.fleet, running=case.running)
        with pytest.raises(InputError) as refused:
            client.place([job("a")], max_solve_s=0.001)
        kept = len(client.place([job("a")], max_solve_s=1).decision.placements)
    return refused.value, kept


async def test_a_solve_time_that_cannot_do_is_refused(start: Start, engine: Decide) -> None:
    at = await start(engine)
    refused, kept = await asyncio.to_thread(hurried, at.server.port)
    assert refused.field == "max_solve_time"
    assert "1 ms is too short for 256 nodes" in refused.problem
    assert refused.mend.startswith("allow at least")
    assert kept == 1


async def test_the_async_client_does_it_too(start: Start, engine: Decide) -> None:
    at = await start(engine)
    case = synth_case("hgx", 32, 0.3, 0, SEED)
    async with AsyncClient(f"127.0.0.1:{at.server.port}") as client:
        assert await client.serving()
        await client.put_fabric(case.fleet, running=case.running)
        answers = await asyncio.gather(*(client.place([job(f"w{row}")], max_solve_s=0.5) for row in range(3)))
        assert all(answer.reserved_version for answer in answers)
        names = {one.workload.id async for one in client.placements(page_size=5)}
        assert names >= {"w0", "w1", "w2"}
        assert (await client.release(["w0"])).released == ("w0",)
        assert (await client.check([job("v")], [])).violations == ()
        assert len((await client.fabric()).running) == len(names) - 1
        assert (await client.reconcile([])).differences
        assert (await client.edit_fabric(Drain(part=case.fleet.nodes[0].id))).nodes


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, str]:
        found = inspect.getmembers(kind, inspect.isfunction)
        shown = {name.replace("__a", "__"): str(inspect.signature(one)) for name, one in found}
        return {name: re.sub(r"Async|\.aio|await ", "", text) for name, text in shown.items()}

    assert methods(Client) == methods(AsyncClient)


async def test_errors_come_back_as_what_they_were(start: Start) -> None:
    at = await start(FirstFit())
    async with AsyncClient(f"127.0.0.1:{at.server.port}") as client:
        with pytest.raises(NoFabric):
            await client.place([job("a")])
        case = synth_case("hgx", 16, 0.0, 0, SEED)
        await client.put_fabric(case.fleet)
        await client.place([job("a", 1)])
        with pytest.raises(AlreadyRunning, match="'a'"):
            await client.place([job("a", 1)])
        with pytest.raises(StaleVersion) as stale:
            await client.edit_fabric(Drain(part="rack:r0"), expected_version="v0")
        assert stale.value.expected == "v0"
        with pytest.raises(InputError) as bad:
            await client.edit_fabric(Drain(part="nowhere"))
        assert bad.value.field.startswith("edits[0]")
        assert bad.value.mend
        await client.release(["a"], request_id="1")
        with pytest.raises(Conflict):
            await client.release(["b"], request_id="1")
        with pytest.raises(InputError, match="max_solve_time"):
            await client.place([job("b")], max_solve_s=1e9)
        with pytest.raises(InputError, match="work"):
            await client.place([job("b")], max_solve_s=1, work=5)


class _Failed(grpc.RpcError):
    def __init__(self, error: Exception) -> None:
        status = status_of(error)
        self.found = status.code, status.message, (("grpc-status-details-bin", status.SerializeToString()),)

    def code(self) -> grpc.StatusCode:
        return next(code for code in grpc.StatusCode if code.value[0] == self.found[0])

    def details(self) -> str:
        return str(self.found[1])

    def trailing_metadata(self) -> Any:
        return self.found[2]


@pytest.mark.parametrize("text", ["y" * 999, "\n" * 300, "\u00e4" * 400])
def test_field_problem_and_mend_are_told_however_long_one_is(text: str) -> None:
    for parts in ((text, "is wrong", "write x"), ("a", f"{text} is wrong", "write x"), ("a", "is wrong", text)):
        told = status_of(InputError(*parts))
        assert len(told.message.encode()) <= 700
        assert re.fullmatch(r".+: .+; .+", told.message)
        assert isinstance(error_of(_Failed(InputError(*parts))), InputError)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_survives_the_wire(error: MoorageError) -> None:
    again = error_of(_Failed(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_errors_of_others_become_the_nearest() -> None:
    fault = error_of(_Failed(TopologyError("levels", "none", "add one")))
    assert isinstance(fault, InputError)
    unknown = error_of(_Failed(RuntimeError("secret")))
    assert isinstance(unknown, ServerError)
    assert unknown.code == "INTERNAL"
    assert "secret" not in str(unknown)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused at once, and nobody else gets the port
        target = f"127.0.0.1:{taken.getsockname()[1]}"
        with Client(target, timeouts=Timeouts(other_s=1.0, fleet_s=1.0)) as client:
            assert not client.serving()
            with pytest.raises((Unreachable, DeadlineExceeded)):
                client.fabric()


async def test_a_call_that_a_closing_server_never_read_is_sent_again() -> None:
    class Closing(placement_pb2_grpc.PlacementServiceServicer):
        calls = 0

        async def GetFabric(self, request: pb.GetFabricRequest, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            self.calls += 1
            await context.abort(grpc.StatusCode.CANCELLED)

    closing_down = Closing()
    server = grpc.aio.server()
    placement_pb2_grpc.add_PlacementServiceServicer_to_server(closing_down, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with AsyncClient(f"127.0.0.1:{port}", timeouts=Timeouts(other_s=2.0, fleet_s=2.0)) as client:
            with pytest.raises((Unreachable, DeadlineExceeded)):
                await client.fabric()
    finally:
        await server.stop(None)
    assert closing_down.calls >= 2


async def test_a_refused_call_is_sent_again_until_it_is_taken(start: Start) -> None:
    first_fit = FirstFit()
    first_fit.gate.clear()
    at = await start(first_fit, ServerConfig(port=0, limits=replaced(waiting=1)))
    async with AsyncClient(f"127.0.0.1:{at.server.port}") as client:
        await client.put_fabric(synth_case("hgx", 16, 0.0, 0, SEED).fleet)
        first = asyncio.ensure_future(client.place([job("a", 1)]))
        await first_fit.begun(1)
        second = asyncio.ensure_future(client.place([job("b", 1)]))
        await asyncio.sleep(0.3)
        assert not second.done(), "the line is full"
        first_fit.gate.set()
        assert (await first).reserved_version
        assert (await second).reserved_version


def replaced(**changes: int) -> Any:
    from placement.service.times import Limits

    return Limits(**changes)


def printed(call: Callable[[], subprocess.CompletedProcess[str]]) -> list[str]:
    found = call()
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


async def test_the_example_runs(start: Start, engine: Decide) -> None:
    at = await start(engine)
    command = [sys.executable, "-m", "examples.orchestrator", f"127.0.0.1:{at.server.port}"]
    lines = await asyncio.to_thread(
        lambda: printed(lambda: subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False))
    )
    words = [line.split()[:2] for line in lines]
    assert ["placed", "chat"] in words
    assert ["not", "placed"] in words
    assert ["difference", "chat"] in words
    assert lines[-1] == "released ['chat', 'train']"


async def test_the_example_requests_are_answered(start: Start, engine: Decide) -> None:
    """The same as with grpcurl: reflection tells the client what the JSON means."""
    at = await start(engine)
    assert health_pb2_grpc.HealthStub(at.channel)

    def curl(name: str, method: str) -> str:
        command = [
            *(str(Path(sys.executable).parent / "buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge"),
            *("--data", f"@examples/requests/{name}.json"),
            f"http://127.0.0.1:{at.server.port}/placement.v1.PlacementService/{method}",
        ]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert found.returncode == 0, found.stderr
        return found.stdout

    calls = [("put_fabric", "PutFabric", "fabricVersion"), ("place", "Place", "reservedVersion")]
    calls += [("list_placements", "ListPlacements", '"train"'), ("edit_fabric", "EditFabric", "affected")]
    calls += [("release", "Release", '"unknown"')]
    for name, method, said in calls:
        assert said in await asyncio.to_thread(curl, name, method)
    assert {name for name, _, _ in calls} == {path.stem for path in (ROOT / "examples/requests").iterdir()}
