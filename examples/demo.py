"""The main job from end to end: start the server, send it a fleet, place a mixed batch, read the answer.

Run it with `make demo`. With MOORAGE_DATA set it also places arrivals of the openb trace.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Literal

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from placement.cases.openb import openb_case
from placement.cases.synth import synth_case
from placement.model import Case, Decision, Kind, Proximity, Role, Subgroup, Workload
from placement.service.placing import Decide
from placement.service.server import Server, ServerConfig, warm_engine
from placement.service.wire import decode, encode
from placement.v1 import placement_pb2 as pb
from placement.v1 import placement_pb2_grpc

SEED = 7
SOLVE_S = 6
WIDE = 8
"""Node names shown per workload."""
LONG = 24
"""Workloads shown per table."""


def main() -> int:
    """Run the demo; exit code 0 if every call was answered."""
    console = Console()
    try:
        console.print("starting a solver process and the server")
        with warm_engine() as decide:
            asyncio.run(_demo(console, decide))
    except grpc.aio.AioRpcError as error:
        console.print(f"[red]{error.code().name}[/]: {error.details()}")
        return 1
    return 0


async def _demo(console: Console, decide: Decide) -> None:
    began_s = time.monotonic()
    server = await Server.start(ServerConfig(port=0), decide)
    options = [("grpc.max_receive_message_length", 256 * 2**20)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
        stub = placement_pb2_grpc.PlacementServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        console.print(f"server on 127.0.0.1:{server.port}")
        await _place(console, stub, "a mixed fleet of 64 nodes", _mixed_batch())
        data = os.environ.get("MOORAGE_DATA", "")
        if data:
            with console.status("reading the openb trace"):
                case = _openb_slice(Path(data))
            await _place(console, stub, "the openb trace at 90 % fill", case)
    await server.drain(5)
    console.print(f"server drained; {time.monotonic() - began_s:.1f} s in all")


def _mixed_batch() -> Case:
    """22 workloads of the seeded generator, one that no such fleet can hold, one that asks for what is not built."""
    case = synth_case("mixed", 64, 0.5, 22, SEED)
    rack = Proximity(level="rack", mode="require")
    worker = Role(name="worker", replicas=16, gpus=8, gpu_models=("H100",))
    giant = Workload(
        id="giant-in-one-rack",
        kind=Kind.TRAINING,
        subgroups=(Subgroup(name="main", roles=(worker,)),),
        proximity=rack,
    )
    slice_ = Role(name="slice", gpu_milli=140, mig_profile="1g.10gb")
    mig = Workload(id="mig-slice", kind=Kind.INFERENCE, subgroups=(Subgroup(name="main", roles=(slice_,)),))
    return case.model_copy(update={"workloads": (*case.workloads, giant, mig)})


def _openb_slice(data: Path) -> Case:
    replay = data / "openb_replay"
    nodes, pods = (replay / f"default_seed42_{part}.csv.gz" for part in ("nodes", "pods"))
    return openb_case(nodes, pods, fill=0.9, pending=100).case


async def _place(console: Console, stub: placement_pb2_grpc.PlacementServiceStub, title: str, case: Case) -> None:
    """PutFabric, Place with a progress bar, then the answer as tables."""
    console.rule(title)
    with console.status("sending the fleet"):
        put = pb.PutFabricRequest()
        encode(case.fleet, put.fleet)
        for running in case.running:
            encode(running, put.running.add())
        version = (await stub.PutFabric(put)).fabric_version
    console.print(
        f"fleet [bold]{case.fleet.name}[/] (version {version[:12]}): {len(case.fleet.nodes):,} nodes, "
        f"{len(case.running):,} workloads running, {len(case.workloads):,} pending"
    )
    if not console.is_terminal:
        console.print(f"placing within {SOLVE_S} s ...")
    request = pb.PlaceRequest(
        use_server_state=True,
        expected_fabric_version=version,
        max_solve_time=Duration(seconds=SOLVE_S),
        seed=SEED,
        now_s=case.now_s,
    )
    for workload in case.workloads:
        encode(workload, request.workloads.add())
    for tenant in case.tenants:
        encode(tenant, request.tenants.add())
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"placing within {SOLVE_S} s", total=SOLVE_S)
        call = asyncio.ensure_future(stub.Place(request, timeout=4 * SOLVE_S))
        while not (await asyncio.wait({call}, timeout=0.1))[0]:
            progress.advance(bar, 0.1)
    _show(console, case, decode((await call).decision, Decision, "decision"))


def _show(console: Console, case: Case, decision: Decision) -> None:
    """Status, tiers, terms, placements and refusals."""
    total_ms = decision.timings.get("total_ms", 0.0)
    gap = "unknown" if decision.gap is None else f"{decision.gap:.2%}"
    tier = "" if decision.gap_tier is None else f" in tier {decision.gap_tier}"
    pending = {workload.id for workload in case.workloads}
    placed = sum(placement.workload in pending for placement in decision.placements)
    console.print(
        f"\n[bold]{decision.status}[/], gap {gap}{tier}, {total_ms:,.0f} ms; "
        f"{placed} of {len(pending)} placed, {len(decision.unplaced)} not"
    )
    if decision.fallback_reason:
        console.print(f"the search stopped before the proof was complete: {decision.fallback_reason}")
    console.print("", _tiers(decision), _terms(decision), sep="\n")
    console.print(_placements(case, decision), sep="\n")
    console.print(_unplaced(decision) if decision.unplaced else "every workload is placed")


def _table(title: str, *columns: str) -> Table:
    """A table that is legible at 80 columns; columns named with a trailing # are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", caption_justify="left", box=SIMPLE_HEAD)
    for column in columns[:-1]:
        justify: Literal["left", "right"] = "right" if column.endswith("#") else "left"
        table.add_column(column.removesuffix("#"), justify=justify, no_wrap=True)
    table.add_column(columns[-1].removesuffix("#"), justify="right" if columns[-1].endswith("#") else "left")
    return table


def _tiers(decision: Decision) -> Table:
    title = "tiers, in order of importance: points, smaller is better"
    table = _table(title, "tier#", "value#", "bound#", "gap#", "bound by", "placing nothing#")
    for tier in decision.tiers:
        gap = "" if tier.gap is None else f"{tier.gap:.2%}"
        bound = "" if tier.bound is None else f"{tier.bound:,}"
        source = tier.bound_source or ""
        table.add_row(str(tier.tier), f"{tier.value:,}", bound, gap, source, f"{tier.do_nothing:,}")
    return table


def _terms(decision: Decision) -> Table:
    table = _table("terms: what the points mean", "tier#", "term", "points#", "natural#", "unit")
    for term in decision.terms:
        natural = f"{term.natural:,.3f}".rstrip("0").rstrip(".")
        table.add_row(str(term.tier), term.name, f"{term.points:,}", natural, term.unit)
    return table


def _placements(case: Case, decision: Decision) -> Table:
    table = _table("placed", "workload", "kind", "replicas#", "GPUs#", "nodes (replicas)")
    pending = {workload.id: workload for workload in case.workloads}
    shown = [placement for placement in decision.placements if placement.workload in pending]
    for placement in shown[:LONG]:
        nodes = Counter(replica.node for replica in placement.replicas)
        names = ", ".join(f"{node} ({count})" if count > 1 else node for node, count in sorted(nodes.items())[:WIDE])
        more = f" and {len(nodes) - WIDE} more" if len(nodes) > WIDE else ""
        milli = sum(device.milli for replica in placement.replicas for device in replica.devices)
        facts = pending[placement.workload].kind.value, str(len(placement.replicas)), f"{milli / 1000:g}"
        table.add_row(placement.workload, *facts, names + more)
    if len(shown) > LONG:
        table.caption = f"and {len(shown) - LONG} more"
    return table


def _unplaced(decision: Decision) -> Table:
    table = _table("not placed", "workload", "verdict", "why")
    for entry in decision.unplaced[:LONG]:
        rule = f"[{entry.rule}] " if entry.rule else ""
        rivals = f"; in its place: {', '.join(entry.rivals[:4])}" if entry.rivals else ""
        table.add_row(entry.workload, entry.verdict, escape(f"{rule}{entry.reason}{rivals}"))
    if len(decision.unplaced) > LONG:
        table.caption = f"and {len(decision.unplaced) - LONG} more"
    return table


if __name__ == "__main__":
    sys.exit(main())
