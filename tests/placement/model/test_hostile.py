"""Hostile documents end in one InputError, or they were valid after all; nothing else ever escapes."""

import copy
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from placement.admission import screen
from placement.cases.synth import synth_case
from placement.errors import InputError
from placement.model import Case, Decision, read_case
from topology.fabric import Fabric

pytestmark = pytest.mark.badinput

BAD: tuple[Any, ...] = (
    None,
    -1,
    1e308,
    "\u0000x",
    [],
    {},
    "NaN",
    10**30,
    True,
    "",
    0,
    2**53 + 1,
    "x" * 300,
    [None],
    {"": ""},
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    case = synth_case("mixed", 24, 0.5, 12, 11)
    full = json.loads(case.model_dump_json())
    assert isinstance(full, dict)
    return full


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to every leaf, and to every third container too."""
    if isinstance(value, dict | list):
        rows = value.items() if isinstance(value, dict) else enumerate(value[:3])
        for key, item in rows:
            yield from leaves(item, (*path, key))
        if len(path) % 3 == 1:
            yield path
    else:
        yield path


def case_or_input_error(text: str | bytes) -> Case | InputError:
    try:
        return Case.from_json(text)
    except InputError as error:
        found = error
    assert found.field
    assert found.mend
    assert str(found).isprintable(), "a message may not carry control characters to a terminal"
    return found


@pytest.mark.parametrize("seed", range(6))
def test_no_mutation_of_a_leaf_escapes(document: dict[str, Any], seed: int) -> None:
    dice = random.Random(seed)
    paths = list(leaves(document))
    refused = 0
    for _ in range(100):
        bad = copy.deepcopy(document)
        path = dice.choice(paths)
        owner: Any = bad
        for key in path[:-1]:
            owner = owner[key]
        if dice.randrange(10) == 0 and isinstance(owner, dict):
            del owner[path[-1]]
        else:
            owner[path[-1]] = dice.choice(BAD)
        found = case_or_input_error(json.dumps(bad))
        if isinstance(found, Case):
            screen(found, Fabric.from_fleet(found.fleet))
            assert Case.from_json(found.to_json()).id == found.id
        else:
            refused += 1
    assert refused >= 30


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "NaN", '{"a":1}', "0", '"x"', "{}}", "[" * 100_000, '{"a":' * 5000),
        *('{"schema_version":' + "9" * 5000 + "}", '{"fleet":{},"fleet":{}}', '{"fleet":Infinity}'),
        *('{"fleet":"\\ud800"}', '{"fleet":null,"level_order":[{}]}', '{"fleet":{"levels":[1]},"level_order":[1]}'),
        *('{"fleet":{"levels":[{"name":[]}]},"level_order":["x"]}', '{"\u0007":1}', '{"fleet":{"levels":{}}}'),
    ],
)
def test_broken_text_is_one_input_error(text: str) -> None:
    assert isinstance(case_or_input_error(text), InputError)


def test_syntax_errors_say_where() -> None:
    with pytest.raises(InputError, match=r"line 2, column 8"):
        Case.from_json('{\n"seed" 1}')


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b"\x00", b'{"name": "\xc3"}'])
def test_broken_bytes_are_one_input_error(data: bytes, tmp_path: Path) -> None:
    assert isinstance(case_or_input_error(data), InputError)
    for name in ("case.json", "case.json.gz"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError):
            read_case(tmp_path / name)


def test_files_that_cannot_be_read_name_the_path(tmp_path: Path) -> None:
    cut = gzip.compress(b'{"seed": 1}' * 100)[:-20]
    (tmp_path / "cut.json.gz").write_bytes(cut)
    for path in (tmp_path / "cut.json.gz", tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError) as caught:
            read_case(path)
        assert caught.value.field == str(path)


def test_a_byte_order_mark_is_no_fault(document: dict[str, Any]) -> None:
    assert Case.from_json(b"\xef\xbb\xbf" + json.dumps(document).encode()) == Case.from_json(json.dumps(document))


def test_a_decision_takes_no_infinite_gap() -> None:
    text = '{"case_id":"c","status":"OPTIMAL","gap":1e999}'
    with pytest.raises(InputError) as caught:
        Decision.from_json(text)
    assert caught.value.field == "gap"


def test_a_tree_of_tenants_has_a_most_depth(document: dict[str, Any]) -> None:
    """Rules walk the tree up from every tenant: a chain of thousands would be no answer, but a very long wait."""
    chain = [{"name": "t0"}, *({"name": f"t{k}", "parent": f"t{k - 1}"} for k in range(1, 5000))]
    deepest = Case.from_json(json.dumps({**document, "tenants": chain[:64]}))
    assert len(deepest.tenants) == 64
    with pytest.raises(InputError, match=r"tenants\[64\]\.parent: 't64' has 64 tenants or more above it"):
        Case.from_json(json.dumps({**document, "tenants": chain}))
