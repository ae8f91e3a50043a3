"""This tree keeps the laws of tests/architecture.py, and each law sees a tree that breaks it."""

import re
from pathlib import Path

import pytest

from tests.architecture import (
    CHECKERS,
    CHECKS,
    MAX_LINES,
    ORTOOLS_MODULES,
    PACKAGES,
    ROOMS,
    Check,
    Tree,
    check_cycles,
    check_docstrings,
    check_exports,
    check_imports_are_quiet,
    check_names,
    check_ortools,
    check_packages,
    check_rooms,
    check_sizes,
    read_tree,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return read_tree(ROOT)


def test_the_page_of_placement_lists_every_room_in_its_order() -> None:
    page = (ROOT / "placement/README.md").read_text()
    table = page.partition("| room | holds |")[2].partition("\n\n")[0]
    listed = [name for row in re.findall(r"^\|([^|]*)\|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    rank = {name: at for at, names in enumerate(ROOMS) for name in names}
    assert sorted(listed) == sorted(rank)
    assert [rank[name] for name in listed] == sorted(rank.values())
    for name in listed:
        assert (ROOT / "placement" / name).is_dir() or (ROOT / f"placement/{name}.py").is_file(), name


@pytest.mark.parametrize("check", CHECKS)
def test_the_tree_keeps_the_law(check: Check, tree: Tree) -> None:
    complaints = sorted(check(tree))
    assert not complaints, "\n" + "\n".join(complaints)


def test_the_tree_is_really_read(tree: Tree) -> None:
    assert set(PACKAGES) <= set(tree), "a package has no __init__.py or moved: mend PACKAGES"
    assert "tests.test_architecture" in tree
    missing = [name for name in (*ORTOOLS_MODULES, *CHECKERS) if name not in tree]
    assert not missing, f"{missing} moved: mend ORTOOLS_MODULES or CHECKERS in tests/architecture.py"


DOC = '"""A docstring."""\n'
FAULTS: tuple[tuple[Check, str, str], ...] = (
    (check_packages, "solver/extra.py", "import topology.model\n"),
    (check_packages, "topology/extra.py", "def _f():\n    from placement.model import case\n"),
    (check_packages, "solver/extra.py", "import tests.verify\n"),
    (check_rooms, "placement/model/extra.py", "from placement import engine\n"),
    (check_rooms, "placement/model/extra.py", "from ..engine import decide\n"),
    (check_rooms, "placement/explain.py", "import placement.rating\n"),
    (check_rooms, "placement/engine.py", "from placement.v1 import placement_pb2\n"),
    (check_rooms, "placement/attic.py", ""),
    (check_rooms, "placement/__init__.py", "from placement.engine import decide\n"),
    (check_cycles, "solver/plan.py", "from solver import check\n"),
    (check_ortools, "solver/extra.py", "from ortools.sat.python import cp_model\n"),
    (check_ortools, "solver/plan.py", "import solver.cpsat\n"),
    (check_sizes, "tests/solver/test_extra.py", "x = 1\n" * (MAX_LINES + 1)),
    (check_names, "placement/model/helpers.py", ""),
    (check_exports, "solver/extra.py", "X = 1\n"),
    (check_exports, "solver/extra.py", '__all__ = ["gone"]\n'),
    (check_exports, "solver/extra.py", "__all__ = []\n\n\ndef there() -> None:\n    pass\n"),
    (check_docstrings, "solver/extra.py", "def there() -> None:\n    pass\n"),
    (
        check_docstrings,
        "solver/extra.py",
        f"class There:\n    {DOC}\n    def part(self) -> None:\n        pass\n",
    ),
    (check_imports_are_quiet, "solver/extra.py", "print()\n"),
    (check_imports_are_quiet, "solver/extra.py", "import time\nSTART_S = time.time()\n"),
    (check_imports_are_quiet, "solver/extra.py", "_CACHE: dict[str, int] = {}\n"),
    (check_imports_are_quiet, "solver/extra.py", "for _ in (): pass\n"),
)


def small_tree(root: Path) -> None:
    """A lawful tree with one module of each kind that the rules look at."""
    body = {
        "solver/check.py": "from solver.plan import Plan\n__all__ = ['Plan']\n",
        "solver/plan.py": f"__all__ = ['Plan']\n\n\nclass Plan:\n    {DOC}",
        "solver/cpsat.py": "import ortools\n__all__ = ['ortools']\n",
        "placement/model/case.py": "import logging\n__all__ = ['LOG']\nLOG = logging.getLogger(__name__)\n",
        "placement/engine.py": "import placement.model.case\nimport solver.check\n__all__ = ['solver']\n",
        "placement/cases.py": "",
    }
    for path in (*(f"{p}/__init__.py" for p in (*PACKAGES, "placement/model")), *body):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(DOC + body.get(path, ""), encoding="utf-8")


def test_a_lawful_tree_is_left_in_peace(tmp_path: Path) -> None:
    small_tree(tmp_path)
    tree = read_tree(tmp_path)
    assert [complaint for check in CHECKS for complaint in check(tree)] == []


@pytest.mark.parametrize(("check", "path", "text"), FAULTS)
def test_a_broken_tree_is_named_with_file_and_mend(check: Check, path: str, text: str, tmp_path: Path) -> None:
    small_tree(tmp_path)
    target = tmp_path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    lead = "" if check is check_sizes else DOC
    target.write_text(lead + text, encoding="utf-8")
    complaints = list(check(read_tree(tmp_path)))
    assert complaints, f"{check.__name__} did not see the fault in {path}"
    assert any(c.startswith(path) for c in complaints) or check is check_cycles
    assert all(";" in c.split(":", maxsplit=1)[1] for c in complaints), "each complaint says how to mend it"
