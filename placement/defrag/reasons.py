"""Why a domain still holds work: what is in it, and what keeps that there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from placement.compile import Lowered, min_runtime_s
from placement.model import Case, Running
from solver.plan import Plan

__all__ = ["obstacles"]


def obstacles(
    lowered: Lowered,
    level: str,
    domains: Sequence[str],
    state: Plan,
    stuck: Sequence[int],
    *,
    kept: AbstractSet[str],
    proven: bool,
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(domain, reason, workloads in it) for each of the domains, which all hold work in `state`.

    `stuck` are items whose move has no safe order; `kept` is work that was held for that reason; `proven`: no permitted
    set of moves frees more domains.
    """
    partition = lowered.fabric.partition(level)
    number = {name: index for index, name in enumerate(partition.domain_names)}
    label = partition.domain_of
    index = lowered.fabric.index
    for domain in domains:
        held = [
            one
            for one in lowered.case.running
            if any(label[index[replica.node]] == number[domain] for replica in one.replicas)
        ]
        if held:
            told = "; ".join(f"{one.workload.id} {_why_held(lowered.case, one, kept)}" for one in held[:4])
            more = f"; and {len(held) - 4} more" if len(held) > 4 else ""
            what = "stays" if any(one.workload.id in kept for one in held) else "cannot move"
            yield domain, f"held by work that {what}: {told}{more}", tuple(one.workload.id for one in held)
            continue
        items = [
            item
            for item, parts in state.seats.items()
            if any(label[seat.bin] == number[domain] for seats in parts for seat in seats)
        ]
        names = tuple(sorted(lowered.refs[item].members[0].id for item in items))
        blocked = sorted(lowered.refs[item].members[0].id for item in set(items) & set(stuck))
        if blocked:
            reason = f"no safe order of steps: {', '.join(blocked[:4])} waits for room that nothing gives up first"
        elif proven:
            reason = "proven: no permitted set of moves frees more domains (room elsewhere, rules, limits on moves)"
        else:
            reason = "no plan that frees it was found; nothing is proven, more time may free it"
        yield domain, reason, names


def _why_held(case: Case, one: Running, kept: AbstractSet[str]) -> str:
    if one.workload.id in kept:
        return "was held, as its moves had no safe order"
    if not (one.movable or one.evictable):
        return "is not movable"
    if max(0, case.now_s - one.start_s) < min_runtime_s(case):
        return "has only begun (preemption.min_runtime_s)"
    if one.workload.group is not None:
        return "belongs to a placement group"
    if one.workload.affinity:
        return "is tied by an affinity"
    return "is tied to other work, or breaks a requirement where it is"
