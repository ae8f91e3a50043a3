"""README.md keeps its word: its commands run, its code works, its tables say what the code says."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from placement.errors import MoorageError
from placement.model.decision import Status, Verdict
from placement.model.policy import default_policy
from placement.rules import LAWS, RULES, Rule

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d,.]*")
ANY_STATUS = re.compile("|".join(Status))
TIMEOUT_S = 60


@dataclass(frozen=True)
class Command:
    """A `$ ` line of a console block: the exit code of its `# exit N`, and the lines shown below it."""

    line: str
    code: int
    shown: tuple[str, ...]


def blocks(language: str) -> list[str]:
    return [body for name, _, body in FENCE.findall(README) if name == language]


def files() -> dict[str, str]:
    """Blocks that open with `# file: PATH`, without that line, or that name their file beside the language."""
    found = {}
    for _, name, body in FENCE.findall(README):
        if name:
            found[name] = body
        head, _, rest = body.partition("\n")
        if head.startswith("# file: "):
            found[head.removeprefix("# file: ")] = rest
    return found


def commands(block: str) -> Iterator[Command]:
    for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, shown = entry.partition("\n")
        marked = re.search(r"\s+# exit (\d+)$", line)
        kept = tuple(text for text in shown.splitlines() if text.strip() and text != "...")
        yield Command(line[: marked.start()] if marked else line, int(marked[1]) if marked else 0, kept)


def lead(text: str) -> tuple[str, ...]:
    """The first three words, numbers and status left open."""
    return tuple(NUMBER.sub("#", ANY_STATUS.sub("STATUS", text)).split()[:3])


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "200", **more}


def run(line: str | list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    script = line if isinstance(line, str) else shlex.join(line)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def assert_shown(shown: tuple[str, ...], printed: str) -> None:
    """Every line that the page shows begins like a line that was printed."""
    real = {lead(text) for text in printed.splitlines()}
    missing = [text for text in shown if lead(text) not in real]
    assert not missing, f"README.md shows {missing}, printed was:\n{printed}"


@pytest.mark.slow
def test_the_commands_do_what_the_page_shows(tmp_path: Path) -> None:
    for name in ("own.json", "policy.toml"):
        (tmp_path / name).write_text(files()[name])
    done = 0
    for command in (c for block in blocks("console") for c in commands(block)):
        if "serve" in command.line or "client.py" in command.line:
            continue
        answer = run(command.line, tmp_path)
        assert answer.returncode == command.code, (command.line, answer.stdout, answer.stderr)
        assert_shown(command.shown, answer.stdout + answer.stderr)
        done += 1
    assert done >= 10, "the console blocks were not found"


def test_the_client_talks_to_a_real_server(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(files()["client.py"])
    shown = [c for block in blocks("console") for c in commands(block) if "serve" in c.line or "client.py" in c.line]
    serve = shlex.split(shown[0].line)
    serve[serve.index("--port") + 1] = "0"
    with subprocess.Popen(serve, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            first = server.stdout.readline().strip()
            assert lead(first) == lead(shown[0].shown[0])
            answer = run([sys.executable, "client.py", first.split()[-1]], tmp_path)
        finally:
            server.terminate()
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.splitlines() == list(shown[1].shown)
    assert server.returncode == 0


def patched(source: str, diff: str) -> str:
    """The source with every hunk applied; each old text occurs once."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines()
        old = "\n".join(text[1:] for text in lines if text[0] in " -")
        new = "\n".join(text[1:] for text in lines if text[0] in " +")
        assert source.count(old) == 1, f"README.md changes {old!r}, which is there {source.count(old)} times"
        source = source.replace(old, new)
    return source


def test_the_rule_of_the_page_is_a_rule(tmp_path: Path) -> None:
    for name in ("placement", "solver", "topology", "tests/placement/rules"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    page = files()
    rule, test = "placement/rules/doubtful.py", "tests/placement/rules/test_doubtful.py"
    registry = tmp_path / "placement/rules/registry.py"
    registry.write_text(patched(registry.read_text(), page["placement/rules/registry.py"]))
    for name in (rule, test):
        (tmp_path / name).write_text(page[name])
    oracles = "tests/placement/rules/test_oracles.py::test_the_random_cases_exercise_every_rule"
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tested = run([*pytest_, test, oracles], tmp_path, PYTHONPATH=str(tmp_path))
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout
    linted = run(["ruff", "check", "--no-cache", rule, test, "placement/rules/registry.py"], tmp_path)
    assert linted.returncode == 0, linted.stdout
    formatted = run(["ruff", "format", "--no-cache", "--check", rule, test, "placement/rules/registry.py"], tmp_path)
    assert formatted.returncode == 0, formatted.stdout


def rows(heading: str) -> list[list[str]]:
    """Cells of the tables below a heading, up to the next heading."""
    section = re.split(rf"^#+ {re.escape(heading)}$", README, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", FENCE.sub("", section), maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def parameters(rule: Rule[Any]) -> str:
    """Name and default of every parameter, as the page writes them."""

    def written(value: object) -> str:
        return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)

    found = [f"`{name} = {written(field.default)}`" for name, field in rule.params_type.model_fields.items()]
    return ", ".join(found) or "-"


def atoms(module: str) -> set[str]:
    """Atoms that a module of rules imports, also through the modules that several rules share."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module == "solver.atoms":
                found |= names - {"Hinge", "PoolNode"}
            elif node.module in {"placement.rules.unit_charges", "placement.rules.growth"} or "spread_atoms" in names:
                found |= atoms(str(node.module))
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_tables_say_what_the_code_says(rule: Rule[Any]) -> None:
    row = next((row for row in rows("Rules") if row[0] == f"`{rule.name}`"), None)
    assert row is not None, f"README.md has no row for the rule {rule.name!r}"
    assert row[-2] == parameters(rule)
    assert set(re.findall(r"[A-Z]\w+", row[-1])) == atoms(type(rule).__module__)
    if rule.kind == "objective":
        assert row[2] == getattr(rule, "unit", None)
        assert rule.modes == {"prefer"}
    else:
        assert rule.modes == {"require", "hold"}


def test_the_tables_are_complete_and_name_nothing_else() -> None:
    names = {row[0].strip("`") for row in rows("Rules")} - {"rule"} - {row[0] for row in rows("Rules") if "-" in row[0]}
    assert names == {rule.name for rule in RULES}
    assert all(f"`{law}`" in README for law in LAWS)
    assert {f"`{verdict}`" for verdict in Verdict} <= {row[0] for row in rows("Verdicts")}
    assert {f"`{status}`" for status in Status} <= {row[0] for row in rows("Statuses")}


def test_the_default_policy_is_as_described() -> None:
    prefer = {spec.name: spec for spec in default_policy().rules if spec.mode == "prefer"}
    assert {spec.tier for spec in prefer.values()} == {1, 2, 3}
    assert [name for name, spec in prefer.items() if spec.tier == 1] == ["refused", "reclaim", "eviction"]
    assert [name for name, spec in prefer.items() if spec.tier == 2] == ["fairness"]
    described = {row[0].strip("`") for row in rows("The default policy in money") if row[0].startswith("`")}
    assert described == {name for name, spec in prefer.items() if spec.tier == 3}


def test_every_exit_code_of_the_error_tree_is_listed() -> None:
    def tree(kind: type[MoorageError]) -> Iterator[int]:
        yield kind.exit_code
        for child in kind.__subclasses__():
            yield from tree(child)

    listed = {int(code) for row in rows("Exit codes") for code in re.findall(r"\d+", row[0])}
    assert set(tree(MoorageError)) | {0, 3, 4} <= listed


PAGES = [
    "README.md",
    "solver/README.md",
    "solver/EXPERIMENTS.md",
    "placement/README.md",
    "placement/service/README.md",
    "topology/README.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    assert all((ROOT / page).parent.joinpath(target).exists() for target in targets), targets


def test_the_make_targets_of_the_page_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`make ([a-z-]+)`", README))
    assert named >= {"demo", "test", "lint"}
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)
