"""What every store keeps; a new one is added to STORES and must pass all of it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from placement.errors import NotFound, StaleVersion
from placement.model import Device, Replica, Role, Running, Subgroup, Workload
from placement.model.canonical import canonical
from placement.store import AlreadyRunning, MemoryStore, NoFabric, Store
from topology.fabric import Fabric
from topology.synth import synth_fleet

STORES: tuple[Callable[[], Store], ...] = (MemoryStore,)


@pytest.fixture(params=STORES, ids=lambda kind: kind.__name__)
def store(request: pytest.FixtureRequest) -> Store:
    made: Store = request.param()
    return made


def fabric(seed: int = 1) -> Fabric:
    return Fabric.from_fleet(synth_fleet("hgx", 16, seed))


def work(name: str, device: int = 0) -> Running:
    role = Role(name="r", gpus=1)
    node = fabric().nodes[0].id
    replica = Replica(subgroup="s", role="r", node=node, devices=(Device(index=device),))
    return Running(workload=Workload(id=name, subgroups=(Subgroup(name="s", roles=(role,)),)), replicas=(replica,))


def test_an_empty_store_says_what_it_lacks(store: Store) -> None:
    with pytest.raises(NoFabric, match="PutFabric"):
        store.read()
    with pytest.raises(NoFabric):
        store.commit("1", add=[work("a")])
    with pytest.raises(NoFabric):
        store.put(fabric(), (), expected_fabric="x")


def test_what_is_put_is_read(store: Store) -> None:
    state = store.put(fabric(), [work("b"), work("a", 1)])
    assert store.read() is state or store.read().version == state.version
    assert store.read().fabric.version == fabric().version
    assert [one.workload.id for one in store.read().in_order] == ["a", "b"]
    with pytest.raises(TypeError):
        store.read().running["c"] = work("c")  # type: ignore[index]


def test_versions_never_repeat_even_when_the_content_does(store: Store) -> None:
    seen = [store.put(fabric(), ()).version for _ in range(2)]
    seen.append(store.commit(seen[-1], add=[work("a")]).version)
    seen.append(store.commit(seen[-1], remove=["a"]).version)
    seen.append(store.commit(seen[-1], fabric=fabric(2)).version)
    assert len(set(seen)) == len(seen)
    assert store.read().version == seen[-1]


def test_a_stale_commit_changes_nothing(store: Store) -> None:
    old = store.put(fabric(), ())
    new = store.commit(old.version, add=[work("a")])
    changes: tuple[dict[str, Any], ...] = ({"add": [work("b")]}, {"remove": ["a"]}, {"fabric": fabric(2)})
    for change in changes:
        with pytest.raises(StaleVersion) as caught:
            store.commit(old.version, **change)
        assert (caught.value.expected, caught.value.actual) == (old.version, new.version)
    assert store.read().version == new.version
    assert set(store.read().running) == {"a"}
    assert set(old.running) == set(), "a state in hand never changes"


def test_a_commit_is_whole_or_nothing(store: Store) -> None:
    held = store.put(fabric(), [work("a")])
    with pytest.raises(AlreadyRunning, match="'a'"):
        store.commit(held.version, fabric=fabric(2), add=[work("b", 1), work("a", 2)])
    with pytest.raises(NotFound, match="'gone'"):
        store.commit(held.version, remove=["a", "gone"])
    with pytest.raises(AlreadyRunning, match="'c'"):
        store.put(fabric(2), [work("c"), work("c", 1)])
    assert store.read().version == held.version
    assert set(store.read().running) == {"a"}
    assert store.read().fabric.version == fabric().version


def test_work_is_kept_in_canonical_order(store: Store) -> None:
    role = Role(name="r", gpus=2)
    devices = (Device(index=1), Device(index=0))
    replica = Replica(subgroup="s", role="r", node=fabric().nodes[0].id, devices=devices)
    one = Running(workload=Workload(id="a", subgroups=(Subgroup(name="s", roles=(role,)),)), replicas=(replica,))
    held = store.put(fabric(), [one])
    assert held.running["a"] == canonical(one) != one
    again = store.commit(held.version, remove=["a"], add=[one])
    assert again.running["a"] == canonical(one)


def test_work_may_be_replaced_in_one_commit(store: Store) -> None:
    held = store.put(fabric(), [work("a")])
    moved = store.commit(held.version, remove=["a"], add=[work("a", 5)])
    assert moved.running["a"].replicas[0].devices[0].index == 5


def test_put_may_insist_on_a_fabric_whatever_runs_on_it(store: Store) -> None:
    held = store.put(fabric(), ())
    store.commit(held.version, add=[work("a")])
    store.put(fabric(2), (), expected_fabric=held.fabric.version)
    with pytest.raises(StaleVersion):
        store.put(fabric(3), (), expected_fabric=held.fabric.version)
    assert store.read().fabric.version == fabric(2).version


def test_of_many_threads_one_wins_each_version(store: Store) -> None:
    store.put(fabric(), ())
    lost: list[str] = []

    def add(worker: int) -> None:
        for row in range(20):
            while True:
                held = store.read()
                try:
                    store.commit(held.version, add=[work(f"{worker}-{row}")])
                    break
                except StaleVersion as error:
                    lost.append(error.expected)

    threads = [threading.Thread(target=add, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read().running) == 80, "no commit was lost"
