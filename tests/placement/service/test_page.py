"""placement/service/README.md keeps its word: its commands run, its tables say what the code says."""

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import pytest

from placement.errors import MoorageError
from placement.model.document import MAX_BYTES
from placement.service.metrics import Metrics
from placement.service.status import status_of
from placement.service.times import Limits
from placement.v1 import placement_pb2 as pb
from tests.placement.client.test_client import ERRORS
from tests.test_readme import FENCE, Command, assert_shown, commands, environment, run

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "placement/service/README.md").read_text()
GRPC, METRICS = "50051", "9464"
STATUS = re.compile("^(OPTIMAL|FEASIBLE|FALLBACK)")


def rows(heading: str) -> list[list[str]]:
    section = re.split(rf"^## {heading}$", PAGE, flags=re.MULTILINE)[1]
    section = re.split(r"^## ", section, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def free_port() -> str:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@pytest.fixture
def ports() -> dict[str, str]:
    return {GRPC: free_port(), METRICS: free_port()}


def own(text: str, ports: dict[str, str]) -> str:
    for shown, port in ports.items():
        text = text.replace(shown, port)
    return text


def shown_commands() -> Iterator[Command]:
    for language, _, body in FENCE.findall(PAGE):
        if language == "console":
            yield from commands(body)


@pytest.mark.slow
def test_the_commands_do_what_the_page_shows(tmp_path: Path, ports: dict[str, str]) -> None:
    code = next(body for language, _, body in FENCE.findall(PAGE) if language == "python")
    name, _, body = code.partition("\n")
    (tmp_path / name.removeprefix("# file: ")).write_text(body)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = 0
    with ExitStack() as stack:
        for command in shown_commands():
            line, shown = own(command.line, ports), tuple(own(text, ports) for text in command.shown)
            if line.startswith("moorage serve "):
                server = stack.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-m", "placement.cli.main", *shlex.split(line)[1:]],
                        cwd=ROOT,
                        env=environment(),
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        text=True,
                    )
                )
                stack.callback(server.terminate)
                assert server.stdout is not None
                assert [server.stdout.readline().strip() for _ in shown] == list(shown)
                continue
            # The program of this checkout, and the server of this test where the page relies on the default.
            program = f"{shlex.quote(sys.executable)} -m placement.cli.main"
            line = line.replace("moorage ", f"{program} ", 1) if line.startswith("moorage ") else line
            address = f"127.0.0.1:{ports[GRPC]}"
            answer = run(line, tmp_path, PYTHONPATH=str(ROOT), MOORAGE_SERVER=address)
            assert answer.returncode == command.code, (line, answer.stdout, answer.stderr)
            if line.startswith("python "):
                assert [STATUS.sub("STATUS", text) for text in answer.stdout.splitlines()] == [
                    STATUS.sub("STATUS", text) for text in shown
                ]
            else:
                assert_shown(shown, answer.stdout + answer.stderr)
            done += 1
    assert done == 15


def test_every_call_has_its_row() -> None:
    service = pb.DESCRIPTOR.services_by_name["PlacementService"]
    assert {row[0] for row in rows("Calls")} == {m.name for m in service.methods}


def test_every_metric_has_its_row() -> None:
    kinds = {
        f"{one.name}_total" if one.type == "counter" else one.name: one.type for one in Metrics().registry.collect()
    }
    assert {row[0]: row[1] for row in rows("Metrics")} == kinds


def test_every_error_has_its_row() -> None:
    told = {row[0]: row for row in rows("Errors")}
    seen = set()
    for error in (*ERRORS, RuntimeError("x")):
        status = status_of(error)
        kinds = [part.TypeName().removeprefix("google.rpc.") for part in status.details]
        reason = next(re.findall(r"[A-Z_]{5,}", part.value.decode("latin1"))[0] for part in status.details)
        row = told[reason]
        seen.add(reason)
        assert grpc.StatusCode[row[1]].value[0] == status.code
        assert set(re.findall(r"`?(\w+(?:Request|Failure|Info))`?", row[2])) == set(kinds) - {"ErrorInfo"}
    assert seen == set(told)
    assert MoorageError in {base for error in ERRORS for base in type(error).__mro__}


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    limits = Limits()
    for figure in (
        f"{limits.reserve_ms} ms",
        f"{limits.least_ms} ms and {limits.least_per_workload_ms} ms per workload",
        f"The last {limits.kept_answers} ids",
        f"{limits.waiting} calls may wait",
        f"{MAX_BYTES // 2**20} MiB",
        f"{limits.late_ms / 1000} s after",
        f"begins {limits.gather_ms} ms later",
        f"up to {limits.most_least_ms / 1000} s",
        f"at most {limits.most_reserve_ms // 1000} s",
    ):
        assert figure in PAGE, figure


def test_every_module_has_its_row() -> None:
    named = {name.strip("` ") for row in rows("Inside") for name in row[0].split(",")}
    assert named == {path.stem for path in (ROOT / "placement/service").glob("*.py")} - {"__init__"}
