"""The laws of the house, read from the source: layers, cycles, sizes, names, exports, docstrings.

Every rule is a function from a parsed tree to complaints; each complaint names the file and, after a
semicolon, the mend. test_architecture.py runs them on this tree, and on small trees broken on purpose.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("placement", "solver", "topology")  # what is installed
FOLDERS = (*PACKAGES, "tests", "bench", "examples")
LEAVES = ("solver", "topology")  # import neither each other nor placement

# Rooms of placement from the lowest up; a room may import itself and the rooms of the rows before its own.
ROOMS: tuple[tuple[str, ...], ...] = (
    ("errors", "v1"),
    ("units",),
    ("model",),
    ("admission", "limits"),
    ("rules",),
    ("compile",),
    ("snapshot",),
    ("explain", "ladder", "rating"),  # below the engine: verdicts and gaps are part of its decision
    ("engine",),
    ("seating",),
    ("cases", "verify"),
    ("whatif", "diagnosis", "defrag", "journal", "report"),
    ("store",),
    ("service",),
    ("client",),
    ("cli",),
)
V1_USERS = ("service", "client", "cli")  # the wire format stays at the border

ORTOOLS_MODULES = ("solver.cpsat", "solver.lp")  # the only doors to ortools
CHECKERS = (
    "solver.check",
    "solver.certificate",
    "placement.verify",
)  # may reach neither ortools nor a module of ORTOOLS_MODULES

GENERATED = ("_pb2.py", "_pb2_grpc.py")
MAX_LINES = 400
BANNED_NAMES = frozenset(
    word for stem in ("util", "common", "helper", "misc", "manager") for word in (stem, stem + "s")
)
PURE_STATEMENTS = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Assign, ast.AnnAssign, ast.Pass),
)
# Calls whose result depends on the world, or which change it.
IMPURE_CALLS = frozenset(
    (
        *("open", "print", "input", "exec", "eval", "system", "run", "Popen", "check_output"),
        *("read_text", "read_bytes", "write_text", "getenv", "urandom", "seed", "default_rng"),
        *("time", "monotonic", "perf_counter", "now", "today", "sleep"),
        *("Thread", "ThreadPoolExecutor", "ProcessPoolExecutor", "Process", "Pool", "connect"),
        *("basicConfig", "simplefilter", "filterwarnings", "import_module"),
    )
)


@dataclass(frozen=True)
class Module:
    """One parsed source file: its dotted name, its path below the root, its syntax tree and its length."""

    name: str
    path: str
    tree: ast.Module
    lines: int

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")

    @property
    def package(self) -> str:
        return self.name.split(".", maxsplit=1)[0]

    @property
    def room(self) -> str | None:
        parts = self.name.split(".")
        return parts[1] if parts[0] == "placement" and len(parts) > 1 else None

    @property
    def generated(self) -> bool:
        return self.path.endswith(GENERATED)

    @property
    def shipped(self) -> bool:
        """Whether the laws of public code hold for it."""
        return self.package in PACKAGES and not self.generated


Tree = dict[str, Module]


def read_tree(root: Path) -> Tree:
    """Parse every Python file of the known folders below `root`."""
    tree: Tree = {}
    for path in sorted(p for folder in FOLDERS for p in (root / folder).rglob("*.py")):
        relative = path.relative_to(root)
        parts = relative.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        tree[name] = Module(name, relative.as_posix(), ast.parse(text, str(relative)), len(text.splitlines()))
    return tree


def imports(module: Module, tree: Tree) -> Iterator[tuple[str, int]]:
    """Every imported module with its line, also inside functions; `from a import b` gives a.b if a module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.name.split(".")
                keep = len(above) - node.level + (1 if module.is_package else 0)
                base = ".".join([*above[:keep], *([base] if base else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner if inner in tree else base), node.lineno


def check_packages(tree: Tree) -> Iterator[str]:
    """topology and solver know neither each other nor placement; none of the three knows tests or bench."""
    for module in tree.values():
        if module.package not in PACKAGES:
            continue
        banned = set(FOLDERS) - set(PACKAGES)
        banned |= set(PACKAGES) - {module.package} if module.package in LEAVES else set()
        for target, line in imports(module, tree):
            if target.split(".", maxsplit=1)[0] in banned:
                where = f"{module.path}:{line}"
                yield f"{where}: {module.package} imports {target}; move that code to placement or drop it"


def check_rooms(tree: Tree) -> Iterator[str]:
    """Inside placement, imports point down only."""
    rank = {room: row for row, rooms in enumerate(ROOMS) for room in rooms}
    for module in tree.values():
        if module.package != "placement":
            continue
        if module.room is not None and module.room not in rank:
            yield f"{module.path}: the room {module.room!r} has no place; add it to tests.architecture.ROOMS"
            continue
        for target, line in imports(module, tree):
            parts = target.split(".")
            if parts[0] != "placement" or len(parts) < 2:
                continue
            room = parts[1]
            if module.room is None:
                if room != "errors":
                    yield (
                        f"{module.path}:{line}: importing placement would load {target} for everyone; "
                        "let callers import it by its own name"
                    )
            elif room == "v1" and module.room not in (*V1_USERS, "v1"):
                yield f"{module.path}:{line}: {target} is wire format; convert it in service/wire.py"
            elif room != module.room and rank.get(room, -1) >= rank[module.room]:
                yield (
                    f"{module.path}:{line}: {module.room} imports {target}, which does not stand below it; "
                    f"move the code down or pass it as an argument"
                )


def check_cycles(tree: Tree) -> Iterator[str]:
    """No module reaches itself. Tarjan's components would do; three colours name the path as well."""
    edges = {m.name: sorted({t for t, _ in imports(m, tree) if t in tree and t != m.name}) for m in tree.values()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> Iterator[str]:
        if name in trail:
            ring = (*trail[trail.index(name) :], name)
            yield f"{tree[name].path}: import cycle {' -> '.join(ring)}; move what both need below"
        elif name not in done:
            for target in edges[name]:
                yield from visit(target, (*trail, name))
            done.add(name)

    for name in edges:
        yield from visit(name, ())


def check_ortools(tree: Tree) -> Iterator[str]:
    """ortools enters by its own doors, and the checker reaches none of them."""
    for module in tree.values():
        if module.package in PACKAGES and module.name not in ORTOOLS_MODULES:
            for target, line in imports(module, tree):
                if target.split(".", maxsplit=1)[0] == "ortools":
                    doors = ", ".join(ORTOOLS_MODULES)
                    yield f"{module.path}:{line}: imports {target}; only {doors} may, call those instead"
    for checker in (name for name in CHECKERS if name in tree):
        seen, todo = {checker}, [checker]
        while todo:
            here = todo.pop()
            for target, line in imports(tree[here], tree):
                if target in ORTOOLS_MODULES:
                    where = f"{tree[here].path}:{line}"
                    yield f"{where}: the checker {checker} reaches {target}; it must measure by itself"
                elif target in tree and target not in seen:
                    seen.add(target)
                    todo.append(target)


def check_sizes(tree: Tree) -> Iterator[str]:
    """One idea per file: at most MAX_LINES lines."""
    for module in tree.values():
        if module.lines > MAX_LINES and not module.generated:
            yield f"{module.path}: {module.lines} lines; split it by idea, {MAX_LINES} is the limit"


def check_names(tree: Tree) -> Iterator[str]:
    """No drawer for everything."""
    for module in tree.values():
        for part in BANNED_NAMES.intersection(module.name.split(".")):
            yield f"{module.path}: the name {part!r} says nothing; name it after what it does"


def public_definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """Public functions and classes at the top of a module."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {n.name: n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")}


def bound_names(tree: ast.Module) -> set[str]:
    """Every name that the top of a module binds."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.split(".", maxsplit=1)[0] for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return names


def exported(tree: ast.Module) -> list[str] | None:
    """The literal `__all__`, or None where there is none that can be read."""
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                try:
                    return list(ast.literal_eval(node.value))
                except ValueError:
                    return None
    return None


def check_exports(tree: Tree) -> Iterator[str]:
    """`__all__` is there, true and complete."""
    for module in tree.values():
        if not module.shipped or module.name.rsplit(".", maxsplit=1)[-1].startswith("_"):
            continue
        names = exported(module.tree)
        if names is None:
            if len(module.tree.body) > 1:  # more than a docstring
                yield f"{module.path}: no literal __all__; list its public names"
            continue
        for name in sorted(set(names) - bound_names(module.tree)):
            yield f"{module.path}: __all__ names {name!r}, which does not exist; drop it or define it"
        for name in sorted(set(public_definitions(module.tree)) - set(names)):
            yield f"{module.path}: {name!r} is public but not in __all__; add it or begin it with _"
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"{module.path}: __all__ names {name!r} twice; drop one"


def check_docstrings(tree: Tree) -> Iterator[str]:
    """Every public module, class, function and method says what it is."""
    exempt = {"override", "overload", "setter"}
    for module in tree.values():
        if not module.shipped:
            continue
        if not ast.get_docstring(module.tree):
            yield f"{module.path}: no module docstring; say in a sentence what lives here"
        for name, node in public_definitions(module.tree).items():
            assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            members = public_definitions(ast.Module(node.body, [])) if isinstance(node, ast.ClassDef) else {}
            for label, part in ((name, node), *((f"{name}.{key}", value) for key, value in members.items())):
                assert isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                marks = {getattr(d, "id", getattr(d, "attr", "")) for d in part.decorator_list}
                if not ast.get_docstring(part) and not marks & exempt:
                    where = f"{module.path}:{part.lineno}"
                    yield f"{where}: {label} has no docstring; write its meaning, units and errors"


def check_imports_are_quiet(tree: Tree) -> Iterator[str]:
    """Nothing happens at import: no bare call, loop, I/O, clock, or container made to be filled later."""
    for module in tree.values():
        if not module.shipped:
            continue
        for node in module.tree.body:
            where = f"{module.path}:{node.lineno}"
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) in {
                "TYPE_CHECKING",
                "__name__ == '__main__'",
            }:
                continue
            if not isinstance(node, PURE_STATEMENTS):
                yield f"{where}: '{ast.unparse(node)[:50]}' runs at import; move it into a function"
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                for call in (n for n in ast.walk(node.value) if isinstance(n, ast.Call)):
                    if ast.unparse(call.func).rsplit(".", maxsplit=1)[-1] in IMPURE_CALLS:
                        yield f"{where}: {ast.unparse(call.func)}() runs at import; inject its result instead"
                empty = ast.unparse(node.value) in {"[]", "{}", "set()", "dict()", "list()"}
                if empty and "__all__" not in bound_names(ast.Module([node], [])):
                    yield f"{where}: an empty container at import is global state; keep it in an object"
        for inner in ast.walk(module.tree):
            if isinstance(inner, ast.Global):
                yield f"{module.path}:{inner.lineno}: 'global' is global state; keep it in an object"


Check = Callable[[Tree], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    *(check_packages, check_rooms, check_cycles, check_ortools, check_sizes),
    *(check_names, check_exports, check_docstrings, check_imports_are_quiet),
)
