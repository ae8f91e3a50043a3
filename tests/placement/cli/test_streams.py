"""Reading and writing: whole or not at all, and clear about it."""

import gzip
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from placement.cli.streams import check_writable, one_line, read_input, write_output
from placement.errors import InputError


def test_a_text_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_text("before")
    target.chmod(0o640)
    write_output(str(target), "é\n")
    assert target.read_bytes() == "é\n".encode()
    assert target.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "a.json", tmp_path / "link.json"
    target.write_text("before")
    link.symlink_to(target)
    write_output(str(link), "after")
    assert link.is_symlink()
    assert target.read_text() == "after"


def test_a_device_is_written_and_not_replaced() -> None:
    write_output("/dev/null", "text")
    assert not Path("/dev/null").is_file()


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.json"
    target.write_text("before")

    def full(path: Path, other: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_output(str(target), "after")
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.badinput
@pytest.mark.parametrize("name", ["", "no-such-folder/a.json", "{tmp}", "{tmp}/file/a.json", "a\0b", "x" * 300])
def test_a_path_that_cannot_be_written_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--out: "):
        write_output(name.format(tmp=tmp_path), "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_told_before_the_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(InputError, match="permission"):
        check_writable(str(tmp_path / "a.json"))


@pytest.mark.parametrize("packed", [False, True])
def test_stdin_is_read_plain_or_packed(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.compress(b"{}") if packed else b"{}"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert read_input("-") == b"{}"


@pytest.mark.badinput
def test_damaged_stdin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.compress(b"{}" * 999)[:-12]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    with pytest.raises(InputError, match="stdin: cannot be read"):
        read_input("-")


def test_one_line_disarms_control_characters() -> None:
    assert one_line("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert len(one_line("x" * 9999)) == 2000
