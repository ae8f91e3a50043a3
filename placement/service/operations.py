"""What the calls beside Place do to the store. Everything here runs in a thread, and all of it is atomic."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from placement.compile import lower
from placement.errors import InputError, StaleVersion
from placement.journal import Journal
from placement.limits import InputLimits
from placement.model.case import Budget, Case
from placement.model.decision import Hold
from placement.model.document import input_error
from placement.model.state import Running
from placement.service.bodies import (
    CaseAnswer,
    CaseBody,
    CheckAnswer,
    CheckBody,
    EditAnswer,
    EditBody,
    FabricAnswer,
    PutAnswer,
    PutBody,
    ReconcileAnswer,
    ReconcileBody,
    ReleaseAnswer,
    ReleaseBody,
)
from placement.service.placing import snapshot_of
from placement.snapshot import Snapshot
from placement.store import State, Store, differences
from placement.verify import verify_placements
from topology.edits import apply
from topology.fabric import Fabric
from topology.model import Fleet

__all__ = ["case", "check", "edit", "fabric", "put", "reconcile", "release", "rest", "settle"]

T = TypeVar("T")


def put(store: Store, inputs: InputLimits, body: PutBody) -> PutAnswer:
    """Replace fabric and running work. InputError, StaleVersion."""
    inputs.check_fleet(body.fleet)
    inputs.check_work((), body.running)
    case = _fitting(body.fleet, body.running)
    state = store.put(Fabric.from_fleet(case.fleet), case.running, body.expected_version or None)
    return PutAnswer(fabric_version=state.fabric.version, state_version=state.version)


def fabric(store: Store) -> FabricAnswer:
    """Everything that is held. NoFabric."""
    state = store.read()
    return FabricAnswer(
        fleet=state.fabric.fleet,
        running=state.in_order,
        fabric_version=state.fabric.version,
        state_version=state.version,
    )


def release(store: Store, _: InputLimits, body: ReleaseBody) -> ReleaseAnswer:
    """End running work; what does not run is told. NoFabric."""

    def once(state: State) -> ReleaseAnswer:
        asked = dict.fromkeys(body.workloads)
        known = tuple(name for name in asked if name in state.running)
        after = store.commit(state.version, remove=known) if known else state
        unknown = tuple(name for name in asked if name not in state.running)
        return ReleaseAnswer(released=known, unknown=unknown, state_version=after.version)

    return _until_it_holds(store, once)


def edit(store: Store, inputs: InputLimits, body: EditBody) -> EditAnswer:
    """Change the fabric, unless it is asked only what would change. NoFabric, StaleVersion, TopologyError."""

    def once(state: State) -> EditAnswer:
        if body.expected_version and body.expected_version != state.fabric.version:
            raise StaleVersion(body.expected_version, state.fabric.version)
        fleet = apply(state.fabric.fleet, body.edits)
        inputs.check_fleet(fleet, "edits")
        edited = Fabric.from_fleet(fleet)
        after = state if body.validate_only else store.commit(state.version, fabric=edited)
        before = {node.id: node for node in state.fabric.nodes}
        changed = {node.id for node in edited.nodes if before.get(node.id) != node}
        affected = [one.workload.id for one in state.in_order if any(r.node in changed for r in one.replicas)]
        return EditAnswer(
            fabric_version=edited.version,
            state_version=after.version,
            nodes=tuple(sorted(changed)),
            affected=tuple(affected),
        )

    return _until_it_holds(store, once)


def check(store: Store, inputs: InputLimits, body: CheckBody) -> CheckAnswer:
    """What placements violate. NoFabric, InputError, AlreadyRunning."""
    inputs.check_work(body.workloads, body.running)
    state = store.read()
    snapshot = snapshot_of(body, state, Budget(wall_ms=1))
    return CheckAnswer(
        violations=verify_placements(snapshot, body.placements),
        fabric_version=state.fabric.version,
        state_version=state.version,
    )


def reconcile(store: Store, inputs: InputLimits, body: ReconcileBody) -> ReconcileAnswer:
    """Compare the running work with the orchestrator's list, and adopt it. NoFabric, StaleVersion, InputError."""
    inputs.check_work((), body.running)
    since_s = int(time.time()) - body.grace_s
    listed = {one.workload.id: one for one in body.running}

    def once(state: State) -> ReconcileAnswer:
        if body.expected_state_version and body.expected_state_version != state.version:
            raise StaleVersion(body.expected_state_version, state.version)
        snapshot = Snapshot.of(_fitting(state.fabric.fleet, body.running), state.fabric)
        found = differences(state.running, listed, since_s)
        after = state
        if body.adopt and found:
            names = {one.workload for one in found}
            add = [listed[name] for name in sorted(names & listed.keys())]
            after = store.commit(state.version, add=add, remove=sorted(names & state.running.keys()))
        return ReconcileAnswer(
            differences=found,
            adopted=body.adopt,
            state_version=after.version,
            holds=_holds(snapshot),
        )

    return _until_it_holds(store, once)


def case(journal: Journal, body: CaseBody) -> CaseAnswer:
    """A case that was decided lately. NotFound, InputError."""
    try:
        entry = journal.find(body.case_id)
    except InputError as error:
        raise InputError("case_id", error.problem, error.mend) from None
    return CaseAnswer(case_json=entry.case.to_json(), decision=entry.decision, kept_s=entry.kept_s, warm=entry.warm)


def settle() -> None:
    """Collect garbage, then hide what lives from the collector until the next fabric.

    A large fleet is hundreds of thousands of objects that live until they are replaced; every full collection would
    walk them all, in the midst of solves and with every thread stopped. Unfreezing first lets go of the last fleet.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def rest() -> None:
    """Collect what calls left behind, and hide what the journal keeps of them: `settle` looks through that again."""
    gc.collect(1)
    gc.freeze()


def _until_it_holds(store: Store, once: Callable[[State], T]) -> T:
    """Do it on the present state, again where another call was faster. Each round, one of them makes its change."""
    while True:
        state = store.read()
        try:
            return once(state)
        except StaleVersion:
            if store.read().version == state.version:
                raise


def _fitting(fleet: Fleet, running: tuple[Running, ...]) -> Case:
    """The case of a fleet and running work. InputError if the work does not fit it."""
    try:
        return Case(fleet=fleet, running=running)
    except ValidationError as error:
        raise input_error(error, "request") from None


def _holds(snapshot: Snapshot) -> tuple[Hold, ...]:
    return lower(snapshot.case, snapshot.fabric, usage=snapshot.usage).holds
