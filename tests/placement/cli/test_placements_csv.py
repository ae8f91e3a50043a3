"""Placements from CSV: roles in order, devices in both forms, faults with their line."""

import pytest

from placement.cli.placements_csv import is_csv, parse_placements
from placement.errors import InputError
from placement.model import Case, Device, PlacedReplica, Placement, Role, Subgroup, Workload
from topology.model import Fleet, Node

HEADER = "workload,replica,node,devices\n"


@pytest.fixture(scope="module")
def case() -> Case:
    """One workload with three roles in two subgroups, and a small one."""
    first = Subgroup(name="s1", roles=(Role(name="a", replicas=2, gpus=2), Role(name="b", gpu_milli=250)))
    second = Subgroup(name="s2", roles=(Role(name="a", replicas=2),))
    workloads = (Workload(id="w", subgroups=(first, second)), Workload(id="v", subgroups=(second,)))
    node = Node(id="n", path={}, gpu_model="T4", gpu_count=8, cpu_milli=1000, memory_mib=1000)
    return Case(fleet=Fleet(name="f", levels=(), nodes=(node,)), workloads=workloads)


def replica(subgroup: str, role: str, *devices: tuple[int, int]) -> PlacedReplica:
    held = tuple(Device(index=index, milli=milli) for index, milli in devices)
    return PlacedReplica(subgroup=subgroup, role=role, node="n", devices=held)


def test_replicas_count_through_the_roles_in_their_order(case: Case) -> None:
    text = f"{HEADER}w,4,n,\nw,2,n,3:250\nw,0,n,0;1\n\nv,1, n ,\nw,1,n,2; 4\nw,3,n,\n"
    assert parse_placements(case, text.encode()) == (
        Placement(
            workload="w",
            replicas=(
                replica("s1", "a", (0, 1000), (1, 1000)),
                replica("s1", "a", (2, 1000), (4, 1000)),
                replica("s1", "b", (3, 250)),
                replica("s2", "a"),
                replica("s2", "a"),
            ),
        ),
        Placement(workload="v", replicas=(replica("s2", "a"),)),
    )


def test_devices_may_be_left_out(case: Case) -> None:
    (placement,) = parse_placements(case, b"\xef\xbb\xbfworkload,replica,node\r\nv,0,n\r\n")
    assert placement == Placement(workload="v", replicas=(replica("s2", "a"),))


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "line 1"),
        ("job,replica,node\n", "line 1"),
        (f"{HEADER}w,0,n\n", "line 2"),
        (f"{HEADER}x,0,n,\n", "line 2, workload"),
        (f"{HEADER}w,0,n,0;1\nw,0,n,0;1\n", "line 3, replica"),
        (f"{HEADER}w,5,n,\n", "line 2, replica"),
        (f"{HEADER}w,-1,n,\n", "line 2, replica"),
        (f"{HEADER}w,{'9' * 5000},n,\n", "line 2, replica"),
        (f"{HEADER}w,²,n,\n", "line 2, replica"),
        (f"{HEADER}w,0,,0;1\n", "line 2"),
        (f"{HEADER}w,0,n,zero\n", "line 2, devices"),
        (f"{HEADER}w,0,n,0:0\n", "line 2"),
        (f"{HEADER}w,0,n,64\n", "line 2"),
        (f'{HEADER}w,0,"n,0\n', "line 2"),
    ],
)
def test_a_fault_is_told_with_its_line(case: Case, text: str, named: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_placements(case, text.encode())
    assert named in caught.value.field
    assert caught.value.mend


@pytest.mark.badinput
def test_what_is_no_text_is_told(case: Case) -> None:
    with pytest.raises(InputError, match="UTF-8"):
        parse_placements(case, b"workload,replica,node\n\xff,0,n\n")


def test_csv_is_known_by_its_name_or_its_header() -> None:
    assert is_csv("a.CSV", b"{}")
    assert is_csv("a.csv.gz", b"{}")
    assert not is_csv("a.json", b"workload,replica,node")
    assert is_csv("-", b"workload,replica,node\n")
    assert not is_csv("-", b' {"schema_version": 1}')
