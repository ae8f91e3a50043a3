"""From outside: make a case, solve it, check the answer; and what a broken case meets."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from placement.cases.synth import synth_case
from tests.placement.cli.conftest import Moorage, Ran


def test_case_solve_check(program: Moorage, tmp_path: Path) -> None:
    case, decision = tmp_path / "case.json.gz", tmp_path / "decision.json"
    arguments = "--fleet mixed --nodes 16 --occupancy 0.5 --pending 8 --seed 2"
    made = program("case", "synth", *arguments.split(), "--out", case)
    assert (made.code, made.err) == (0, "")
    solved = program("solve", case, "--time-limit", "2s", "--out", decision)
    assert solved.code in (0, 4), solved.err
    assert solved.err == ""
    checked = program("check", "-", decision, stdin=case.read_bytes())
    assert (checked.code, checked.err) == (0, ""), checked.out


BAD: tuple[Any, ...] = (None, -1, 1e308, "\0x", [], {}, "NaN", 10**30, True, "")


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of the plain values of a document, of long lists only the first three entries."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, (*path, key))
    elif isinstance(value, list):
        for row, entry in enumerate(value[:3]):
            yield from leaves(entry, (*path, row))
    else:
        yield path


def broken(number: int) -> str:
    """A case with one value replaced by a bad one, seeded by `number`."""
    chance = random.Random(number)
    document = json.loads(synth_case("hgx", 16, 0.5, 5, 1).to_json())
    path = chance.choice(list(leaves(document)))
    holder = copy.deepcopy(document)
    inner = holder
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = chance.choice(BAD)
    return json.dumps(holder)


TEXTS = ["", "{", "[]", "null", '{"a":1}', "NaN", "[" * 100_000]


@pytest.mark.badinput
@pytest.mark.parametrize("text", [*TEXTS, *map(broken, range(5))], ids=range(len(TEXTS) + 5))
def test_a_broken_case_never_ends_in_a_traceback(text: str, moorage: Moorage, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(text, encoding="utf-8")
    ran = moorage("solve", path, "--time-limit", "300ms", "-o", "json")
    check_refusal(ran, malformed=text in TEXTS)


@pytest.mark.badinput
def test_the_program_itself_refuses_a_broken_case(program: Moorage) -> None:
    check_refusal(program("solve", "-", stdin=b"\xff\xfe{"), malformed=True)


def check_refusal(ran: Ran, *, malformed: bool) -> None:
    """One line that names field and mend, or a normal decision where the document still makes sense."""
    assert ran.code in ((2,) if malformed else (0, 2, 3, 4)), ran.err
    assert "Traceback" not in ran.err + ran.out
    if ran.code == 2:
        assert ran.out == ""
        assert ran.err.count("\n") == 1
        assert ran.err.startswith("error: ")
        assert "; " in ran.err, "the mend follows the problem"
