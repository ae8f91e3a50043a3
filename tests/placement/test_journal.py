"""The journal keeps the latest, gives them back whole, survives damage, and tells whether two answers agree."""

import gzip
import json
import threading
from pathlib import Path

import pytest

from placement.errors import InputError, NotFound
from placement.journal import FolderJournal, Journal, MemoryJournal, agree
from placement.model import Case, Decision, Status, TierReport
from tests.placement.rules.small import gang, small_fleet


def case(seed: int) -> Case:
    return Case(fleet=small_fleet(), workloads=(gang("w", 3),), seed=seed)


def decided(case: Case, *tiers: tuple[int, int]) -> Decision:
    reports = tuple(TierReport(tier=n, value=v, bound=b, gap=0) for n, (v, b) in enumerate(tiers, start=1))
    return Decision(case_id=case.id, status=Status.OPTIMAL, tiers=reports)


@pytest.fixture(params=["memory", "folder"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    ticks = iter(range(100, 10_000))
    if request.param == "memory":
        return MemoryJournal(3, lambda: next(ticks))
    return FolderJournal(tmp_path / "new" / "journal", 3, lambda: next(ticks))


def test_what_was_kept_is_found_by_its_id_or_the_start_of_it(journal: Journal) -> None:
    one = case(1)
    journal.keep(one, decided(one, (5, 5)))
    for name in (one.id, one.id[:6]):
        entry = journal.find(name)
        assert (entry.case.id, entry.decision, entry.kept_s) == (one.id, decided(one, (5, 5)), 100)


def test_what_a_decision_went_on_from_is_kept_beside_it(journal: Journal) -> None:
    one, other = case(1), case(2)
    earlier = decided(other, (7, 2))
    journal.keep(one, decided(one), earlier)
    journal.keep(other, earlier)
    assert journal.find(one.id).warm == earlier
    assert journal.find(other.id).warm is None
    journal.keep(one, decided(one))
    assert journal.find(one.id).warm is None, "decided again, without"


def test_only_the_latest_are_kept(journal: Journal) -> None:
    cases = [case(seed) for seed in range(5)]
    for one in cases:
        journal.keep(one, decided(one))
    assert journal.ids() == tuple(one.id for one in reversed(cases[2:]))
    with pytest.raises(NotFound):
        journal.find(cases[0].id)


def test_a_case_decided_again_replaces_its_entry(journal: Journal) -> None:
    first, second = case(1), case(2)
    for one, value in ((first, 5), (second, 5), (first, 4)):
        journal.keep(one, decided(one, (value, 0)))
    assert journal.ids() == (first.id, second.id)
    assert journal.find(first.id).decision.tiers[0].value == 4


@pytest.mark.badinput
@pytest.mark.parametrize("name", ["", "abc", "../../etc/passwd", "xyzw", "A" * 64, "0" * 65, "ab cd", "1234\n"])
def test_what_is_no_id_is_refused_before_any_file_is_read(name: str, journal: Journal) -> None:
    with pytest.raises(InputError, match="no case id"):
        journal.find(name)


@pytest.mark.badinput
def test_a_start_of_several_ids_is_refused(journal: Journal, tmp_path: Path) -> None:
    one = case(1)
    journal.keep(one, decided(one))
    twin = decided(one).model_copy(update={"case_id": one.id[:10] + "0" * 54})
    journal.keep(one, twin)
    with pytest.raises(InputError, match="2 cases start with"):
        journal.find(one.id[:10])
    assert journal.find(one.id).case.id == one.id


@pytest.mark.badinput
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not packed", id="not packed"),
        pytest.param(gzip.compress(b"{"), id="no JSON"),
        pytest.param(gzip.compress(b"[]"), id="a list"),
        pytest.param(gzip.compress(b'{"kept_s": 1}'), id="no case"),
        pytest.param(gzip.compress(b'{"kept_s": "x", "case": {}, "decision": {}}'), id="no time"),
        pytest.param(gzip.compress(b'{"kept_s": 1, "case": {}, "decision": {}}'), id="an empty case"),
        pytest.param(gzip.compress(b'{"kept_s": 1, "case": {}, "decision": {}, "cold": {}}'), id="something more"),
        pytest.param(gzip.compress(b"\xff\xfe"), id="no text"),
        pytest.param(gzip.compress(b'{"kept_s": 1, "case": {}, "decision": {}}')[:-9], id="cut"),
    ],
)
def test_a_damaged_entry_is_told(data: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{'ab' * 32}.case.json.gz").write_bytes(data)
    with pytest.raises(InputError):
        FolderJournal(tmp_path).find("abab")


def test_a_folder_that_cannot_be_written_breaks_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = FolderJournal(tmp_path / "j")
    (tmp_path / "j").rmdir()
    journal.keep(case(1), decided(case(1)))
    assert "could not keep" in caplog.text


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "xx.case.json.gz").write_text("mine")
    journal = FolderJournal(tmp_path, size=1)
    for seed in range(3):
        journal.keep(case(seed), decided(case(seed)))
    assert len(journal.ids()) == 1
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.badinput
def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(InputError, match="journal: "):
        FolderJournal(tmp_path / "f")


def test_many_threads_keep_at_once(journal: Journal) -> None:
    cases = [case(seed) for seed in range(12)]
    threads = [threading.Thread(target=journal.keep, args=(one, decided(one))) for one in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.ids()) == 3
    assert all(journal.find(name).case.id == name for name in journal.ids())


def test_equal_cases_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        FolderJournal(tmp_path / name, clock=lambda: 7).keep(case(1), decided(case(1)))
    one, other = (next((tmp_path / name).iterdir()) for name in ("a", "b"))
    assert one.read_bytes() == other.read_bytes()
    assert json.loads(gzip.decompress(one.read_bytes()))["kept_s"] == 7
    assert list((tmp_path / "a").iterdir()) == [one]


@pytest.mark.parametrize(
    ("stored", "again", "consistent", "equal", "told"),
    [
        ([(5, 5), (9, 9)], [(5, 5), (9, 9)], True, True, "same value"),
        ([(5, 3)], [(4, 3)], True, False, "better by 1"),
        ([(5, 3)], [(6, 5)], True, False, "worse by 1"),
        ([(5, 5)], [(4, 4)], False, False, "stored decision proves at least 5"),
        ([(5, 3)], [(6, 6)], False, False, "new decision proves at least 6"),
        ([(5, 5), (9, 2)], [(5, 5), (3, 2)], True, False, "tier 2: 3 now, 9 then"),
        ([(5, 5), (9, 2)], [(5, 5), (1, 1)], False, False, "tier 2: 1 was found"),
        ([(5, 3), (9, 9)], [(4, 3), (1, 1)], True, False, "tier 1"),
        ([(5, 5)], [(5, 5), (1, 1)], False, False, "tiers differ"),
    ],
)
def test_two_answers_agree_or_contradict_each_other(
    stored: list[tuple[int, int]], again: list[tuple[int, int]], consistent: bool, equal: bool, told: str
) -> None:
    found = agree(decided(case(1), *stored), decided(case(1), *again))
    assert (found.consistent, found.equal) == (consistent, equal)
    assert told in found.says
