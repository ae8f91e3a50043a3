"""Domains are paths of labels; a missing label makes a node a domain of its own."""

import pickle
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.levels import Partition, build_partitions

LEVELS = ("block", "rack", "nvlink")


def partitions(*nodes: tuple[str, Mapping[str, str]], feeds: tuple[str | None, ...] = ()) -> dict[str, Partition]:
    ids = [node_id for node_id, _ in nodes]
    built = build_partitions(LEVELS, ids, [path for _, path in nodes], feeds or (None,) * len(nodes))
    return {partition.name: partition for partition in built}


def domains(partition: Partition) -> list[str]:
    return [partition.domain_names[row] for row in partition.domain_of]


def test_the_same_rack_label_under_two_blocks_is_two_domains() -> None:
    racks = partitions(
        ("n1", {"block": "b1", "rack": "r1"}),
        ("n2", {"block": "b2", "rack": "r1"}),
        ("n3", {"block": "b1", "rack": "r1"}),
    )["rack"]
    assert racks.domain_names == ("b1/r1", "b2/r1")
    assert racks.domain_of.tolist() == [0, 1, 0]


def test_a_missing_label_is_a_singleton_there_and_below() -> None:
    built = partitions(
        ("n1", {"block": "b1", "nvlink": "x"}),
        ("n2", {"block": "b1", "nvlink": "x"}),
        ("n3", {}),
    )
    assert domains(built["block"]) == ["b1", "b1", "~n3"]
    assert domains(built["rack"]) == ["b1/~n1", "b1/~n2", "~n3"]
    assert domains(built["nvlink"]) == ["b1/~n1", "b1/~n2", "~n3"]


def test_node_is_the_last_nested_partition_and_feed_comes_after_it() -> None:
    built = partitions(("n1", {}), ("n2", {}), ("n3", {}), feeds=("a", None, "a"))
    assert list(built) == [*LEVELS, "node", "feed"]
    assert [partition.nested for partition in built.values()] == [True] * 4 + [False]
    assert built["node"].domain_names == ("n1", "n2", "n3")
    assert domains(built["feed"]) == ["a", "~n2", "a"]


def test_without_a_feed_there_is_no_feed_partition() -> None:
    assert list(partitions(("n1", {}))) == [*LEVELS, "node"]


@pytest.mark.parametrize("copy", [False, True], ids=["built", "unpickled"])
def test_the_array_is_read_only_and_private(copy: bool) -> None:
    source = np.array([0, 0])
    partition = Partition("rack", source, ("r",), nested=True)
    if copy:
        partition = pickle.loads(pickle.dumps(partition))  # noqa: S301 - our own bytes
    source[0] = 7
    assert partition.domain_of.tolist() == [0, 0]
    assert not partition.domain_of.flags.writeable


PATHS = st.dictionaries(st.sampled_from(LEVELS), st.sampled_from(("x", "y")))


@given(st.lists(PATHS, min_size=1, max_size=12))
def test_each_nested_partition_refines_the_one_before(paths: list[dict[str, str]]) -> None:
    built = [p for p in partitions(*((f"n{i:02d}", path) for i, path in enumerate(paths))).values() if p.nested]
    for coarse, fine in pairwise(built):
        parents = {(int(f), int(c)) for f, c in zip(fine.domain_of, coarse.domain_of, strict=True)}
        assert len(parents) == len(fine.domain_names)
