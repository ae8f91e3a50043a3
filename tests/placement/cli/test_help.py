"""Help, usage errors, lazy imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.placement.cli.conftest import ROOT, Moorage

VERBS: tuple[tuple[str, ...], ...] = (
    (),
    ("case",),
    ("case", "openb"),
    ("case", "synth"),
    ("solve",),
    ("check",),
    ("serve",),
    ("whatif",),
    ("explain",),
    ("defrag",),
    ("replay",),
    ("worker",),
    ("server",),
    *(("server", verb) for verb in ("put", "get", "edit", "place", "list", "release")),
    ("topology",),
    ("topology", "show"),
    ("fleet",),
    ("fleet", "schema"),
    ("fleet", "check"),
    ("version",),
)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help_with_an_example_of_itself(verb: tuple[str, ...], moorage: Moorage) -> None:
    ran = moorage(*verb, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Usage: moorage" in ran.out
    examples = ran.out.split("Examples:")[1]
    assert " ".join(("moorage", *verb)) in examples


def test_the_exit_codes_stand_in_the_help(moorage: Moorage) -> None:
    assert "nothing placed" in moorage("--help").out


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("fly",), "fly"),
        (("solve",), "CASE"),
        (("solve", "a.json", "--colour"), "--colour"),
        (("solve", "a.json", "--time-limit", "soon"), "--time-limit"),
        (("solve", "a.json", "--time-limit", "0s"), "--time-limit"),
        (("solve", "a.json", "--work", "0"), "--work"),
        (("solve", "a.json", "--work", "9" * 5000), "--work"),
        (("solve", "a.json", "--seed", "-1"), "--seed"),
        (("solve", "a.json", "-o", "xml"), "--output"),
        (("check", "-", "-"), "stdin"),
        (("solve", "a.json", "--policy", "no-such.toml"), "no-such.toml: cannot be read"),
        (("serve", "--port", "70000"), "--port"),
        (("serve", "--host", "0.0.0.0"), "--insecure"),
        (("serve", "--fleet", "no-such.yaml"), "no-such.yaml"),
        (("fleet", "check", "no-such.yaml"), "no-such.yaml"),
        (("fleet", "check", "fleet.yaml", "--source", "stars"), "stars"),
    ],
)
def test_a_usage_error_is_one_line_that_names_the_fault(args: tuple[str, ...], named: str, moorage: Moorage) -> None:
    ran = moorage(*args)
    assert (ran.code, ran.out) == (2, "")
    assert named in ran.err
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("error: ")


@pytest.mark.parametrize("group", [(), ("case",), ("fleet",), ("server",)])
def test_a_group_without_a_verb_is_a_usage_error_with_help(group: tuple[str, ...], moorage: Moorage) -> None:
    ran = moorage(*group)
    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


def test_the_version_names_moorage_and_the_solver(moorage: Moorage) -> None:
    ran = moorage("version")
    assert ran.code == 0
    assert ran.out.startswith("moorage ")
    assert "ortools 9." in ran.out


SYNTH = "case synth --fleet hgx --nodes 16 --out"


@pytest.mark.parametrize("args", ["--help", "solve --help", "serve --help", "server place --help", "version", SYNTH])
def test_what_does_not_solve_imports_neither_ortools_nor_grpc(args: str, tmp_path: Path) -> None:
    words = [*args.split(), *([str(tmp_path / "c.json")] if args == SYNTH else [])]
    script = (
        "import sys\n"
        "from placement.cli.app import run\n"
        f"code = run({words!r})\n"
        "heavy = {'ortools', 'grpc', 'google'} & {name.split('.')[0] for name in sys.modules}\n"
        "sys.exit(f'{code} {sorted(heavy)}' if code or heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
