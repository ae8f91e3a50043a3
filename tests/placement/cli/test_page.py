"""placement/cli/README.md keeps its word: its commands run in their order, its tables say what the code says."""

import re
from pathlib import Path

import pytest

from placement.limits import PREFIX, InputLimits
from placement.whatif.settings import FORMS
from tests.placement.cli.conftest import ROOT
from tests.placement.cli.test_help import VERBS
from tests.test_readme import FENCE, assert_shown, commands, run

PAGE = (ROOT / "placement/cli/README.md").read_text()


@pytest.mark.slow
def test_the_commands_do_what_the_page_shows(tmp_path: Path) -> None:
    done = 0
    for block in (body for name, _, body in FENCE.findall(PAGE) if name == "console"):
        for command in commands(block):
            answer = run(command.line, tmp_path)
            assert answer.returncode == command.code, (command.line, answer.stdout, answer.stderr)
            assert_shown(command.shown, answer.stdout + answer.stderr)
            done += 1
    assert done == 8


def test_every_verb_is_listed() -> None:
    listed = set(re.findall(r"`([a-z]+(?: [a-z]+)?)`", "".join(re.findall(r"^\| `.*?\|", PAGE, re.MULTILINE))))
    assert {" ".join(verb) for verb in VERBS if verb} - {"case", "fleet", "server", "topology"} <= listed


def test_every_setting_is_listed() -> None:
    for form in FORMS:
        kind, _, last = form.rpartition(".")
        assert f"`{form}`" in PAGE or (f"`.{last}" in PAGE and kind in PAGE) or f".{last}`" in PAGE, form


def test_every_limit_is_listed_with_its_default_and_its_most() -> None:
    for name, field in InputLimits.model_fields.items():
        most = next(part.le for part in field.metadata if hasattr(part, "le"))
        assert f"| `{PREFIX}{name.upper()}` | {field.default:,} | {most:,} |" in PAGE


def test_what_the_page_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE):
        assert (ROOT / "placement/cli" / target).resolve().exists(), target
