"""Malformed case files: exit code 2, one line that names the field and the mend, no file written."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placement.cli.app import run
from placement.limits import PREFIX
from tests.badinput.base import CASE, plain

pytestmark = pytest.mark.badinput

Document = dict[str, Any]
HUGE = 10**30
SITE = {"name": "x", "tariff_micro_usd_kwh": 1, "carbon_g_kwh": 1}


def at(path: str, value: Any) -> Callable[[Document], None]:
    """Set a value: `workloads.0.id`."""

    def change(document: Document) -> None:
        *above, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        owner: Any = document
        for step in above:
            owner = owner[step]
        owner[last] = value

    return change


def without(path: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        *above, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        owner: Any = document
        for step in above:
            owner = owner[step]
        del owner[last]

    return change


def again(path: str) -> Callable[[Document], None]:
    """Repeat the last entry of a list."""

    def change(document: Document) -> None:
        owner: Any = document
        for step in path.split("."):
            owner = owner[int(step) if step.isdigit() else step]
        owner.append(owner[-1])

    return change


def rule(**fields: Any) -> Callable[[Document], None]:
    """Append a rule to the policy."""
    return lambda document: document["policy"]["rules"].append({"mode": "prefer", "tier": 3, **fields})


ADDED = f"policy.rules[{len(CASE.policy.rules)}]"
ROLE = "workloads.0.subgroups.0.roles.0"
ROLE_FIELD = "workloads[0].subgroups[0].roles[0]"
DOCUMENTS: tuple[tuple[str, Callable[[Document], None], str, str], ...] = (
    # missing
    ("no fleet", without("fleet"), "fleet:", "add"),
    ("no fleet name", without("fleet.name"), "fleet.name:", "add"),
    ("no nodes", without("fleet.nodes"), "fleet.nodes:", "add"),
    ("no node id", without("fleet.nodes.0.id"), "fleet.nodes[0].id:", "add"),
    ("no path", without("fleet.nodes.0.path"), "fleet.nodes[0].path:", "add"),
    ("no workload id", without("workloads.0.id"), "workloads[0].id:", "add"),
    ("no subgroups", without("workloads.0.subgroups"), "workloads[0].subgroups:", "add"),
    ("no role name", without(f"{ROLE}.name"), f"{ROLE_FIELD}.name:", "add"),
    ("no rule mode", without("policy.rules.0.mode"), "policy.rules[0].mode:", "add"),
    ("no replica node", without("running.0.replicas.0.node"), "running[0].replicas[0].node:", "add"),
    ("empty subgroups", at("workloads.0.subgroups", []), "workloads[0].subgroups:", "at least 1"),
    ("empty roles", at("workloads.0.subgroups.0.roles", []), "roles:", "at least 1"),
    ("empty id", at("workloads.0.id", ""), "workloads[0].id:", "not empty"),
    ("empty replicas of running", at("running.0.replicas", []), "running[0].replicas:", "at least 1"),
    # numbers
    ("negative replicas", at(f"{ROLE}.replicas", -1), f"{ROLE_FIELD}.replicas:", "at least 1"),
    ("no replicas", at(f"{ROLE}.replicas", 0), f"{ROLE_FIELD}.replicas:", "at least 1"),
    ("huge replicas", at(f"{ROLE}.replicas", HUGE), f"{ROLE_FIELD}.replicas:", "at most 65536"),
    ("negative GPUs", at(f"{ROLE}.gpus", -8), f"{ROLE_FIELD}.gpus:", "at least 0"),
    ("too many GPUs", at(f"{ROLE}.gpus", 65), f"{ROLE_FIELD}.gpus:", "at most 64"),
    ("share above one", at(f"{ROLE}.gpu_milli", 1001), f"{ROLE_FIELD}.gpu_milli:", "at most 1000"),
    ("fraction of a count", at(f"{ROLE}.replicas", 1.5), f"{ROLE_FIELD}.replicas:", "whole number"),
    ("number as text", at(f"{ROLE}.replicas", "2"), f"{ROLE_FIELD}.replicas:", "without quotes"),
    ("truth as number", at(f"{ROLE}.replicas", True), f"{ROLE_FIELD}.replicas:", "whole number"),
    ("huge float", at("seed", 1e308), "seed:", "whole number"),
    ("seed beyond 2**53", at("seed", 2**53 + 1), "seed:", "at most 9007199254740992"),
    ("negative priority", at("workloads.0.priority", -1), "workloads[0].priority:", "at least 0"),
    ("tier 10", at("workloads.0.tier", 10), "workloads[0].tier:", "at most 9"),
    ("negative quota", at("tenants.0.quota_gpu_milli", -1), "tenants[0].quota_gpu_milli:", "at least 0"),
    ("no weight", at("tenants.0.weight", 0), "tenants[0].weight:", "at least 1"),
    ("negative cap", at("fleet.power_caps.0.cap_w", -1), "fleet.power_caps[0].cap_w:", "at least 0"),
    ("device 64", at("running.0.replicas.0.devices.0.index", 64), "devices[0].index:", "at most 63"),
    ("device above the node", at("running.0.replicas.0.devices.0.index", 9), "running[0].replicas[0].devices:", "0 to"),
    ("no budget", at("budget", {"wall_ms": 0}), "budget.wall_ms:", "at least 1"),
    ("two budgets", at("budget", {"wall_ms": 5, "work": 5}), "budget:", "exactly one"),
    # names and kinds
    ("unknown field", at("workloads.0.colour", "red"), "workloads[0].colour:", "remove"),
    ("unknown kind", at("workloads.0.kind", "party"), "workloads[0].kind:", "training"),
    ("unknown health", at("fleet.nodes.0.health", "fine"), "fleet.nodes[0].health:", "healthy"),
    ("unknown mode", at("policy.rules.0.mode", "wish"), "policy.rules[0].mode:", "require"),
    ("control character", at("workloads.0.id", "a\u0007b"), "workloads[0].id:", "printable"),
    ("space at the end", at("workloads.0.id", "one "), "workloads[0].id:", "space"),
    ("bidi override", at("workloads.0.id", "a\u202eb"), "workloads[0].id:", "printable"),
    ("id too long", at("workloads.0.id", "x" * 254), "workloads[0].id:", "at most 253"),
    ("wrong version", at("schema_version", 2), "schema_version:", "1"),
    ("wrong fleet version", at("fleet.schema_version", 2), "fleet.schema_version:", "at most 1"),
    ("list for an object", at("fleet", []), "fleet:", "object"),
    ("object for a list", at("workloads", {}), "workloads:", "list"),
    ("null for a number", at(f"{ROLE}.replicas", None), f"{ROLE_FIELD}.replicas:", "whole number"),
    # duplicates
    ("workload twice", again("workloads"), "workloads[3].id:", "its own id"),
    ("running twice", again("running"), "running[1].workload.id:", "its own"),
    ("pending and running", at("running.0.workload.id", "one"), "running[0].workload.id:", "not both"),
    ("node twice", again("fleet.nodes"), "fleet.nodes[4].id:", "keep one"),
    ("level twice", again("fleet.levels"), "fleet.levels[2].name:", "keep one"),
    ("tenant twice", again("tenants"), "tenants[2].name:", "its own name"),
    ("group twice", again("groups"), "groups[1].name:", "its own name"),
    ("role twice", again("workloads.0.subgroups.0.roles"), "roles[1].name:", "its own name"),
    ("cap twice", again("fleet.power_caps"), "fleet.power_caps[1].domain:", "keep one"),
    ("rule twice", again("policy.rules"), "policy.rules", "keep one"),
    ("device twice", again("running.0.replicas.0.devices"), "running[0].replicas[0].devices:", "once"),
    # dangling
    ("running on no node", at("running.0.replicas.0.node", "n9"), "running[0].replicas[0].node:", "add the node"),
    ("running in no role", at("running.0.replicas.0.role", "x"), "running[0].replicas[0].role:", "name a"),
    ("running holds too little", at("running.0.replicas.0.devices", []), "replicas[0].devices:", "1000 milli"),
    ("path of no level", at("fleet.nodes.0.path.row", "x"), "fleet.nodes[0].path.row:", "block, rack"),
    ("cap of no domain", at("fleet.power_caps.0.domain", "b7/r0"), "fleet.power_caps[0].domain:", "b0/r0"),
    ("cap of no partition", at("fleet.power_caps.0.partition", "row"), "fleet.power_caps[0].partition:", "rack"),
    ("link to no node", at("fleet.links.0.b", "n9"), "fleet.links[0].b:", "name an end"),
    ("link to itself", at("fleet.links.0.b", "n0"), "fleet.links[0].b:", "two different"),
    ("order of other levels", at("level_order", ["rack", "row"]), "level_order:", "coarse to fine"),
    ("site of no node", at("fleet.sites", [SITE]), "path:", "sites"),
    ("level name with a colon", at("fleet.levels.0.name", "a:b"), "fleet.levels[0].name:", "reserved"),
    ("label with a slash", at("fleet.nodes.0.path.rack", "a/b"), "fleet.nodes[0].path.rack:", "'/'"),
    ("GPUs of no model", at("fleet.nodes.0.gpu_model", None), "fleet.nodes[0].gpu_model:", "name their model"),
    ("unhealthy GPU that is not there", at("fleet.nodes.0.unhealthy_gpus", [7]), "unhealthy_gpus:", "from 0"),
    ("maintenance that ends first", at("fleet.nodes.0.maintenance", [{"start_s": 5, "end_s": 5}]), "end_s:", "after"),
    # policy
    ("unknown rule", rule(name="prise"), f"{ADDED}.name:", "price"),
    ("objective as requirement", rule(name="price", mode="require", tier=0), f"{ADDED}.mode:", "prefer"),
    ("requirement with a price", rule(name="quota"), f"{ADDED}.mode:", "require"),
    ("unknown parameter", rule(name="price", tier=4, params={"x": 1}), f"{ADDED}.params.x:", "remove"),
    ("parameter of another type", rule(name="energy", tier=4, params={"tariff_micro_usd_kwh": ""}), "params.", "whole"),
    ("parameter that nests", rule(name="price", tier=4, params={"x": [[[[[[1]]]]]]}), "params.x", "nest"),
    ("negative weight", rule(name="price", tier=4, weight=-1), f"{ADDED}.weight:", "at least 0"),
    ("weight too large", rule(name="price", tier=4, weight=10**7), f"{ADDED}.weight:", "at most 1000000"),
    ("tier 0 of an objective", rule(name="price", tier=0), f"{ADDED}.tier:", "tier 1"),
    (
        "weights that overflow",
        rule(name="energy", tier=4, weight=10**6, params={"tariff_micro_usd_kwh": 10**12}),
        "policy.rules",
        "lower",
    ),
)  # fmt: skip


def judged(code: int, out: str, err: str, field: str, mend: str) -> None:
    assert (code, out) == (2, ""), err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert field in err
    assert mend in err.split(field, maxsplit=1)[1]


@pytest.mark.parametrize(("change", "field", "mend"), [row[1:] for row in DOCUMENTS], ids=[row[0] for row in DOCUMENTS])
def test_a_malformed_case_is_refused_whole(
    change: Callable[[Document], None], field: str, mend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = plain()
    change(document)
    (tmp_path / "case.json").write_text(json.dumps(document))
    code = run(["solve", str(tmp_path / "case.json"), "--out", str(tmp_path / "out.json")])
    judged(code, *capsys.readouterr(), field, mend)
    assert [path.name for path in tmp_path.iterdir()] == ["case.json"]


TEXT = json.dumps(plain())
NAMED = "case: "
BYTES: tuple[tuple[str, str, bytes, str, str], ...] = (
    ("nothing", "c.json", b"", NAMED, "mend the syntax"),
    ("half a document", "c.json", TEXT[:200].encode(), NAMED, "mend the syntax"),
    ("two documents", "c.json", (TEXT + TEXT).encode(), NAMED, "mend the syntax"),
    ("a list", "c.json", b"[]", NAMED, "object"),
    ("a text", "c.json", b'"case"', NAMED, "object"),
    ("null", "c.json", b"null", NAMED, "object"),
    ("NaN", "c.json", TEXT.replace('"seed": 0', '"seed": NaN').encode(), NAMED, "finite"),
    ("infinity", "c.json", TEXT.replace('"seed": 0', '"seed": -Infinity').encode(), NAMED, "finite"),
    ("5000 digits", "c.json", TEXT.replace('"seed": 0', f'"seed": {"9" * 5000}').encode(), NAMED, "2**53"),
    ("key twice", "c.json", TEXT.replace('"seed": 0', '"seed": 0, "seed": 1').encode(), NAMED, "keep one"),
    ("nested without end", "c.json", b'{"a":' * 100_000, NAMED, "nest"),
    ("nested lists without end", "c.json", b"[" * 100_000, NAMED, "nest"),
    ("UTF-16", "c.json", TEXT.encode("utf-16"), NAMED, "UTF-8"),
    ("Latin-1", "c.json", TEXT.replace("one", "é").encode("latin-1"), NAMED, "UTF-8"),
    ("a lone surrogate", "c.json", TEXT.replace('"one"', '"\\ud800"').encode(), NAMED, ""),
    ("a null byte", "c.json", TEXT.encode() + b"\0", NAMED, "mend the syntax"),
    ("packed, but not by its name", "c.json", gzip.compress(TEXT.encode()), NAMED, "UTF-8"),
    ("not packed, but by its name", "c.json.gz", TEXT.encode(), "c.json.gz: ", "readable"),
    ("truncated gzip", "c.json.gz", gzip.compress(TEXT.encode())[:-20], "c.json.gz: ", "readable"),
    ("gzip with a wrong sum", "c.json.gz", gzip.compress(TEXT.encode())[:-8] + b"\0" * 8, "c.json.gz: ", "readable"),
    ("comments", "c.json", b"// hello\n" + TEXT.encode(), NAMED, "mend the syntax"),
)


@pytest.mark.parametrize(("name", "data", "field", "mend"), [row[1:] for row in BYTES], ids=[row[0] for row in BYTES])
def test_bytes_that_are_no_case_are_refused(
    name: str, data: bytes, field: str, mend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    code = run(["solve", str(tmp_path / name), "--out", str(tmp_path / "out.json")])
    judged(code, *capsys.readouterr(), field, mend)
    assert [path.name for path in tmp_path.iterdir()] == [name]


LIMITS = (
    ("nodes", 3, "fleet.nodes: 4 nodes are more than the limit of 3"),
    ("workloads", 2, "workloads: 3 pending workloads are more"),
    ("replicas_per_role", 1, f"{ROLE_FIELD}.replicas: 2 replicas of role 'r' are more"),
    ("replicas", 3, "workloads: 4 replicas of all pending work are more"),
    ("message_bytes", 1024, "case: "),
)


@pytest.mark.parametrize(("name", "limit", "told"), LIMITS, ids=[row[0] for row in LIMITS])
@pytest.mark.parametrize("verb", ["solve", "check", "whatif"])
def test_a_case_beyond_a_limit_is_refused(
    verb: str,
    name: str,
    limit: int,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), str(limit))
    (tmp_path / "case.json").write_text(TEXT)
    more = {"solve": [], "check": [str(tmp_path / "case.json")], "whatif": ["--drain", "n0"]}[verb]
    code = run([verb, str(tmp_path / "case.json"), *more])
    judged(code, *capsys.readouterr(), told, PREFIX + name.upper())


def test_there_are_enough_of_them() -> None:
    names = [row[0] for row in (*DOCUMENTS, *BYTES)]
    assert len(names) == len(set(names)) >= 60
