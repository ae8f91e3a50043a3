"""`moorage server`: what an engineer asks of a running server, and changes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from placement.cli.connection import connected
from placement.cli.deciding import seconds
from placement.cli.edits import PARTS, Adds, Derates, Drains, Edits, Fails, Relabels, Restores, by_option, change_of
from placement.cli.streams import OutputForm, check_writable, one_line, print_text, write_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from placement.model import Running

__all__ = [
    "EDIT_EXAMPLES",
    "EXAMPLES",
    "GET_EXAMPLES",
    "LIST_EXAMPLES",
    "PLACE_EXAMPLES",
    "PUT_EXAMPLES",
    "RELEASE_EXAMPLES",
    "edit",
    "get",
    "list_",
    "place",
    "put",
    "release",
]

PUT_EXAMPLES = """\b
Examples:
  moorage server put fleet.yaml
  moorage server put case.json --server 10.0.0.7:50051       # the fleet, and what runs on it
"""
GET_EXAMPLES = """\b
Examples:
  moorage server get
  moorage server get --out now.json                          # a case: for topology show, whatif, defrag
  moorage server get -o json | moorage topology show -
"""
EDIT_EXAMPLES = f"""\b
Examples:
  moorage server edit --drain rack:site-a/b00/l0/r3 --validate-only
  moorage server edit --fail h100-00017 --add hgx:4
  moorage server edit --edits change.json
{PARTS}.
"""
PLACE_EXAMPLES = """\b
Examples:
  moorage server place batch.json --time-limit 2s
  moorage server place batch.json --validate-only            # what would be, reserving nothing
"""
LIST_EXAMPLES = """\b
Examples:
  moorage server list
  moorage server list --tenant research -o json
"""
RELEASE_EXAMPLES = """\b
Examples:
  moorage server release train-17 train-18
"""
EXAMPLES = """\b
Examples:
  moorage server put fleet.yaml
  moorage server place batch.json --time-limit 2s
  moorage server list --tenant research
  moorage server edit --drain h100-00017
  moorage server release train-17
"""

Address: TypeAlias = Annotated[
    str, typer.Option("--server", metavar="HOST:PORT", envvar="MOORAGE_SERVER", help="The server.")
]
Wait: TypeAlias = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", help="Longest wait: 10s. Else 5s beyond the solve, 1m, a fleet 5m."),
]
Form: TypeAlias = Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")]
_LOCAL = "127.0.0.1:50051"
_NAMED = 20
"""Nodes and workloads named in a line for people; JSON has all of them."""


def put(
    path: Annotated[
        str, typer.Argument(metavar="FILE", help="Case file, or fleet file (.json, .yaml, openb .csv); - = stdin.")
    ],
    *,
    server: Address = _LOCAL,
    timeout: Wait = None,
    output: Form = OutputForm.TABLE,
) -> None:
    """Replace the fleet of a server and the work that runs on it.

    From a case file come its fleet and its running work; what waits in it is left out.
    """
    from placement.cli.topology import fleet_of  # noqa: PLC0415 - with what needs it

    fleet, running = fleet_of(path)
    with connected(server, timeout) as client:
        answer = client.put_fabric(fleet, running=running)
    if output is OutputForm.JSON:
        print_text(answer.model_dump_json() + "\n")
        return
    print(f"fleet {one_line(fleet.name)} of {len(fleet.nodes):,} nodes, {len(running):,} workloads running")
    print(f"fabric version {answer.fabric_version[:12]}")


def get(
    *,
    out: Annotated[str | None, typer.Option("--out", help="File for the state as a case, .json or .json.gz.")] = None,
    server: Address = _LOCAL,
    timeout: Wait = None,
    output: Form = OutputForm.TABLE,
) -> None:
    """Fetch what a server holds, as a case file.

    It has the fleet, what runs, and the moment; nothing waits in it. Other verbs read that file: topology show,
    whatif, defrag, and server put after a restart.
    """
    import time  # noqa: PLC0415 - with the one below

    from placement.model import Case  # noqa: PLC0415 - brings pydantic

    if out is not None:
        check_writable(out)
    with connected(server, timeout) as client:
        found = client.fabric()
    case = Case(fleet=found.fleet, running=found.running, now_s=int(time.time()))
    if out is not None:
        write_output(out, case.to_json() + "\n")
    if output is OutputForm.JSON:
        print_text(case.to_json() + "\n")
        return
    print(
        f"fleet {one_line(case.fleet.name)} of {len(case.fleet.nodes):,} nodes, {len(case.running):,} workloads running"
    )
    print(f"fabric version {found.fabric_version[:12]}")


def edit(
    *,
    drain: Drains = None,
    fail: Fails = None,
    restore: Restores = None,
    add: Adds = None,
    derate: Derates = None,
    relabel: Relabels = None,
    edits: Annotated[
        str | None, typer.Option("--edits", metavar="FILE", help='Edits as JSON: {"edits": [...]}.')
    ] = None,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Tell, and change nothing.")] = False,
    server: Address = _LOCAL,
    timeout: Wait = None,
    output: Form = OutputForm.TABLE,
) -> None:
    """Change the fleet of a server: all edits or none.

    What runs on a changed node stays, and is listed: release it, or place it anew, as you see fit. All options but
    --edits may be repeated.
    """
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    options = Edits(drain=drain, fail=fail, restore=restore, add=add, derate=derate, relabel=relabel)
    change, origins = change_of(edits, options)
    if change.set:
        raise InputError("--edits", "it holds settings, and a server has none", 'leave out "set"')
    if not change.edits:
        raise InputError("server edit", "nothing is changed", "give at least one of --drain, --fail, --add, --edits")
    with connected(server, timeout) as client:
        try:
            answer = client.edit_fabric(*change.edits, validate_only=validate_only)
        except InputError as error:
            raise by_option(error, origins) from None
    if output is OutputForm.JSON:
        print_text(answer.model_dump_json() + "\n")
        return
    print(f"nodes that {'would change' if validate_only else 'changed'}: {_names(answer.nodes)}")
    print(f"running there: {_names(answer.affected)}")
    print(f"fabric version {answer.fabric_version[:12]}")


def place(
    path: Annotated[str, typer.Argument(metavar="FILE", help="What waits, or a case, .json or .json.gz; - = stdin.")],
    *,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", help="Time to decide, from the arrival: 500ms, 2s, 1m.")
    ] = None,
    work: Annotated[
        int | None, typer.Option("--work", min=1, max=10**9, help="Deterministic work instead of time, in thousandths.")
    ] = None,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Decide, and reserve nothing.")] = False,
    out: Annotated[str | None, typer.Option("--out", help="File for the decision, .json or .json.gz.")] = None,
    server: Address = _LOCAL,
    timeout: Wait = None,
    output: Form = OutputForm.TABLE,
) -> int:
    """Have a server decide a batch, and reserve what it places.

    It is decided beside what runs there. The file holds workloads and, if you like, tenants, groups, policy and seed,
    as in a case; of a case just these are taken, since fleet and running work are the server's. Exit codes as for
    solve: 0 all placed, 3 none, 4 some.
    """
    from placement.cli.batch import read_batch  # noqa: PLC0415 - brings pydantic
    from placement.cli.solve import exit_code  # noqa: PLC0415
    from placement.errors import InputError  # noqa: PLC0415

    limit_s = seconds(time_limit)
    if limit_s is not None and work is not None:
        raise InputError("--work", "--work and --time-limit are both given", "give one of the two")
    if out is not None:
        check_writable(out)
    batch = read_batch(path)
    with connected(server, timeout) as client:
        answer = client.place(
            batch.workloads, max_solve_s=limit_s, work=work, validate_only=validate_only, **batch.options
        )
    if out is not None:
        write_output(out, answer.decision.to_json() + "\n")
    if output is OutputForm.JSON:
        print_text(answer.model_dump_json() + "\n")
    else:
        from placement.cli.table import print_decision  # noqa: PLC0415 - brings rich

        print_decision(answer.decision, batch.workloads, ())
        print(f"\nreserved: {'nothing' if answer.reserved_version is None else 'all that is placed'}")
    return exit_code(batch.workloads, answer.decision)


def list_(
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="Only work of this tenant.")] = "",
    server: Address = _LOCAL,
    timeout: Wait = None,
    output: Form = OutputForm.TABLE,
) -> None:
    """List what runs on a server, with nodes and devices."""
    with connected(server, timeout) as client:
        running = tuple(client.placements(tenant=tenant))
    if output is OutputForm.JSON:
        print_text(f"[{','.join(one.model_dump_json() for one in running)}]\n")
    else:
        _print_running(running)


def release(
    workloads: Annotated[list[str], typer.Argument(metavar="ID...", help="Workloads that ended.")],
    *,
    server: Address = _LOCAL,
    timeout: Wait = None,
    output: Form = OutputForm.TABLE,
) -> None:
    """End running work and free what it holds.

    Ids that do not run are told, and are no error.
    """
    with connected(server, timeout) as client:
        answer = client.release(workloads)
    if output is OutputForm.JSON:
        print_text(answer.model_dump_json() + "\n")
        return
    print(f"released: {_names(answer.released)}")
    if answer.unknown:
        print(f"did not run: {_names(answer.unknown)}")


def _names(names: Sequence[str]) -> str:
    """`3: a, b, c`, the first twenty."""
    if not names:
        return "none"
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{len(names):,}: {one_line(', '.join(names[:_NAMED]))}{more}"


def _print_running(running: Sequence[Running]) -> None:
    from placement.cli.printing import grid, printed  # noqa: PLC0415 - brings rich
    from placement.cli.table import seats  # noqa: PLC0415

    if not running:
        print("nothing runs")
        return
    rows = (
        (
            one.workload.id,
            one.workload.kind.value,
            one.workload.tenant,
            str(len(one.replicas)),
            f"{sum(device.milli for replica in one.replicas for device in replica.devices) / 1000:g}",
            seats(one),
        )
        for one in running
    )
    with printed() as console:
        console.print(grid("runs", "workload", "kind", "tenant", "replicas#", "GPUs#", "nodes [devices]~", rows=rows))
