"""Differences between the server's list and the orchestrator's."""

from placement.model import Device, Replica, Role, Running, Subgroup, Workload
from placement.store import DifferenceKind, differences


def work(name: str, *, node: str = "n1", device: int = 0, start_s: int = 0, priority: int = 100) -> Running:
    role = Role(name="r", gpus=1)
    replica = Replica(subgroup="s", role="r", node=node, devices=(Device(index=device),))
    workload = Workload(id=name, priority=priority, subgroups=(Subgroup(name="s", roles=(role,)),))
    return Running(workload=workload, replicas=(replica,), start_s=start_s)


def by_id(*running: Running) -> dict[str, Running]:
    return {one.workload.id: one for one in running}


def test_equal_lists_do_not_differ_and_times_do_not_matter() -> None:
    assert differences(by_id(work("a", start_s=5)), by_id(work("a", start_s=9)), 10) == ()


def test_each_kind_is_named() -> None:
    held = by_id(work("same"), work("gone"), work("moved"), work("seat"), work("told"))
    listed = by_id(
        work("same"), work("new"), work("moved", node="n2"), work("seat", device=3), work("told", priority=1)
    )
    found = {one.workload: one for one in differences(held, listed, 1)}
    assert {name: one.kind for name, one in found.items()} == {
        "gone": DifferenceKind.MISSING,
        "moved": DifferenceKind.CHANGED,
        "new": DifferenceKind.UNKNOWN,
        "seat": DifferenceKind.CHANGED,
        "told": DifferenceKind.CHANGED,
    }
    assert "n1" in found["moved"].detail
    assert "n2" in found["moved"].detail


def test_young_reservations_may_be_missing() -> None:
    held = by_id(work("old", start_s=99), work("young", start_s=100))
    assert [one.workload for one in differences(held, {}, 99)] == ["old"]
